/** What the index of a campaign has beside the style of reports. */
export const matrixStyle = `
.scroll{overflow-x:auto}.matrix{width:auto}.matrix th{white-space:nowrap}.matrix td,.matrix tbody th{padding:5px 14px 5px 0;vertical-align:middle}
.matrix tbody th{position:sticky;left:0;background:var(--card);color:var(--ink);font-size:13px;padding-right:22px}
.matrix td{min-width:58px}.matrix tbody tr:hover td,.matrix tbody tr:hover th{background:var(--soft)}
.matrix .fault{vertical-align:bottom;padding:0 14px 8px 0}.matrix .fault span{writing-mode:vertical-rl;transform:rotate(180deg);line-height:1}
.marks{display:flex;flex-wrap:wrap;gap:3px;max-width:104px}
.mark{display:inline-block;min-width:22px;height:22px;line-height:22px;border-radius:5px;text-align:center;font-weight:700;font-size:13px;text-decoration:none}
.mark.valid{background:var(--valid-bg);color:var(--valid)}.mark.unknown{background:var(--unknown-bg);color:var(--unknown)}.mark.invalid{background:var(--invalid);color:var(--card)}
a.mark:hover,a.mark:focus{outline:2px solid var(--link)}
.matrix small{display:block;color:var(--dim);font-size:11px;line-height:1.3}.told{max-width:44ch}
`;
