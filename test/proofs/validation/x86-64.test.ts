/** Translation validation of x86-64: right code is validated, code that was changed to behave otherwise never is. */
import { describe, expect, it } from 'vitest';
import { validate } from '../../../proofs/validation/validate.ts';
import { programOf } from '../../support/contracts.ts';
import { isLong } from '../../support/long.ts';
import { functionsText, harmful } from '../../support/validated-functions.ts';
import { askQueries, type CodeOfFunction, compileFunctions } from '../../support/validation.ts';
import { programOfFile } from '../../support/verified-host.ts';

/** What x86-64 alone has: records and arrays on the stack, vectors, narrow arguments. */
const further = `
interface Wide { readonly a: number; readonly b: u8; readonly c: number; readonly d: i16 }
/** @verified */
export function moved(x: Wide, by: u8): Wide { return { a: by, b: x.b, c: x.c, d: x.d }; }
/** @requires a.length > 0 && b.length > 1 && c.length > 2 */
export function pickOne(a: Readonly<Uint8Array>, b: Readonly<Uint8Array>, x: u8, c: Readonly<Uint8Array>, y: i8): i32 {
  return a[0] + b[1] + x + c[2] + y;
}
/** @requires x.b < 200 */
export function callsWide(x: Wide, by: u8): u8 { const y = counted(x, by); return y.b; }
/** @ensures result.b === by */
function counted(x: Wide, by: u8): Wide {
  let n = 0;
  while (n < by) { invariant(0 <= n && n <= by); n++; }
  return { a: x.a, b: n, c: 1, d: -1 };
}
`;

let compiled: Promise<CodeOfFunction[]> | undefined;
const functions = (): Promise<CodeOfFunction[]> => {
  compiled ??= compileFunctions(programOf(functionsText + further), 'x86-64');
  return compiled;
};

/**
 * Loops that the compiler leaves none of: `fill` and `total` become vectors, and `counted`, which counts up to a number,
 * becomes that number. No round of the source has one of the machine to go with it then, and such code is undecided.
 */
const withoutRounds = ['fill', 'total', 'counted'];

/** In CI, a few of each kind. */
const chosen = ['lower', 'read16', 'put32', 'advance', 'find', 'moved', 'pickOne', 'callsWide'];

async function verdictsOn(names: (name: string) => boolean): Promise<Record<string, string>> {
  const verdicts: Record<string, string> = {};
  for (const subject of await functions()) {
    if (!names(subject.function.name)) continue;
    const verdict = await validate(subject, askQueries);
    verdicts[subject.function.name] = verdict.status === 'undecided' ? verdict.reason : verdict.status;
  }
  return verdicts;
}

describe('translation validation of x86-64 code', () => {
  it('validates branches, slices, records, objects, calls and loops', async () => {
    const verdicts = await verdictsOn((name) => (isLong ? !withoutRounds.includes(name) : chosen.includes(name)));
    expect(Object.keys(verdicts).length).toBeGreaterThanOrEqual(chosen.length);
    expect(new Set(Object.values(verdicts)), JSON.stringify(verdicts)).toEqual(new Set(['validated']));
  });

  it('validates no code that a run shows to behave otherwise', async () => {
    const subjects = (await functions()).filter(
      ({ function: { name } }) => isLong || ['lower', 'advance', 'moved', 'read16'].includes(name),
    );
    const planted = harmful(subjects, isLong ? 8 : 1);
    expect(planted.length).toBeGreaterThanOrEqual(isLong ? 80 : 3);
    for (const mutant of planted) {
      const verdict = await validate(mutant, askQueries);
      expect(verdict.status, mutant.function.name).not.toBe('validated');
    }
  });

  it.skipIf(!isLong)(
    'validates the DNS server for the most part, and none of 50 planted changes',
    async () => {
      const subjects = await compileFunctions(programOfFile('examples/dns/main.ts'), 'x86-64');
      const validated: CodeOfFunction[] = [];
      for (const subject of subjects) {
        if ((await validate(subject, askQueries)).status === 'validated') validated.push(subject);
      }
      const bytes = (of: readonly CodeOfFunction[]): number => of.reduce((sum, { size }) => sum + size, 0);
      expect(validated.length / subjects.length).toBeGreaterThanOrEqual(0.6);
      expect(bytes(validated) / bytes(subjects)).toBeGreaterThanOrEqual(0.4);
      const planted = harmful(validated, 4);
      expect(planted.length).toBeGreaterThanOrEqual(50);
      for (const mutant of planted)
        expect((await validate(mutant, askQueries)).status, mutant.function.name).not.toBe('validated');
    },
    3_600_000,
  );
});
