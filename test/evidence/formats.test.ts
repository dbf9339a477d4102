import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { cyclonedx } from '../../evidence/formats/cyclonedx.ts';
import { inert, markdownText } from '../../evidence/formats/inert.ts';
import { junit } from '../../evidence/formats/junit.ts';
import { markdown } from '../../evidence/formats/markdown.ts';
import { sarif } from '../../evidence/formats/sarif.ts';
import { type GateRequest, gate, type Verdict } from '../../evidence/gate.ts';
import { identified } from '../../evidence/identity.ts';
import { parsePolicy, policyText } from '../../evidence/policy.ts';
import { knownRules, preset } from '../../evidence/presets.ts';
import { shown } from '../../evidence/report/html.ts';
import { parseRulePage, type RulePage } from '../../evidence/rule-page.ts';
import { verdictLines } from '../../evidence/verdict-text.ts';
import { makeWaiver, withWaiver } from '../../evidence/waivers.ts';
import { hash, someEvidence, someFindings } from '../support/evidence.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { run } from '../support/run.ts';
import { readXml } from '../support/xml.ts';

const NOW = '2026-11-30';
const pages = new Map(
  knownRules.map(({ rule }): [string, RulePage] => {
    const text = readFileSync(join(projectRoot, 'docs/rules', `${rule}.md`), 'utf8');
    return [rule, parseRulePage(text)!];
  }),
);

/** Text that acts on a terminal, a page of HTML or Markdown, or a parser, and is long. */
const hostile = `<script>alert(1)</script>\u001b[31m\n::set-output name=a::b\r\n## x\u202e|![i](http://a.b)[l](javascript:x)\`\`\`]]>--\ud800\uffff${'A'.repeat(65536)}`;

const hostileEvidence = {
  ...someEvidence,
  image: { ...someEvidence.image, name: `../<b>${hostile}` },
  findings: identified([
    ...someFindings,
    { ...someFindings[2]!, rule: 'relro', message: hostile, details: [hostile, hostile] },
  ]),
};

const waivedPolicy = withWaiver(
  preset('strict'),
  makeWaiver(
    someEvidence,
    { id: 'execute-only:loads', reason: hostile.slice(0, 900), owner: '<i>', expires: NOW },
    NOW,
  ),
);

function judge(evidence = someEvidence, more: Partial<GateRequest> = {}): Verdict {
  const policy = parsePolicy(Buffer.from(policyText(waivedPolicy)), 'policy.json');
  return gate({ evidence, sha256: hash('e'), trust: { kind: 'unsigned' }, policy, now: NOW, ...more });
}

const verdicts: [string, Verdict, typeof someEvidence][] = [
  ['plain', judge(), someEvidence],
  ['hostile', judge(hostileEvidence), hostileEvidence],
  [
    'compared',
    judge(someEvidence, { against: { evidence: hostileEvidence, sha256: hash('o'), trust: { kind: 'unsigned' } } }),
    someEvidence,
  ],
];

const load = createRequire(import.meta.url);
const tool = dirname(load.resolve('@microsoft/sarif-multitool-linux/package.json'));

/** The parts of a SARIF log that tests look at. */
interface Log {
  readonly runs: readonly [
    {
      readonly results: readonly {
        readonly ruleId: string;
        readonly kind: string;
        readonly level: string;
        readonly message: { readonly text: string };
        readonly suppressions?: readonly object[];
        readonly baselineState?: string;
        readonly partialFingerprints: Readonly<Record<string, string>>;
      }[];
    },
  ];
}
const sarifOf = (verdict: Verdict, evidence = someEvidence, options = {}): Log =>
  JSON.parse(JSON.stringify(sarif(verdict, evidence, pages, options))) as Log;

describe('SARIF', () => {
  it.each(verdicts)('keeps to the published schema: %s', (_, verdict, evidence) => {
    const schema = JSON.parse(readFileSync(join(tool, 'sarif-2.1.0.json'), 'utf8').replace(/^\ufeff/, '')) as {
      $schema?: string;
    };
    delete schema.$schema;
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    validate(sarifOf(verdict, evidence));
    expect(validate.errors ?? []).toEqual([]);
  });

  it('is found right by the multitool of its makers', async () => {
    const folder = temporaryFolder('sarif');
    for (const [name, verdict, evidence] of verdicts)
      writeFileSync(join(folder, `${name}.sarif`), JSON.stringify(sarif(verdict, evidence, pages)));
    // What breaks a rule that no schema has, to see that the tool looks.
    const broken = JSON.stringify(sarif(judge(), someEvidence, pages)).replace(/"ruleIndex":\d+/g, '"ruleIndex":999');
    writeFileSync(join(folder, 'broken.sarif'), broken);
    const { stdout } = await run(
      join(tool, 'Sarif.Multitool'),
      [
        'validate',
        ...verdicts.map(([name]) => `${name}.sarif`),
        'broken.sarif',
        '--output',
        'found.sarif',
        '--log',
        'ForceOverwrite',
      ],
      { cwd: folder, env: { ...process.env, DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: '1' } as Record<string, string> },
    );
    const found = JSON.parse(readFileSync(join(folder, 'found.sarif'), 'utf8').replace(/^\ufeff/, '')) as Log;
    expect(stdout).toContain(`${verdicts.length + 1} files scanned`);
    const wrong = found.runs[0].results.filter(({ level }) => level === 'error').map((one) => JSON.stringify(one));
    expect(wrong.filter((one) => !one.includes('broken.sarif'))).toEqual([]);
    expect(wrong.length).toBeGreaterThan(0);
  });

  it('shows what does not pass, unknown as open, waived as suppressed or not at all', () => {
    const verdict = judge();
    const { results } = sarifOf(verdict).runs[0];
    expect(results).toHaveLength(verdict.decisions.filter(({ result }) => result !== 'passed').length);
    const waived = results.find(({ ruleId }) => ruleId === 'execute-only')!;
    expect(waived).toMatchObject({ kind: 'fail', level: 'error', suppressions: [{ status: 'accepted' }] });
    expect(results.find(({ ruleId }) => ruleId === 'bss-bounds')).toMatchObject({ kind: 'open', level: 'none' });
    const left = sarifOf(verdict, someEvidence, { omitWaived: true }).runs[0].results;
    expect(left).toEqual(results.filter(({ suppressions }) => suppressions === undefined));
    expect(left).toHaveLength(results.length - 1);
    for (const { baselineState } of results) expect(baselineState).toBeUndefined();
  });

  it('has fingerprints that stay when places move, and states against an older release', () => {
    const moved = {
      ...someEvidence,
      findings: identified(
        someFindings.map((one) => ({ ...one, details: one.details.map((line) => line.replaceAll('0x4', '0x5')) })),
      ),
    };
    const prints = (log: Log) => log.runs[0].results.map(({ partialFingerprints }) => partialFingerprints);
    expect(prints(sarifOf(judge(moved)))).toEqual(prints(sarifOf(judge())));
    for (const { baselineState } of sarifOf(verdicts[2]![1]).runs[0].results)
      expect(baselineState).toMatch(/^(new|unchanged|updated)$/);
  });
});

describe('JUnit', () => {
  it('has a case for each decision: failures, errors for what is unknown, skipped for what is waived', () => {
    const verdict = judge();
    const root = readXml(junit(verdict, pages));
    const cases = root.children.flatMap(({ children }) => children);
    const kinds = cases.flatMap(({ children }) => children.map(({ name }) => name));
    const number = (wanted: string) => verdict.decisions.filter(({ result }) => result === wanted).length;
    expect(cases).toHaveLength(verdict.decisions.length);
    expect(kinds.filter((kind) => kind === 'failure')).toHaveLength(number('failed'));
    expect(kinds.filter((kind) => kind === 'error')).toHaveLength(number('undecided'));
    expect(kinds.filter((kind) => kind === 'skipped')).toHaveLength(1);
    expect(Number(root.attributes.get('failures'))).toBe(number('failed'));
    expect(Number(root.attributes.get('errors'))).toBe(number('undecided'));
    expect(number('failed')).toBeGreaterThan(0);
    expect(number('undecided')).toBeGreaterThan(0);
  });
});

describe('hostile names', () => {
  const [, verdict, evidence] = verdicts[1]!;
  const texts = {
    terminal: verdictLines(verdict, pages, true).join('\n'),
    markdown: markdown(verdict, pages),
    junit: junit(verdict, pages),
    sarif: JSON.stringify(sarif(verdict, evidence, pages)),
  };

  it.each(Object.entries(texts))('do nothing in %s but stand there, and not at length', (_, text) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\ud800\uffff]/);
    expect(text).not.toContain('A'.repeat(2000));
    expect(text).not.toMatch(/^(::set-output|## x)/m);
    expect(text).toContain('x1b');
  });

  it('are read back as text by a reader of XML', () => {
    const root = readXml(texts.junit);
    expect(root.attributes.get('name')).toContain('<script>alert(1)</script>\\x1b[31m\\x0a');
  });

  it('make no link, image, table cell, tag or code in Markdown', () => {
    const all = Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i)).join('');
    const back = markdownText(all)
      .replace(/\\([!-/:-@[-`{-~])/g, '$1')
      .replace(/&lt;/g, '<')
      .replace(/&gt;/g, '>')
      .replace(/&amp;/g, '&');
    expect(back).toBe(all);
    expect(markdownText('a|b<c>[d](e)`f`*g*_h_!#')).toBe('a\\|b&lt;c&gt;\\[d\\]\\(e\\)\\`f\\`\\*g\\*\\_h\\_\\!\\#');
    for (const line of texts.markdown.split('\n').filter((each) => each.startsWith('| ')))
      expect(line.replace(/\\./g, '').split('|')).toHaveLength(5);
    expect(texts.markdown).not.toMatch(/<script|[^\\]!\[|[^\\]\]\(/);
  });

  it('have no half of a surrogate pair or non-character left', () => {
    expect(inert('a\ud800b\udc00c\u{1f600}\ufffe')).toBe('a\ufffdb\ufffdc\u{1f600}\ufffd');
  });
});

it('ends a long table before a page cuts it off', () => {
  const many = Array.from({ length: 300 }, (_, i) => ({ ...someFindings[2]!, about: `n${i}`, message: hostile }));
  const text = markdown(judge({ ...someEvidence, findings: identified(many) }), pages);
  expect(text).toMatch(/\.\.\. and \d+ more/);
  expect(Buffer.byteLength(text)).toBeLessThan(1024 * 1024);
});

describe('a character that hides, turns or breaks a line', () => {
  const codes = [
    ...[0x00, 0x07, 0x0a, 0x0d, 0x1b, 0x7f, 0x85, 0x9b, 0x061c, 0x2028, 0x2029, 0x2060, 0xfeff],
    ...[0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e],
    ...[0x2066, 0x2067, 0x2068, 0x2069, 0xd800, 0xdfff],
  ];
  const all = codes.map((code) => `f${String.fromCharCode(code)}g`).join('');
  const evidence = {
    ...someEvidence,
    project: all,
    findings: identified([
      { ...someFindings[2]!, message: all, details: [all] },
      { ...someFindings[3]!, about: all, message: all },
    ]),
  };
  const verdict = judge(evidence);

  it.each([
    ['SARIF', () => JSON.stringify(sarif(verdict, evidence, pages))],
    ['JUnit', () => junit(verdict, pages)],
    ['Markdown', () => markdown(verdict, pages)],
    ['a terminal', () => verdictLines(verdict, pages, true).join('\n')],
    ['CycloneDX', () => cyclonedx(evidence)],
    ['a report', () => shown(all)],
  ])('is in no text of %s as itself', (_, text) => {
    const written = text();
    expect(written).toContain('f');
    for (const code of codes)
      if (code !== 0x0a) expect(written.includes(`f${String.fromCharCode(code)}`), code.toString(16)).toBe(false);
    expect(written).not.toContain('f\ng');
  });
});
