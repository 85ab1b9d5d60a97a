"""What the style sheet of reports adds to that of evaluations: tiles, drawings, marks."""

from typing import Final

STYLE: Final = """
h3 { font-size:1rem; margin:1.6rem 0 .2rem; } h3 em { font-style:normal; font-weight:500; font-size:.85rem;
  color:var(--blue); border:1px solid currentColor; border-radius:.6rem; padding:.05rem .5rem; margin-left:.4rem; }
h2 { border-top:1px solid var(--rule); padding-top:1.4rem; font-size:1.25rem; }
.matters { list-style:none; margin:1.3rem 0 0; padding:0; display:grid; gap:.5rem; }
.matters li { border-left:.4rem solid; border-radius:.5rem; padding:.55rem .9rem; }
.matters span { color:var(--ink); }
.bad { color:var(--bad); background:var(--bad-ground); } .open { color:var(--open); background:var(--open-ground); }
.good { color:var(--good); background:var(--good-ground); }
.tiles { display:grid; grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr)); gap:.7rem; margin:1.2rem 0 0; }
.tiles div { background:var(--sheet); border:1px solid var(--rule); border-radius:.6rem; padding:.6rem .9rem; }
.tiles dt { color:var(--quiet); font-size:.85rem; } .tiles dd { margin:.1rem 0 0; font-size:1.35rem; font-weight:600;
  font-variant-numeric:tabular-nums; }
.scroll { overflow-x:auto; background:var(--sheet); border:1px solid var(--rule); border-radius:.6rem;
  padding:.8rem .9rem; margin:.8rem 0; }
.drawing { display:block; width:100%; min-width:44rem; height:auto; font-size:12px; }
.plots { margin-top:1rem; gap:0 1.1rem; } .plots .drawing { min-width:0; }
.drawing text { fill:var(--quiet); } .drawing .title { fill:var(--ink); font-weight:600; }
.drawing .inside { fill:#fff; }
.grid { stroke:var(--rule); stroke-width:1; } .axis { stroke:var(--quiet); stroke-width:1; }
.drawing .limit { stroke:var(--bad); stroke-width:1; stroke-dasharray:4 4; }
.cut { stroke:var(--ink); stroke-width:1.5; stroke-dasharray:4 3; }
.promotion { stroke:var(--ink); stroke-width:1.2; stroke-dasharray:2 3; }
.fallback { stroke:var(--bad); stroke-width:1.6; stroke-dasharray:6 3; }
.band0 { fill:#2f6fb3; } .band1 { fill:#1d4a7d; } .release { fill:#0b7a53; } .withdrawn { fill:#7a3b42; }
.alarm.critical { fill:#b3202e; } .alarm.warning { fill:#b5730a; }
.volume { fill:var(--blue); opacity:.75; } .failed,.flagged { fill:var(--bad); }
.drawing polyline { fill:none; stroke-width:1.8; } .p50 { stroke:var(--blue); } .p95 { stroke:var(--ink); }
.psi { stroke:var(--quiet); } .drawing .dot { stroke:none; } .dot.p50 { fill:var(--blue); } .dot.p95 { fill:var(--ink); }
.dot.psi { fill:var(--quiet); } .drifted { fill:var(--bad); }
line.p50,line.p95 { stroke-width:2.4; }
td small { color:var(--quiet); display:block; } td .missed { color:var(--bad); } td b { font-weight:600; }
.scale .estimated { stroke:var(--open); } .scale .point.estimated { fill:var(--open); stroke:none; }
.scale .point.range { stroke:none; opacity:1; }
.wide td { white-space:normal; } .wide td:nth-child(-n+2) { white-space:nowrap; }
.wide td:nth-child(n+2),.wide th:nth-child(n+2) { text-align:left; }
@media (max-width:44rem) { td { white-space:normal; } .scale { width:8rem; } }
@media print { .scroll { overflow:visible; } .drawing { min-width:0; } }
"""
