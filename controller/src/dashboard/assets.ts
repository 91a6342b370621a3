/** What the pages load besides themselves, from the same place: a stylesheet and a few lines of script. */
import { style } from '../report/style.ts';

const everyMs = 1_000;

export const script = `'use strict';
const now = document.getElementById('now');
async function look() {
  try {
    const answer = await fetch('/now', { cache: 'no-store' });
    if (!answer.ok) throw new Error(String(answer.status));
    now.innerHTML = await answer.text();
    document.body.classList.remove('silent');
  } catch {
    document.body.classList.add('silent');
  }
  setTimeout(look, ${everyMs});
}
setTimeout(look, ${everyMs});
`;

export const stylesheet = `${style}
.lost{display:none;margin-left:auto;color:var(--invalid);font-weight:600}.silent .lost{display:block}.silent main{opacity:.45}
.spark{display:block;width:100%;height:34px;margin:2px 0}.spark polyline{fill:none;stroke:var(--series-1);stroke-width:1.6}
meter{width:100%;height:14px}.state.struck{color:var(--invalid)}.state.healed{color:var(--valid)}.state.failed{color:var(--unknown)}.state.waits{color:var(--dim)}
#machines td{vertical-align:top}#machines tbody th{vertical-align:top;color:var(--ink);font-size:14px}
`;
