"""How pages look that refer to nothing outside themselves."""

CSS = """
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1a1a1a; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { margin: 0; font-size: 1rem; font-weight: 600; color: #5f5f5f; overflow-wrap: anywhere; }
h2 { margin: 3rem 0 .25rem; font-size: 1.25rem; }
p { margin: 0 0 .75rem; max-width: 44rem; color: #444; }
p.headline { margin: .25rem 0 1.5rem; max-width: none; font-size: 1.6rem; line-height: 1.3; font-weight: 600;
  color: #1a1a1a; }
ul.warnings { margin: 0 0 1.5rem; padding: .75rem 1rem .75rem 2rem; background: #fff4e5;
  border-left: 4px solid #d55e00; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem 0 .4rem 1rem; border-bottom: 1px solid #e6e6e6; text-align: right; white-space: nowrap; }
thead th { color: #5f5f5f; font-weight: 600; }
th:first-child, td.note { text-align: left; }
th:first-child { padding-left: 0; }
tbody th { font-weight: 600; }
td.note, td.aim { color: #5f5f5f; }
td.note { white-space: normal; font-size: .875rem; }
td.after { font-weight: 600; color: #0072b2; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem; margin: 1.5rem 0 0; }
dt { color: #5f5f5f; font-size: .875rem; }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
svg { display: block; width: 100%; min-width: 40rem; height: auto; }
svg * { stroke-linejoin: round; stroke-linecap: butt; }
svg text { font-family: inherit !important; font-variant-numeric: tabular-nums; }
footer { margin-top: 3rem; color: #5f5f5f; font-size: .875rem; }
@media (max-width: 45rem) { th:nth-child(2), td.note { display: none; } }
@media print { main { max-width: none; padding: 0; } section { break-inside: avoid; } }
"""
