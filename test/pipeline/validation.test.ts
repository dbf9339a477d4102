/** `casemate build --validate`: the bytes of a finished image, held against the TypeScript that they came from. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { validationText } from '../../cli/build.ts';
import { type BuildRequest, type BuildResult, buildProject } from '../../pipeline/build.ts';
import { sha256 } from '../../pipeline/lock.ts';
import type { Manifest } from '../../pipeline/manifest.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { countsOf, requireValidation } from '../../pipeline/validation-policy.ts';
import { validate } from '../../proofs/validation/validate.ts';
import { hvtNotesObject } from '../../targets/hvt/notes.ts';
import { isLong } from '../support/long.ts';
import { projectRoot } from '../support/paths.ts';
import { harmful } from '../support/validated-functions.ts';
import { askQueries } from '../support/validation.ts';
import { errorOf, project, rejectionOf } from './support.ts';

const source = `import type { u8, u32 } from 'casemate';
/** @ensures result <= 127 */
export function half(n: u8): u8 { return shifted(n); }
/** @ensures result === n >>> 1 */ function shifted(n: u8): u8 { return n >>> 1; }
/** @requires a.length <= 100 */
export function isMore(a: Readonly<Uint8Array>, by: u32): boolean { return find(a, 7) > by; }
/** @ensures result <= a.length */
function find(a: Readonly<Uint8Array>, value: u8): number {
  let i = 0;
  while (i < a.length && a[i] !== value) { invariant(0 <= i && i <= a.length); i++; }
  return i;
}

const T = new Uint8Array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3]);
/** @requires i < 16 */
export function pick(i: u8): u8 { return T[i]; }
/** @verified */
export function handed(n: u8): number { const a = new Uint8Array(8); a[3] = n; return find(a, n); }
/** @verified */ export function own(n: u8): u8 { const a = new Uint8Array(200); a[n % 200] = n; return a[(n >>> 1) % 200]; }
`.replace('import type { u8, u32 }', 'import { invariant, type u8, type u32 }');

/** Calls what is exported, so that it is linked. */
const start = `#include "verified.h"
void _start(void);
unsigned long __stack_chk_guard = 77;
_Noreturn void __stack_chk_fail(void);
void __stack_chk_fail(void) { for (;;); }
void solo5_console_write(const char *text, unsigned long size);
void solo5_console_write(const char *text, unsigned long size) { (void)text; (void)size; }
void *memset(void *to, int byte, unsigned long size);
void *memset(void *to, int byte, unsigned long size) { for (unsigned long i = 0; i < size; i++) ((volatile char *)to)[i] = (char)byte; return to; }
_Noreturn void solo5_abort(void);
void solo5_abort(void) { for (;;); }
void _start(void) { volatile uint8_t n = 3; cm_const_u8s a = { (const uint8_t *)&n, 1 }; n = half(n); n = isMore(a, 2); n = own(n); n = pick(n); n = (uint8_t)handed(n); for (;;); }
`;

/** One for all builds, so that most start no solver. */
const cache = { folder: mkdtempSync(join(tmpdir(), 'casemate-proofs-')), secret: randomBytes(32) };
afterAll(() => rmSync(cache.folder, { recursive: true }));

function projectOf(manifest: { readonly target?: string; readonly [key: string]: unknown }): string {
  const isHvt = manifest.target === 'hvt';
  const json = { name: 'prog', target: 'riscv64', platform: 'none', sources: ['start.c', 'a.ts'], ...manifest };
  // A plain executable is compiled with the C library's headers.
  const roots = manifest.target === 'elf' && { roots: ['/usr/include'] };
  return project({
    'casemate.json': JSON.stringify({
      ...json,
      ...roots,
      ...(isHvt && { objects: ['notes.o'] }),
      link: { gcSections: true },
    }),
    ...{ 'start.c': start, 'a.ts': source, 'notes.o': hvtNotesObject([]) },
  });
}

function build(folder: string, request: Partial<BuildRequest> = {}): Promise<BuildResult> {
  const progress = createProgress({
    ...{ write: () => undefined, terminal: false, verbose: false, now: () => 0, patience: 60_000 },
  });
  return buildProject({ folder, lock: 'verify', progress, proofs: { cache }, ...request });
}

const verdicts = ({ validation }: BuildResult) =>
  Object.fromEntries(validation!.functions.map(({ function: name, verdict }) => [name, verdict]));

describe('a build that validates', () => {
  it.each(['riscv64', 'hvt', ...(isLong ? (['elf'] as const) : [])] as const)(
    'judges each function that the image has code of, and records it beside the image: %s',
    async (target) => {
      const folder = projectOf({ target, validate: true });
      const result = await build(folder);
      const { validation } = result;
      // Without branches, and only called from here, a function is part of its caller; a section a function lets it go.
      const keepsAll = target === 'elf';
      expect(verdicts(result)).toEqual({
        ...{ 'a.ts:half': 'validated', 'a.ts:isMore': 'validated', 'a.ts:find': 'validated', 'a.ts:own': 'undecided' },
        ...{ 'a.ts:pick': 'validated', 'a.ts:handed': 'validated' },
        ...(keepsAll && { 'a.ts:shifted': 'validated' }),
      });
      expect(validation!.absent).toEqual(keepsAll ? [] : ['a.ts:shifted']);
      const record = JSON.parse(readFileSync(`${result.output}.validation.json`, 'utf8'));
      expect(record.image).toBe(sha256(readFileSync(result.output)));
      expect(record.counts).toMatchObject(
        keepsAll ? { functions: 7, validated: 6, absent: 0 } : { functions: 6, validated: 5, absent: 1 },
      );
      const isMore = record.functions.find((one: { function: string }) => one.function === 'a.ts:isMore');
      expect(isMore.callees).toEqual([{ function: 'a.ts:find', verdict: 'validated' }]);
      expect(validationText(validation!)).toMatch(
        keepsAll
          ? /^validated: 6 of 7 functions \(85 %\), \d+ of \d+ bytes/
          : /^validated: 5 of 6 functions \(83 %\), \d+ of \d+ bytes .*; 1 more/,
      );

      // What is undecided passes only where nobody is strict about it, or a reason is given.
      const pass = (strict: boolean, waive: Manifest['waive'] = []): void =>
        requireValidation(validation!, { ...result.manifest, waive }, strict, () => undefined);
      pass(false);
      const { code, message } = errorOf(() => pass(true));
      expect([code, message]).toEqual(['undecided', expect.stringContaining('a.ts:own: is not validated: ')]);
      pass(true, [{ function: 'a.ts:own', reason: 'an array of its own' }]);
    },
    600_000,
  );

  it.skipIf(!isLong).each(['riscv64', 'hvt'] as const)(
    'validates most of the hardened DNS server on %s, and none of 50 changes of its code that behave otherwise',
    async (target) => {
      const folder = project({
        'casemate.json': JSON.stringify({
          ...{ name: 'dns', target, sources: [join(projectRoot, 'examples/dns/main.ts')], harden: {} },
          ...{ roots: [join(projectRoot, 'examples')], devices: [{ name: 'net0', type: 'net' }], memory: 16 },
        }),
      });
      const { validation, subjects } = await build(folder, { validate: true });
      const { functions, bytes, validated, validatedBytes } = countsOf(validation!);
      expect(validated / functions).toBeGreaterThanOrEqual(0.6);
      expect(validatedBytes / bytes).toBeGreaterThanOrEqual(0.4);
      const isValidated = new Set(
        validation!.functions.flatMap((one) => (one.verdict === 'validated' ? [one.address] : [])),
      );
      const own = subjects!.flatMap(({ subject, size }) =>
        typeof subject === 'string' || !isValidated.has(subject.start) ? [] : [{ ...subject, size }],
      );
      const planted = harmful(own, 8);
      expect(planted.length).toBeGreaterThanOrEqual(50);
      for (const mutant of planted)
        expect((await validate(mutant, askQueries)).status, mutant.function.name).not.toBe('validated');
    },
    3_600_000,
  );

  it('is refused where there is nothing to validate, before anything is proved', async () => {
    const plain = projectOf({ sources: ['start.c'], validate: true });
    expect((await rejectionOf(build(plain))).message).toContain('no TypeScript');
    expect(readdirSync(plain).sort()).toEqual(['a.ts', 'casemate.json', 'notes.o', 'start.c']);
  });

  it('stops at what is refuted, with the run that shows it', () => {
    const witness = { arguments: ['3'], wanted: [1n, 5n], found: [1n, 7n] };
    const one = { function: 'a.ts:f', symbol: 'f', address: 0x100, size: 4, verdict: 'refuted' as const, witness };
    const report = { functions: [one], absent: [] };
    const error = errorOf(() => requireValidation(report, { name: 'x', target: 'riscv64' }, false, () => {}));
    expect(error.code).toBe('unproved');
    expect(error.message).toContain(
      'a.ts:f: its code (f at 0x100) does otherwise: called with (3) it leaves 0x7 where 0x5 is right',
    );
  });
});
