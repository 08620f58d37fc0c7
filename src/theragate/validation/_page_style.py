"""The look of the validation page: no script, no font or image from elsewhere, fit for a phone and for paper."""

__all__ = ["STYLE"]

STYLE = """
:root{--ink:#1b2328;--soft:#51606a;--line:#d5dce1;--back:#f6f8f9;--good:#0b6b3a;--bad:#a3161e;--warn:#7a4b00}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:68rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.6rem;line-height:1.25;margin:0}
h2{font-size:1.2rem;margin:2rem 0 .5rem}
p{margin:.4rem 0;max-width:46rem}
.soft{color:var(--soft)}
.verdict{margin:1rem 0;padding:.8rem 1rem;border:1px solid var(--line);border-left:.5rem solid;background:#fff}
.verdict strong{font-size:1.15rem}
.good{border-left-color:var(--good)}.bad{border-left-color:var(--bad)}.warn{border-left-color:var(--warn)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:1rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse;background:#fff;border:1px solid var(--line)}
caption{text-align:left;color:var(--soft);padding:.3rem 0}
th,td{text-align:left;vertical-align:top;padding:.5rem .7rem;border-top:1px solid var(--line);overflow-wrap:anywhere}
th{font-weight:600}thead th{background:#eef2f4}
.mark{font-weight:600;white-space:nowrap}.mark.good{color:var(--good)}.mark.bad{color:var(--bad)}
.mark.warn{color:var(--warn)}
.small{font-size:.875rem;font-weight:400;color:var(--soft)}
th p{margin:.15rem 0}thead th:first-child{width:55%}thead th:nth-child(2){width:11rem}
code{font-size:.85em}
@media(max-width:40rem){thead{position:absolute;clip-path:inset(50%);height:1px;overflow:hidden}
tr{display:block;border-top:1px solid var(--line);padding:.5rem 0}
td,tbody th{display:block;border:0;padding:.1rem .7rem}
td[data-label]::before{content:attr(data-label) ": ";color:var(--soft)}
dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}
@media print{body{background:#fff;font-size:10pt}main{padding:0;max-width:none}tr,.verdict{break-inside:avoid}
thead{display:table-header-group}}
""".strip()
