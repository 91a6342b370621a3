/** The page's style: system fonts, light and dark, nothing fetched. */
export const style = `
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#14181f;--dim:#5c6675;--line:#dfe3e9;--soft:#eef1f5;
--valid:#0f7b45;--valid-bg:#e2f5ea;--invalid:#b3261e;--invalid-bg:#fbe6e4;--unknown:#8a5a00;--unknown-bg:#fdf0d5;--link:#1d5fbf;
--floor:#64748b;--again:#a3adba;--series-1:#2563eb;--series-2:#d9730d;--series-3:#0d9668;--series-4:#8b3fd1;--series-5:#c02672;--series-6:#0e8aa8;--series-7:#7a6a12;
--process:#c3ccd8;--task:#9db8e8;--step:#b9c9b2;--phase:#d5cbe4;--calls:#2563eb;--fault:#d92d20;--recovery:#f0dcb0;--frozen:#5b53c9;--other:#c77700}
@media(prefers-color-scheme:dark){:root{--bg:#0f1318;--card:#171c23;--ink:#e8ecf2;--dim:#95a1b2;--line:#2a323d;--soft:#1f262f;
--valid:#4cc985;--valid-bg:#12301f;--invalid:#ff8a80;--invalid-bg:#3a1614;--unknown:#f2b84b;--unknown-bg:#33260b;--link:#7fb0ff;
--floor:#94a3b8;--again:#5d6b7d;--series-1:#6ea0ff;--series-2:#f59b4a;--series-3:#3fca98;--series-4:#bd8bf5;--series-5:#f47bb0;--series-6:#4fc3dd;--series-7:#cdb84a;
--process:#3c4756;--task:#33507f;--step:#3c5138;--phase:#4b3f60;--calls:#6ea0ff;--fault:#ff6b5e;--recovery:#574518;--frozen:#9d97ff;--other:#e8a33d}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;-webkit-font-smoothing:antialiased}
main,header .in{max-width:1120px;margin:0 auto;padding:0 24px}
header{background:var(--card);border-bottom:1px solid var(--line)}
header .in{display:flex;align-items:center;gap:20px;min-height:48px}
.brand{font-weight:700;letter-spacing:-.01em}.brand i{display:inline-block;width:9px;height:9px;border-radius:2px;background:var(--series-1);box-shadow:5px 5px 0 -1px var(--series-3);margin-right:12px}
nav{display:flex;gap:4px;flex-wrap:wrap}nav a,nav b{padding:4px 10px;border-radius:6px;font-size:14px;font-weight:500;color:var(--dim);text-decoration:none}
nav b{background:var(--soft);color:var(--ink)}nav a:hover{background:var(--soft)}
nav span{display:inline-block;width:8px;height:8px;border-radius:50%;margin-right:7px}nav .valid{background:var(--valid)}nav .invalid{background:var(--invalid)}nav .unknown{background:var(--unknown)}
header time{margin-left:auto;color:var(--dim);font-size:13px}
a{color:var(--link)}code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.9em}
.hero{display:grid;grid-template-columns:auto 1fr;gap:22px;align-items:center;padding:26px 0 18px}
.verdict{padding:14px 22px;border-radius:12px;font-size:26px;font-weight:750;letter-spacing:.01em;text-align:center;text-transform:uppercase}
.verdict.valid{background:var(--valid-bg);color:var(--valid)}.verdict.invalid{background:var(--invalid-bg);color:var(--invalid)}.verdict.unknown{background:var(--unknown-bg);color:var(--unknown)}
h1{margin:0;font-size:25px;line-height:1.2;letter-spacing:-.015em}.hero p{margin:5px 0 0;color:var(--dim);max-width:78ch}
.warning{margin:0 0 14px;padding:9px 14px;border-radius:9px;background:var(--unknown-bg);color:var(--unknown);font-weight:550}
.failure{margin:0 0 14px;padding:12px 16px;border-radius:9px;background:var(--invalid-bg)}.failure pre{margin:0;white-space:pre-wrap}
.figures,.facts{display:grid;gap:12px}.figures{grid-template-columns:repeat(auto-fit,minmax(230px,1fr));margin-bottom:12px}.facts{grid-template-columns:repeat(3,1fr)}
.card{background:var(--card);border:1px solid var(--line);border-radius:11px;padding:13px 16px}
.card h4{margin:0;color:var(--dim);font-size:12.5px;font-weight:550}.card strong{display:block;font-size:16px;font-weight:650;margin-top:1px}
.card p{margin:3px 0 0;color:var(--dim);font-size:12.5px;line-height:1.42}.figures strong{font-size:30px;letter-spacing:-.02em;line-height:1.25;font-variant-numeric:tabular-nums}
section{background:var(--card);border:1px solid var(--line);border-radius:13px;padding:20px 24px 18px;margin:16px 0}
.measured{margin-top:44px}
h2{margin:0 0 4px;font-size:18.5px;letter-spacing:-.01em}h3{margin:20px 0 6px;font-size:14px}
.lead{margin:0 0 14px;color:var(--dim);font-size:13.5px;max-width:98ch}.note{color:var(--dim);font-size:13px;margin:12px 0 0}
table{border-collapse:collapse;width:100%;font-size:13.5px}th{font-weight:550;color:var(--dim);text-align:left;font-size:12.5px}th,td{padding:7px 12px 7px 0;border-bottom:1px solid var(--line);vertical-align:middle}
tbody tr:last-child td,tbody tr:last-child th{border-bottom:0}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.strong{font-weight:700;font-size:15px}.dim{color:var(--dim)}
.ratios td b{font-weight:600}.ratios small{display:block;color:var(--dim);font-size:12px;line-height:1.35;max-width:36ch;padding-left:18px}.ratios .plot{width:330px;padding-right:0}.ratios .again td{border-top:1px solid var(--line);opacity:.85}
.dot{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:8px}
.latencies .published{background:var(--soft);font-style:italic;padding-left:12px}.latencies .alone td:first-child{padding-left:18px;color:var(--dim)}
figure{margin:6px 0 0}svg.wide{width:100%;height:auto;display:block}svg text{fill:var(--ink);font:12px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
svg .tick,svg .sub{fill:var(--dim);font-size:11px}svg .label{font-size:13px;font-weight:550}svg .value{font-size:13px;font-weight:650;font-variant-numeric:tabular-nums}svg text.curve{font-size:12px;font-weight:600}
.grid{stroke:var(--line);stroke-width:1}.grid.one{stroke:var(--dim)}.base{stroke:var(--line)}.rule{stroke:var(--line)}
svg .machine{font-weight:700;font-size:13px}svg .lane{fill:var(--dim);font-size:11.5px}
.span.process rect{fill:var(--process)}.span.task rect{fill:var(--task)}.span.step rect{fill:var(--step)}.span.phase rect{fill:var(--phase)}.span.calls rect{fill:var(--calls)}.span.stall rect{fill:var(--fault)}
.span text{font-size:10.5px;pointer-events:none}.span.calls text,.span.stall text{fill:#fff}@media(prefers-color-scheme:dark){.span.calls text,.span.stall text{fill:#0b0e12}}
.span:hover rect{filter:brightness(1.12)}.stallband{fill:var(--fault);opacity:.09}.alive{fill:var(--process)}.span.recovery rect{fill:var(--recovery)}
.span.harm rect{stroke-width:1.3}.span.harm.dead rect{fill:var(--invalid-bg);stroke:var(--fault);stroke-dasharray:4 3}.span.harm.dead text{fill:var(--invalid);font-weight:650}
.span.harm.frozen rect{fill:var(--frozen)}.span.harm.frozen text{fill:var(--card);font-weight:650}.span.harm.other rect{fill:var(--other)}.span.harm.other text{fill:var(--card);font-weight:650}
.mark.fault line{stroke:var(--fault);stroke-width:1.4;stroke-dasharray:5 3}.mark.fault circle{fill:var(--fault)}svg .mark.fault text{fill:var(--card);font-weight:700;font-size:11px}
.mark.event path{fill:var(--ink)}.mark.event text{font-size:11px;fill:var(--dim)}
.paneltitle{font-weight:600}svg text.paneltitle{fill:var(--dim);font-size:11.5px;paint-order:stroke;stroke:var(--card);stroke-width:5px}.panel path{fill:none;stroke-linejoin:round}.panel .p50{stroke:var(--series-1);stroke-width:1.8}.panel .p99{stroke:var(--series-2);stroke-width:1.4;stroke-dasharray:5 2}
.panel .max{fill:var(--floor)}.panel .pace{fill:var(--series-1);fill-opacity:.22;stroke:var(--series-1);stroke-width:1.2}svg text.curve.p50{fill:var(--series-1);stroke:none}svg text.curve.p99{fill:var(--series-2);stroke:none}svg text.curve.max{fill:var(--floor)}
.flag{display:inline-block;min-width:19px;height:19px;line-height:19px;border-radius:10px;background:var(--fault);color:var(--card);font-weight:700;font-size:11px;text-align:center}.missed .flag{background:var(--unknown)}.faults{margin:0 0 14px}.faults td{padding-top:5px;padding-bottom:5px}.faults td:first-child,.faults th:first-child{width:34px}
.state{font-weight:600}.state.pending{color:var(--unknown)}.state.recovered{color:var(--valid)}
.operation rect{fill:var(--series-1);opacity:.28}.operation.get rect{fill:var(--series-2)}.operation.delete rect{fill:var(--series-4)}.operation.open rect{stroke:var(--fault);stroke-dasharray:4 3}.operation .recovered{stroke:var(--fault);stroke-width:3}.counterexample figcaption{font-size:13px;color:var(--dim)}
.legend{display:flex;flex-wrap:wrap;gap:6px 18px;margin:10px 0 0;color:var(--dim);font-size:12.5px}.key i{display:inline-block;width:14px;height:9px;border-radius:2px;margin-right:6px}
.key.process i{background:var(--process)}.key.task i{background:var(--task)}.key.step i{background:var(--step)}.key.phase i{background:var(--phase)}.key.calls i{background:var(--calls)}.key.stall i,.key.fault i{background:var(--fault)}.key.fault i{border-radius:50%;width:9px}.key.recovery i{background:var(--recovery)}.key.event i{background:var(--ink);width:8px;height:8px;transform:rotate(45deg)}
.key.harm.dead i{background:var(--invalid-bg);outline:1px dashed var(--fault)}.key.harm.frozen i{background:var(--frozen)}.key.harm.other i{background:var(--other)}
.checks{list-style:none;margin:8px 0 0;padding:0}.checks li{display:grid;grid-template-columns:76px 1fr;gap:14px;padding:10px 0;border-bottom:1px solid var(--line)}.checks li:last-child{border:0}.checks p{margin:2px 0 0}
.badge{height:22px;line-height:22px;border-radius:6px;text-align:center;font-size:11.5px;font-weight:700;text-transform:uppercase;letter-spacing:.03em}.badge.valid{background:var(--valid-bg);color:var(--valid)}.badge.invalid{background:var(--invalid-bg);color:var(--invalid)}.badge.unknown{background:var(--unknown-bg);color:var(--unknown)}
details summary{cursor:pointer;color:var(--dim);font-size:12.5px}details pre,.commands{background:var(--soft);border-radius:8px;padding:11px 14px;overflow:auto;max-height:340px;margin:6px 0 0;white-space:pre-wrap;overflow-wrap:anywhere}
.two{display:grid;grid-template-columns:1fr 1fr;gap:28px}.plain th{width:120px;vertical-align:top}.plain td{overflow-wrap:anywhere}.plain th,.plain td{padding:4px 10px 4px 0}
.commands{user-select:all}.commands.one{margin:10px 0 0}.note.under{margin:3px 0 0}
footer{color:var(--dim);font-size:12.5px;padding:4px 0 36px}
@media(max-width:900px){.facts,.two,.hero{grid-template-columns:1fr}section{overflow-x:auto}}
@media print{section{break-inside:avoid}}
`;
