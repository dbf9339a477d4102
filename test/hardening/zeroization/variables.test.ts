/**
 * Secrets in variables of the image: what is read of them is secret wherever it goes, and what of it stays in other
 * variables is residue, unless a record says that it is meant to be there.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { defaultPolicy, type SecretItem } from '../../../base/secrets.ts';
import { readSubject, type Subject } from '../../../hardening/subject.ts';
import { defaults } from '../../../hardening/zeroization/analyze.ts';
import { type JudgedFunction, judgeRecords, type PartVerdict } from '../../../hardening/zeroization/secrets.ts';
import { linkedText } from '../../support/erasure/analysis.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { riscv, x86 } from '../../support/toolchain.ts';

const source = `
unsigned char key[16], rounds[8], other[8], out[4];
static unsigned char hidden[16] __attribute__((used));
const unsigned char fixed[8] = {1};
int parity(void) { return (key[3] ^ key[9]) & 1; }
void derives(void) { for (int i = 0; i < 8; i++) rounds[i] = key[i] ^ key[i + 8]; }
void copies(void) { for (int i = 0; i < 8; i++) other[i] = ((volatile unsigned char *)key)[i]; }
void copies_hidden(void) { other[1] = ((volatile unsigned char *)hidden)[2]; }
int decides(void) { if (key[0] & 1) other[2] = 1; return 0; }
void publishes(void) { out[0] = key[1]; __asm__ volatile("" : : : "memory"); other[3] = out[0]; }
void wipes(void) { for (int i = 0; i < 16; i++) ((volatile unsigned char *)key)[i] = 0; }
void wipes_most(void) { for (int i = 0; i < 15; i++) ((volatile unsigned char *)key)[i] = 0; }
unsigned char picks(unsigned long i) { return other[i & 7]; }
`;

const folder = temporaryFolder('variables');
const item = (symbol: string, bytes: number, kind: 'secret' | 'output' | 'state' = 'secret'): SecretItem => ({
  ...{ kind: `${kind} symbol` as const, symbol, address: 0n, bytes },
});

describe.each([
  [x86, 'gcc'],
  [riscv, 'riscv64-linux-gnu-gcc'],
] as const)('a variable that is secret, $name', (target, compiler) => {
  let image: Subject;
  let addressOf: (name: string) => number;
  beforeAll(async () => {
    const flags = ['-O2', '-fno-tree-vectorize', '-fno-tree-loop-distribute-patterns', '-fno-builtin'];
    const linked = await linkedText(target, source, compiler, flags, folder, `variables-${target.name}`);
    image = readSubject(readFileSync(linked.image.path), 'variables');
    addressOf = linked.image.address;
  });

  const judge = (name: string, items: readonly SecretItem[] = [item('key', 16)], buffer = false): JudgedFunction =>
    judgeRecords(
      image,
      [
        {
          origin: 'source',
          annotation: {
            ...{ function: name, address: 0n, origin: 'source', items, result: name === 'parity' ? 4 : 0 },
            policy: { ...defaultPolicy, buffer },
          },
        },
      ],
      defaults,
    )[0]!;
  const part = (judged: JudgedFunction, name: string): PartVerdict => judged.parts.find((one) => one.part === name)!;

  it('is left in registers that it was read into, and in no variable that nothing of it was stored in', () => {
    expect(part(judge('parity'), 'image').outcome).toBe('erased');
    expect(part(judge('derives'), 'registers').outcome).toBe('residue');
  });

  it('is residue in another variable, by its address, and confirmed by runs', () => {
    const { bytes, outcome } = part(judge('copies'), 'image');
    expect(outcome).toBe('residue');
    const [first] = bytes!;
    expect(first).toMatchObject({ from: addressOf('other'), isVerbatim: true, status: 'confirmed' });
    expect(bytes!.reduce((sum, { length }) => sum + length, 0)).toBe(8);
    const [own] = part(judge('copies_hidden', [item('hidden', 16)]), 'image').bytes!;
    expect(own).toMatchObject({ from: addressOf('other') + 1, length: 1, status: 'confirmed' });
  });

  it('is residue where it decides what is written', () => {
    expect(part(judge('decides'), 'image').bytes).toMatchObject([{ from: addressOf('other') + 2, length: 1 }]);
  });

  it('may stay in what is said to hold it, and may be seen in what is said to be seen', () => {
    expect(part(judge('derives'), 'image').outcome).toBe('residue');
    expect(part(judge('derives', [item('key', 16), item('rounds', 8, 'state')]), 'image').outcome).toBe('erased');
    expect(part(judge('derives', [item('key', 16), item('rounds', 7, 'state')]), 'image').bytes).toMatchObject([
      { from: addressOf('rounds') + 7, length: 1 },
    ]);
    expect(part(judge('publishes'), 'image').outcome).toBe('residue');
    const judged = judge('publishes', [item('key', 16), item('out', 4, 'output')]);
    expect(part(judged, 'image').outcome).toBe('erased');
    expect(judged.assumptions).toContain("what is left in out is meant to be seen, as the function's source says");
  });

  it('is clear where it is wiped to its end, if its policy asks for that', () => {
    expect(part(judge('wipes', undefined, true), 'variable key').outcome).toBe('erased');
    expect(part(judge('wipes_most', undefined, true), 'variable key').bytes).toMatchObject([
      { from: addressOf('key') + 15, length: 1 },
    ]);
    expect(part(judge('wipes'), 'variable key')).toBeUndefined();
  });

  it.each([
    ['absent', 4, 'the image has no variable absent'],
    ['key', 17, 'key has 16 bytes, and the record is about 17'],
    ['fixed', 8, 'in memory that is no data that can be written'],
    ['parity', 4, 'the image has no variable parity'],
  ])('is unknown: %s, %i bytes', (symbol, bytes, reason) => {
    const judged = judge('parity', [item(symbol, bytes)]);
    expect([judged.outcome, judged.parts[0]!.reason]).toEqual(['unknown', expect.stringContaining(reason)]);
  });
});
