"""How the page looks, in light and in dark; it loads nothing from anywhere."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de;
  --paper: #ffffff; --shade: #f3f5f7; --accent: #0550ae; --met: #116329; --missed: #a40e26;
  --unknown: #7d4e00; --mark: #fff3b8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9da7b1; --line: #3d444d; --paper: #0d1117; --shade: #161b22;
    --accent: #79b8ff; --met: #56d364; --missed: #ff8d85; --unknown: #e3b341; --mark: #5a4a00; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 76rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: .75rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h4 { font-size: .95rem; margin: 1.25rem 0 .25rem; }
p { margin: .25rem 0 .75rem; max-width: 60rem; }
a { color: var(--accent); }
.verdict { border-left: 4px solid var(--accent); padding: .25rem .9rem; font-size: 1.1rem;
  margin: .75rem 0; overflow-wrap: anywhere; }
.soft, caption { color: var(--soft); }
nav ul { list-style: none; margin: .75rem 0; padding: 0; display: flex; flex-wrap: wrap;
  gap: .25rem 1.25rem; }
.tiles { list-style: none; display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0;
  padding: 0; }
.tiles li { border: 1px solid var(--line); border-radius: 6px; padding: .6rem .9rem;
  min-width: 10rem; }
.tiles b { display: block; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .25rem 0 1rem; }
caption { text-align: left; padding-bottom: .25rem; font-size: .9rem; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left;
  vertical-align: top; overflow-wrap: break-word; }
thead th { background: var(--shade); font-size: .85rem; white-space: nowrap; }
tbody th { font-weight: 600; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.met, .missed, .unknown { font-weight: 600; white-space: nowrap; }
.met { color: var(--met); } .missed { color: var(--missed); } .unknown { color: var(--unknown); }
.bar { width: 150px; height: 14px; display: block; margin-top: .25rem; }
.bar .track { stroke: var(--line); stroke-width: 2; }
.bar .range { fill: var(--accent); opacity: .35; }
.bar .dot { fill: var(--accent); }
article { border: 1px solid var(--line); border-radius: 6px; padding: 1rem; margin: 1rem 0; }
article:target { border-color: var(--accent); border-width: 2px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
pre, code { font: 13px/1.45 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
pre { background: var(--shade); padding: .6rem; border-radius: 4px; margin: .25rem 0 .5rem;
  white-space: pre-wrap; overflow-wrap: anywhere; }
td pre { margin: .25rem 0 0; max-width: 34rem; }
mark { background: var(--mark); color: inherit; text-decoration: underline; }
details { margin: .25rem 0; } summary { cursor: pointer; }
@media print { details > * { display: block; } body { max-width: none; } nav { display: none; }
  details::details-content { content-visibility: visible; height: auto; }
  tr, .verdict { break-inside: avoid; } }
"""
