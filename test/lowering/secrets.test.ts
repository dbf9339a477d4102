/**
 * Tags of secrets in verified TypeScript arrive in the linked image as records, and machine code is judged by them: what
 * a function leaves of a parameter that is @secret is found where compilers left it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSubject } from '../../hardening/subject.ts';
import { defaults } from '../../hardening/zeroization/analyze.ts';
import { annotationsOf } from '../../hardening/zeroization/annotated.ts';
import { judgeImage } from '../../hardening/zeroization/secrets.ts';
import { prelude } from '../../lowering/c/prelude.ts';
import { unitFlags } from '../../pipeline/unit-flags.ts';
import { complaints } from '../support/contracts.ts';
import { lowerText } from '../support/lowered.ts';
import { temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { project } from '../support/small-links.ts';
import { x86 } from '../support/toolchain.ts';
import { requireTool } from '../support/tools.ts';

const source = `
import { invariant, type u32, type u8 } from 'casemate';

/**
 * @requires key.length === 4
 * @secret key
 * @modifies key
 * @zeroized
 */
export function wipe(key: Uint8Array): void {
  key[0] = 0;
  key[1] = 0;
  key[2] = 0;
  key[3] = 0;
}

/**
 * @requires key.length === 4
 * @secret key
 * @modifies key
 * @zeroized
 */
export function forgets(key: Uint8Array): void {
  for (let i = 0; i < key.length; i++) key[i] = 0;
}

/**
 * @requires out.length === 4 && key.length >= 4
 * @requires out.length === 4
 * @requires key.length <= 64
 * @secret key, mask
 * @declassifies out, result
 * @modifies out
 */
export function mix(out: Uint8Array, mask: u32, key: Readonly<Uint8Array>): u32 {
  out[0] = key[3] & 1;
  return mask & 1;
}

interface Found { readonly kind: u8; readonly at: number; readonly total: u32 }
interface Small { readonly kind: u8; readonly at: number }

/**
 * @requires key.length === 4
 * @secret key
 */
export function inspect(key: Readonly<Uint8Array>): Found { return { kind: 1, at: 2, total: 3 }; }

/**
 * @requires key.length === 4
 * @secret key
 * @declassifies result
 */
export function reveal(key: Readonly<Uint8Array>): Found { return { kind: key[0], at: 2, total: key[3] }; }

/**
 * @requires key.length === 4
 * @secret key
 */
export function inspectLittle(key: Readonly<Uint8Array>): Small { return { kind: 1, at: 2 }; }
`;

describe('tags of secrets', () => {
  it('are records in the image, of the code that tests too, by which the machine code is judged', async () => {
    const unit = lowerText('test.ts', source, []);
    expect(unit.lowered.diagnostics).toEqual([]);
    const folder = temporaryFolder('secrets');
    const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
    write('casemate-lowered.h', prelude());
    write(`${unit.name}.h`, unit.lowered.header);
    // The source wipes, and something on the way to the machine loses it.
    const lost = unit.lowered.source.replace('key.data[i] = 0;', '(void)key;');
    expect(lost).not.toBe(unit.lowered.source);
    write('unit.c', lost);
    const object = join(folder, 'unit.o');
    await runOrThrow(requireTool('clang'), ['-O2', ...unitFlags, '-c', join(folder, 'unit.c'), '-o', object]);
    const { link, write: add } = await project(x86, {
      'start.s':
        '.globl _start\n_start: ret\n.globl casemate_precondition_failed\n.type casemate_precondition_failed, @function\ncasemate_precondition_failed: hlt\n',
    });
    add('unit.o', readFileSync(object));
    const subject = readSubject((await link('start.o', 'unit.o')).bytes, 'image');
    const { annotations, problems } = annotationsOf(subject);
    expect(problems).toEqual([]);
    const inner = annotations.map(({ function: name }) => name);
    expect(inner.filter((name) => ['wipe', 'forgets', 'mix'].includes(name))).toEqual(['wipe', 'forgets', 'mix']);
    expect(inner).toHaveLength(12);
    expect(annotations.find(({ function: name }) => name === 'mix')).toMatchObject({
      origin: 'typescript',
      address: subject.symbols.find(({ name }) => name === 'mix')?.value,
      items: [
        { kind: 'output', argument: 0, length: { kind: 'constant', bytes: 4 } },
        { kind: 'value', argument: 1, value: 4 },
        { kind: 'secret value', argument: 2 },
        { kind: 'secret', argument: 3, length: { kind: 'argument', argument: 4, most: 64 } },
      ],
      ...{ result: 4, returns: 4 },
      policy: { buffer: false, stack: true, registers: true },
    });
    // A result that is too large for registers has a pointer before all arguments.
    const itemsOf = (name: string) => annotations.find((one) => one.function === name)?.items;
    const key = (at: number) => [
      { kind: 'secret', argument: at, length: { kind: 'constant', bytes: 4 } },
      { kind: 'value', argument: at + 1, value: 4 },
    ];
    const room = { argument: 0, length: { kind: 'constant', bytes: 24 } };
    expect(itemsOf('inspect')).toEqual([{ kind: 'buffer', ...room }, ...key(1)]);
    expect(itemsOf('reveal')).toEqual([{ kind: 'output', ...room }, ...key(1)]);
    expect(itemsOf('inspectLittle')).toEqual(key(0));
    const outcome = (name: string, wanted: string): string | undefined => {
      const one = judgeImage(subject, defaults).functions.find(({ function: each }) => each === name);
      return one?.parts.find(({ part }) => part === wanted)?.outcome;
    };
    expect([outcome('wipe', 'buffer 0'), outcome('wipe', 'stack')]).toEqual(['erased', 'erased']);
    expect(outcome('forgets', 'buffer 0')).toBe('residue');
    for (const name of ['inspect', 'reveal', 'inspectLittle'])
      expect([name, outcome(name, 'stack'), outcome(name, 'image')]).toEqual([name, 'erased', 'erased']);
    expect([outcome('inspect', 'argument 0'), outcome('inspect', 'registers')]).toEqual(['erased', 'erased']);
    expect(outcome('reveal', 'argument 0')).toBe('erased');
  });

  it.each([
    ['@secret kee', 'no parameter has that name'],
    ['@zeroized', 'says of no parameter that it is secret'],
    ['@secret key\n * @declassifies key', 'it is no array that can be written'],
    ['@secret key\n * @declassifies result', 'returns nothing'],
    ['@secrets key', '@secrets is no tag of a contract'],
  ])('that say nothing, or contradict themselves, are refused: %s', (tags, message) => {
    const text = `/**\n * @verified\n * ${tags}\n */\nexport function f(key: Readonly<Uint8Array>): void {}\n`;
    expect(complaints(text)).toContain(message);
  });

  it('of an array whose length nobody knows, or of what is passed nobody knows where, are refused', () => {
    const refused = (parameters: string, requires = ''): string => {
      const text = `import { type u32 } from 'casemate';\n/**\n * @verified\n * @secret key\n${requires} */\nexport function f(${parameters}): void {}\n`;
      try {
        lowerText('test.ts', text);
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(refused('key: Readonly<Uint8Array>')).toContain('how many bytes it has is not known');
    expect(refused('key: Readonly<Uint32Array>', ' * @requires key.length <= 8\n')).toContain('how many bytes');
    expect(refused('key: Readonly<Uint32Array>', ' * @requires key.length === 8\n')).toBe('');
    const four = 'a: Readonly<Uint8Array>, b: Readonly<Uint8Array>, c: Readonly<Uint8Array>, key: u32';
    expect(refused(four)).toContain('need more than 6 registers');
  });
});
