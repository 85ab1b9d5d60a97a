"""The style sheet of the report: light and dark, wide and narrow, screen and paper; no font or file from elsewhere."""

STYLE = """
:root { color-scheme: light dark; --ink:#1d232b; --quiet:#5b6672; --ground:#f6f7f9; --sheet:#fff; --rule:#dfe3e8;
  --good:#0b7a53; --good-ground:#e3f4ec; --bad:#b3202e; --bad-ground:#fbe7e8; --open:#8a5a00; --open-ground:#fdf1da;
  --blue:#2f6fb3; }
@media (prefers-color-scheme: dark) { :root { --ink:#e7eaee; --quiet:#a0abb7; --ground:#12161b; --sheet:#1a2027;
  --rule:#313a44; --good:#5fd3a3; --good-ground:#123528; --bad:#ff8f98; --bad-ground:#41191d; --open:#f3c068;
  --open-ground:#3b2d10; --blue:#7db4ee; } }
* { box-sizing:border-box; }
body { margin:0; background:var(--ground); color:var(--ink);
  font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif; }
main { max-width:70rem; margin:0 auto; padding:2rem 1.25rem 4rem; }
h1 { font-size:1.6rem; line-height:1.25; margin:0 0 .75rem; overflow-wrap:anywhere; }
h2 { font-size:1.15rem; margin:2.25rem 0 .75rem; }
p { margin:.5rem 0; max-width:46rem; }
.facts { display:flex; flex-wrap:wrap; gap:.35rem 1.6rem; margin:0; padding:0; }
.facts div { display:flex; gap:.45rem; min-width:0; }
.facts dt { color:var(--quiet); }
.facts dd { margin:0; font-weight:600; overflow-wrap:anywhere; }
.verdict { border-radius:.6rem; padding:.9rem 1.1rem; margin:1.4rem 0 0; border-left:.4rem solid; }
.verdict strong { display:block; font-size:1.15rem; }
.verdict p { margin:.15rem 0 0; color:var(--ink); max-width:none; }
.pass { color:var(--good); background:var(--good-ground); }
.fail { color:var(--bad); background:var(--bad-ground); }
.not_enough_evidence { color:var(--open); background:var(--open-ground); }
.sheet { background:var(--sheet); border:1px solid var(--rule); border-radius:.6rem; padding:.35rem 1.1rem; }
table { border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums; }
th,td { text-align:right; padding:.55rem .6rem; border-bottom:1px solid var(--rule); white-space:nowrap; }
th { color:var(--quiet); font-weight:500; font-size:.9rem; }
th:first-child,td:first-child { text-align:left; padding-left:0; }
th:last-child,td:last-child { padding-right:0; }
tbody tr:last-child td { border-bottom:0; }
.mark { font-weight:700; }
.mark.met { color:var(--good); } .mark.missed { color:var(--bad); } .mark.undecided { color:var(--open); }
.scale { display:block; width:9rem; height:1.5rem; margin-left:auto; }
.scale .track { stroke:var(--rule); stroke-width:2; } .scale .range { stroke:var(--blue); stroke-width:6; opacity:.45; }
.scale .point { fill:var(--blue); } .scale .limit { stroke:var(--ink); stroke-width:2; }
.note { color:var(--quiet); font-size:.95rem; }
.plots { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr)); gap:1.1rem; }
figure { margin:0; background:#fff; border:1px solid var(--rule); border-radius:.6rem; padding:.8rem; }
figure img { width:100%; height:auto; display:block; }
figcaption { color:#4d5762; font-size:.9rem; margin-top:.5rem; }
footer { color:var(--quiet); font-size:.9rem; margin-top:2.5rem; }
@media (max-width:44rem) {
  main { padding:1.25rem .9rem 3rem; }
  .stacked thead { display:none; }
  .stacked tr { display:grid; grid-template-columns:1fr auto; gap:.1rem 1rem; padding:.7rem 0;
    border-bottom:1px solid var(--rule); }
  .stacked tbody tr:last-child { border-bottom:0; }
  .stacked td { display:contents; }
  .stacked td > * { text-align:right; }
  .stacked td::before { content:attr(data-of); color:var(--quiet); text-align:left; }
  .stacked td:first-child { display:block; grid-column:1/-1; border:0; padding:0; font-weight:600; }
  .stacked td:first-child::before { content:none; }
}
@media print {
  :root { color-scheme:light; --ink:#000; --quiet:#444; --ground:#fff; --sheet:#fff; --rule:#bbb; --good:#0b7a53;
    --good-ground:#fff; --bad:#b3202e; --bad-ground:#fff; --open:#8a5a00; --open-ground:#fff; --blue:#2f6fb3; }
  main { padding:0; max-width:none; } .plots { grid-template-columns:1fr 1fr; }
  figure,.verdict,tr { break-inside:avoid; } h2 { break-after:avoid; }
}
"""
