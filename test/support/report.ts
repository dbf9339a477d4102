/** What reports are made of, small, hostile and large, and the browser that opens them. */
import { type Browser, chromium } from 'playwright-core';
import type { Evidence, EvidenceObligation, EvidenceVerified } from '../../evidence/evidence.ts';
import type { ReportInput } from '../../evidence/report/input.ts';
import { hash, someEvidence } from './evidence.ts';
import { requireTool } from './tools.ts';

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: requireTool('chromium'), args: ['--no-sandbox'] });

export const source = `import type { u32 } from 'casemate';

/**
 * @requires x < 10
 * @ensures result > 0
 */
export function f(x: u32): u32 {
  return x + 1;
}
`;

const text = new Map([[hash('source'), source]]);

export const inputOf = (evidence: Evidence, more: Partial<ReportInput> = {}): ReportInput => ({
  ...{ evidence, sha256: hash('evidence'), trust: { kind: 'unsigned' }, hasImage: true, pages: new Map() },
  ...{ sources: text, slidesAbsent: 'none are drawn', ...more },
});

/** Slides as an image has them. */
export const someSlides: NonNullable<ReportInput['slides']> = {
  ...{ memory: 2 ** 29, heapMin: 2 ** 28, lowest: 0x102000, step: 4096, slots: 1000, units: 40, pinned: 2 },
  ...{ baseBits: 9.97, minimum: { low: 17, high: 17 }, shannon: { low: 17.5, high: 18 } },
  bases: Array.from({ length: 100 }, (_, i) => 0x102000 + ((i * 37) % 1000) * 4096),
  entries: Array.from({ length: 100 }, (_, i) => 0x110000 + ((i * 37) % 1000) * 4096),
};

/** A release before someEvidence's, with another of everything. */
export const before: NonNullable<ReportInput['before']> = {
  evidence: {
    ...someEvidence,
    image: { ...someEvidence.image, size: 4000, sha256: hash('before'), devices: [], functions: [] },
    findings: someEvidence.findings.slice(0, 3).map((one) => ({ ...one, outcome: 'pass', fingerprint: hash(one.id) })),
    ...{
      kernel: undefined as never,
      stack: undefined as never,
      assumptions: [{ kind: 'proof', text: 'nothing else' }],
    },
    ...{ inputs: [], tcb: [], tools: { ...someEvidence.tools, node: 'v18.0.0' } },
  },
  ...{ sha256: hash('evidence before'), trust: { kind: 'unsigned' } },
};

/** Evidence of the release after it, which asks for a device. */
export const after: Evidence = {
  ...someEvidence,
  image: {
    ...someEvidence.image,
    ...{ devices: [{ name: 'uplink', type: 'net' }], functions: [{ name: 'parse', size: 100 }] },
  },
};

/** Names that whoever makes an object would like a reader to act on. */
export const hostile: readonly string[] = [
  '<img src=x onerror="planted=1">',
  '"><script>window.planted=1</script>',
  "' onmouseover='planted=1' x='",
  '` onfocus=planted=1 autofocus `',
  '</script><script>planted=1</script>',
  '</title></style></textarea><svg onload=planted=1>',
  '<!-- --><iframe srcdoc="<script>parent.planted=1</script>">',
  'javascript:planted=1',
  '&lt;b&gt;&#60;b&#62;',
  '$' + '{planted=1}',
  '\u001b[31mred\u001b]0;title\u0007',
  'a\nb\r\nc\td\0e',
  '\u202egnp.exe\u202c \u2066x\u2069 \u200f',
  'A'.repeat(65536),
  `Z${'\u0301\u0489'.repeat(5000)}`,
  '\ud800 half \udfff \ufffe',
  '\ufdfd'.repeat(400),
];

const places = /^(?:0x[0-9a-f]+|[0-9a-f]{64})$/;
/** Keys of members that are one of a few words, and keep them. */
export const words: ReadonlySet<string> = new Set(
  'format type rights machine target kind rule outcome state status question verdict component origin'.split(' '),
);

/** The same with `change` made to each text that is free. */
export function withTexts<T>(value: T, change: (text: string) => string, key = ''): T {
  if (typeof value === 'string') return (words.has(key) || places.test(value) ? value : change(value)) as T;
  if (Array.isArray(value)) return value.map((one) => withTexts(one, change, key)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withTexts(one, change, name)])) as T;
}

/** Evidence of an image with many verified functions, each with many obligations. */
export function largeEvidence(functions: number, each: number): Evidence {
  const { proofs } = someEvidence;
  const [fn, obligation] = [proofs!.functions[0]!, proofs!.obligations[0]!];
  const name = (i: number): string => `module-${i % 50}.ts:function_${i}`;
  const all = Array.from({ length: functions }, (_, i): EvidenceVerified => ({ ...fn, function: name(i) }));
  const obligations = all.flatMap((one, i) =>
    Array.from({ length: each }, (_, j): EvidenceObligation => {
      const clause = `result[${j}] <= input.length + ${i} && every(input, (x) => x < ${j})`;
      return {
        ...obligation,
        id: `proof:${i}/${j}`,
        name: `${i}/${j}`,
        function: one.function,
        line: j + 1,
        contract: clause,
      };
    }),
  );
  const validation = all.map((one, i) => ({
    ...someEvidence.validation![0]!,
    ...{ id: `validation:${i}`, function: one.function, symbol: `function_${i}`, verdict: 'validated' as const },
  }));
  return { ...someEvidence, proofs: { ...proofs!, functions: all, obligations }, validation };
}
