/**
 * The report: one page that holds everything, for whoever decides, audits, or keeps it with the release.
 *
 * It fetches nothing and can run nothing: the policy in its head lets one script and one style through, by their hashes,
 * and neither forms, frames, pictures nor addresses. So it can be opened from a mail, a share or a stick, and what hostile
 * names hold stays text (html.ts). The order is that of questions: may this go out, what is wrong, how is it protected,
 * what is proved, what is believed, what has changed, and what was it made from.
 */
import { createHash } from '../../base/node.ts';
import { addressesSection } from './addresses.ts';
import { changesSection } from './changes.ts';
import { contractsSection } from './contracts.ts';
import { coqSection } from './coq.ts';
import { findingsSection } from './findings.ts';
import { attributes, type Html, html, scriptElement, styleElement, textOfHtml } from './html.ts';
import type { ReportInput } from './input.ts';
import { kernelSection } from './kernel.ts';
import { assumptionsSection, originSection, tcbSection } from './ledger.ts';
import { memorySection } from './memory.ts';
import { type Section, sectionOf } from './parts.ts';
import { pageScript } from './script.ts';
import { secretsSection } from './secrets.ts';
import { stackSection } from './stack.ts';
import { pageStyle } from './style.ts';
import { validationSection } from './translation.ts';
import { banner, outcomeOf } from './verdict.ts';

const sourceHash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** What a browser may do for this page. */
export const contentPolicy = [
  "default-src 'none'",
  `script-src ${sourceHash(pageScript)}`,
  `style-src ${sourceHash(pageStyle)}`,
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types unfold',
].join('; ');

function sectionsOf(input: ReportInput): Section[] {
  const all = [
    findingsSection,
    changesSection,
    memorySection,
    addressesSection,
    contractsSection,
    coqSection,
    validationSection,
    secretsSection,
    stackSection,
    kernelSection,
    assumptionsSection,
    tcbSection,
    originSection,
  ];
  return all.flatMap((make) => make(input) ?? []);
}

/** Rows from which on a browser lays out only what it shows: it opens at once, and guesses how long the page is. */
const LARGE = 2000;

function isLarge({
  evidence: { findings, proofs, validation = [], erasure = [], inputs, assumptions },
}: ReportInput): boolean {
  const { functions = [], obligations = [], coq } = proofs ?? {};
  const rows = [findings, functions, obligations, coq?.claims ?? [], validation, erasure, inputs, assumptions];
  return rows.reduce((sum, one) => sum + one.length, 0) > LARGE;
}

function head(input: ReportInput): Html {
  const { evidence } = input;
  return html`<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentPolicy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${evidence.project}: ${outcomeOf(input).word} (casemate)</title>
`;
}

/** The page, in UTF-8's text. */
export function reportPage(input: ReportInput): string {
  const sections = sectionsOf(input);
  const body = html`<a class="skip" href="#main">Skip to the findings</a>
<div class="page">
${banner(input)}
<nav aria-labelledby="contents"><h2 id="contents">Contents</h2><ul>
${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>\n`)}</ul>
<div id="folds" hidden><button type="button" data-open="yes">Open all</button><button type="button" data-open="no">Close all</button></div></nav>
<main id="main" tabindex="-1" ${attributes({ class: isLarge(input) ? 'large' : undefined })}>
${sections.map(sectionOf)}</main>
<footer>Made by casemate from evidence.json. Nothing on this page was fetched, and it sends nothing.</footer>
</div>
`;
  return [
    '<!doctype html>\n<html lang="en">\n<head>\n',
    textOfHtml(head(input)),
    textOfHtml(styleElement(pageStyle)),
    '\n</head>\n<body>\n',
    textOfHtml(body),
    textOfHtml(scriptElement(pageScript)),
    '\n</body>\n</html>\n',
  ].join('');
}
