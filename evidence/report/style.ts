/**
 * The page's style: for a screen in light or dark, narrow or wide, and for paper.
 *
 * Colours are pairs that are told apart at 4.5 to 1 or better in both schemes, and never say anything alone. Fonts are the
 * reader's own, since nothing is fetched. What comes from outside may be any text: long words break, marks cannot leave
 * their line's box, and text of the other direction stays inside of its own element.
 */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ground: #f5f6f8; --ink: #1b1f24; --soft: #545c66; --line: #d3d8de; --link: #0b57b0;
  --good: #14602f; --good-ground: #e5f4ea; --bad: #a1121d; --bad-ground: #fdeaea; --open: #744600; --open-ground: #fff2d6;
  --plain: #3d4651; --plain-ground: #eceff3; --focus: #0b57b0;
  --map-x: #bcd3f2; --map-x-ink: #1c4a86; --map-w: #f6dfb4; --map-w-ink: #7a4d05; --map-r: #d6e5d3; --map-wx: #f3b6b6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --ground: #1d2228; --ink: #e7eaee; --soft: #a9b1bb; --line: #3a424c; --link: #8ab8f5;
    --good: #86d9a4; --good-ground: #12301d; --bad: #ff9d9d; --bad-ground: #421619; --open: #f3c675; --open-ground: #38290a;
    --plain: #c3cad3; --plain-ground: #2a313a; --focus: #8ab8f5;
    --map-x: #27456d; --map-x-ink: #a9c9f5; --map-w: #57431c; --map-w-ink: #f3d391; --map-r: #2b4230; --map-wx: #7a2a2e;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
code, .source, .small, .strong { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .875em; }
code, td, th, li, dd { unicode-bidi: isolate; }
code.hash { font-size: .75em; color: var(--soft); }
a { color: var(--link); }
h1, h2, h3 { line-height: 1.25; margin: 0; text-wrap: balance; }
h1 { font-size: 1.75rem; }
h2 { font-size: 1.25rem; display: inline; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; max-width: 75ch; }
.note, .kicker, .sum, .target { color: var(--soft); font-size: .875rem; }
.kicker { margin: 0 0 .25rem; }
.target { display: block; font-weight: normal; font-size: 1rem; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: -100vw; top: 0; background: var(--paper); padding: .5rem 1rem; z-index: 2; }
.skip:focus { left: 0; }
.page { max-width: 84rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; display: grid; gap: 0 2.5rem; grid-template-columns: minmax(0, 1fr); }
header { border-bottom: 1px solid var(--line); padding-bottom: 1rem; }
nav { font-size: .9rem; padding: 1rem 0; }
nav h2 { font-size: .8rem; font-weight: 600; color: var(--soft); display: block; margin: 0 0 .4rem; }
nav ul { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .1rem 1rem; }
nav a { text-decoration: none; display: inline-block; padding: .15rem 0; }
nav a:hover { text-decoration: underline; }
@media (min-width: 68rem) {
  .page { grid-template-columns: 12rem minmax(0, 1fr); }
  header { grid-column: 1 / -1; }
  nav { position: sticky; top: 0; align-self: start; padding-top: 1.5rem; max-height: 100vh; overflow: auto; }
  nav ul { display: block; }
}
.verdict { border: 2px solid currentColor; border-radius: .5rem; padding: .75rem 1.25rem; margin: 1rem 0; }
.verdict p { margin: 0; color: var(--ink); }
.verdict .word { font-size: 1.5rem; font-weight: 700; color: inherit; display: flex; gap: .6rem; align-items: center; }
.good { --sign: "✓"; } .bad { --sign: "✗"; } .open { --sign: "?"; } .plain { --sign: "•"; }
.badge::before, .verdict .word::before { content: var(--sign); content: var(--sign) / ""; }
.badge::before { margin-right: .35rem; }
.verdict .word::before { width: 2.25rem; height: 2.25rem; border: 3px solid currentColor; border-radius: 50%; display: inline-grid; place-items: center; font-size: 1.25rem; flex: none; }
.verdict.open, .verdict.open .word::before { border-style: dashed; }
.good { color: var(--good); background: var(--good-ground); }
.bad { color: var(--bad); background: var(--bad-ground); }
.open { color: var(--open); background: var(--open-ground); }
.plain.badge, .plain.verdict { color: var(--plain); background: var(--plain-ground); }
.badge { display: inline-block; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .6rem; font-size: .8125rem; font-weight: 600; line-height: 1.45; font-family: system-ui, sans-serif; }
td .badge, .whole { white-space: nowrap; }
.badge.open { border-style: dashed; }
.bad.badge { border-width: 2px; }
main section { border-bottom: 1px solid var(--line); padding: 1rem 0; }
main.large section { content-visibility: auto; contain-intrinsic-size: auto 30rem; }
details.section > summary { padding: .25rem 0; }
summary { cursor: pointer; }
summary:hover h2, summary:hover .name { text-decoration: underline; }
.section > summary > .sum { margin-left: .5rem; display: inline-block; }
.body { padding: .25rem 0 .5rem; }
.facts { display: grid; gap: .15rem 1rem; margin: .75rem 0; }
.facts > div { display: grid; grid-template-columns: minmax(7rem, 11rem) minmax(0, 1fr); gap: 1rem; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: var(--soft); font-size: .875rem; padding: 0 0 .35rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); min-width: 3.5rem; max-width: 40rem; }
th { font-weight: 600; }
tbody th { font-weight: normal; }
thead th { border-bottom: 2px solid var(--line); white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.findings { table-layout: fixed; min-width: 40rem; }
.findings th:nth-child(1) { width: 8.5rem; } .findings thead th:nth-child(2) { width: 15rem; } .findings thead th:nth-child(3) { width: 6.5rem; }
ul.lines, ul.plain { margin: .35rem 0; padding-left: 1.2rem; }
.lines li { margin: .15rem 0; }
td p { margin: 0; }
td .lines { font-size: .85rem; color: var(--soft); }
.more > summary { color: var(--soft); font-size: .85rem; }
.quote { color: var(--soft); }
.worse { border-left: 4px double var(--bad); padding-left: .75rem; }
.filter { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: center; background: var(--ground); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .9rem; margin: .75rem 0; font-size: .9rem; }
.filter[hidden] { display: none; }
.filter label { display: inline-flex; gap: .45rem; align-items: center; }
.filter input, .filter select, button { font: inherit; color: var(--ink); background: var(--paper); border: 1px solid var(--soft); border-radius: .3rem; padding: .25rem .5rem; max-width: 14rem; }
.filter output { color: var(--soft); font-variant-numeric: tabular-nums; }
#folds { margin-top: .75rem; display: flex; flex-wrap: wrap; gap: .5rem; }
#folds[hidden] { display: none; }
button { cursor: pointer; }
button:hover { background: var(--ground); }
details.function { border-top: 1px solid var(--line); padding: .3rem 0; content-visibility: auto; contain-intrinsic-size: auto 2.2rem; background: none; color: inherit; }
details.function > summary { padding: .1rem 0; }
details.function > .scroll, details.function > .facts, details.function > .note { margin-left: 1.1rem; }
.source { background: var(--ground); border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0 .5rem 1.1rem; padding: .5rem 0; overflow-x: auto; color: var(--soft); }
.source li { margin-left: 3.5rem; padding: 0 .75rem; border-left: 3px solid transparent; white-space: pre-wrap; tab-size: 2; }
.source code { font-size: 1em; color: var(--ink); white-space: pre-wrap; }
.source .clause code { font-weight: 700; }
.source .on-good { border-left-color: var(--good); }
.source .on-bad { border-left: 3px double var(--bad); background: var(--bad-ground); }
.source .on-open { border-left: 3px dashed var(--open); background: var(--open-ground); }
figure { margin: 1rem 0; }
figcaption { font-weight: 600; }
svg { display: block; overflow: hidden; }
svg text { fill: var(--ink); font-size: 12px; }
svg .strong { font-weight: 700; } svg .small { fill: var(--soft); font-size: 11px; }
.lead { fill: none; stroke: var(--soft); stroke-width: 1; }
.map rect { stroke: var(--soft); stroke-width: .75; }
.fill-x { fill: url(#hatch); } .fill-w { fill: url(#dots); } .fill-r { fill: var(--map-r); } .fill-wx { fill: url(#cross); } .fill-none { fill: var(--plain-ground); }
.map .ground-x { fill: var(--map-x); stroke: none; } .map .ground-w { fill: var(--map-w); stroke: none; } .map .ground-wx { fill: var(--map-wx); stroke: none; }
.ink { stroke: var(--map-x-ink); stroke-width: 1.6; } .dot { fill: var(--map-w-ink); } .ink-bad { stroke: var(--bad); fill: none; }
.map .gap, .map .cut { fill: none; stroke-dasharray: 3 3; } .map .cut { stroke-dasharray: 1 5; stroke-width: 2; }
.map .zeros { fill: var(--paper); fill-opacity: .6; stroke: var(--map-w-ink); stroke-dasharray: 2 2; } .map .inside { fill: var(--ink); stroke: none; }
.bar { fill: var(--map-x-ink); } .axis { stroke: var(--soft); } .level { stroke: var(--ink); stroke-dasharray: 5 4; }
footer { grid-column: 1 / -1; color: var(--soft); font-size: .875rem; padding-top: 1rem; }
@media screen { .left-out { display: none; } }
@media (max-width: 40rem) {
  body { font-size: 15px; } .page { padding: 1rem .9rem 3rem; } h1 { font-size: 1.4rem; }
  .facts > div { grid-template-columns: minmax(0, 1fr); gap: 0; margin-bottom: .35rem; }
  .section > summary > .sum { display: block; margin: .25rem 0 0; }
  .filter input, .filter select { max-width: 100%; }
}
@page { margin: 16mm 14mm; }
@media print {
  :root {
    color-scheme: light;
    --paper: #fff; --ground: #f5f6f8; --ink: #000; --soft: #40464d; --line: #b8bec6; --link: #000;
    --good: #14602f; --good-ground: #fff; --bad: #a1121d; --bad-ground: #fff; --open: #744600; --open-ground: #fff;
    --plain: #3d4651; --plain-ground: #fff;
    --map-x: #bcd3f2; --map-x-ink: #1c4a86; --map-w: #f6dfb4; --map-w-ink: #7a4d05; --map-r: #d6e5d3; --map-wx: #f3b6b6;
  }
  body { font-size: 10pt; }
  .page { display: block; max-width: none; padding: 0; }
  nav, .filter, #folds, .skip { display: none !important; }
  details::details-content { content-visibility: visible; display: block; block-size: auto; }
  details.function, main.large section { content-visibility: visible; }
  .scroll, .source { overflow: visible; }
  svg { max-width: 100%; height: auto; }
  table, .findings { min-width: 0; font-size: 9pt; }
  .findings thead th:nth-child(1) { width: 6.5rem; } .findings thead th:nth-child(2) { width: 9.5rem; } .findings thead th:nth-child(3) { width: 5rem; }
  td .lines, .note, .sum, caption, .badge { font-size: 8.5pt; }
  h2, h3, caption, summary { break-after: avoid; }
  tr, figure, .verdict, .source li { break-inside: avoid; }
  thead { display: table-header-group; }
  * { print-color-adjust: exact; }
}
`;
