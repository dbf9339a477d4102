/**
 * What A64 instructions do to the stack pointer, held against what a disassembler says of them: of chosen ones how far it
 * moves, and of any that it moves at all.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { aarch64Step } from '../../machine/stack-aarch64.ts';
import type { StackEffect, Step } from '../../machine/stack-use.ts';
import { isLong } from '../support/long.ts';
import { temporaryFolder } from '../support/paths.ts';
import { createRandom } from '../support/random.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTool, requireTools } from '../support/tools.ts';

requireTools('clang', 'llvm-objdump');

const features = '+v8.7a,+sve2,+mte,+mops,+rcpc-immo,+ls64,+pauth,+lse,+bf16,+fp16fml,+crypto';

/** Each line's instruction word and text, as a disassembler gives it; `lines` are assembly. */
async function disassembled(lines: readonly string[]): Promise<{ word: number; text: string }[]> {
  const folder = temporaryFolder('stack-aarch64');
  writeFileSync(join(folder, 'code.S'), ['.text', ...lines, ''].join('\n'));
  const object = join(folder, 'code.o');
  const target = ['--target=aarch64-unknown-elf', '-march=armv8.7-a+sve2+memtag'];
  await runOrThrow(requireTool('clang'), [...target, '-c', join(folder, 'code.S'), '-o', object]);
  const text = await runOrThrow(requireTool('llvm-objdump'), ['-d', `--mattr=${features}`, object]);
  return [...text.matchAll(/^ *[0-9a-f]+:\s+((?:[0-9a-f]{2} ){4}|[0-9a-f]{8})\s+(.*)$/gm)].map((match) => {
    const bytes = match[1]!.trim().split(' ');
    const word = Number.parseInt(bytes.length === 4 ? bytes.reverse().join('') : bytes[0]!, 16);
    return {
      word,
      text: match[2]!
        .replace(/\s+/g, ' ')
        .replace(/ *\/\/.*$/, '')
        .trim(),
    };
  });
}

function stepOf(word: number): Step {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(word);
  return aarch64Step(bytes, 0, 0x1000)!;
}

const grow = (bytes: number, forgets = false): StackEffect => ({
  ...{ kind: 'grow', bytes },
  ...(forgets && { forgets: 'frame' }),
});
const none: StackEffect = { kind: 'none' };
const unknown: StackEffect = { kind: 'unknown' };
const forget: StackEffect = { kind: 'forget', register: 'frame' };

const effects: readonly (readonly [string, StackEffect])[] = [
  ['sub sp, sp, #48', grow(48)],
  ['add sp, sp, #1, lsl #12', grow(-4096)],
  ['sub sp, sp, #3, lsl #12', grow(12288)],
  ['stp x29, x30, [sp, #-48]!', grow(48)],
  ['ldp x29, x30, [sp], #48', grow(-48, true)],
  ['ldp x20, x19, [sp], #16', grow(-16)],
  ['stp w1, w2, [sp, #-8]!', grow(8)],
  ['stp q8, q9, [sp, #-64]!', grow(64)],
  ['stp d8, d9, [sp, #-16]!', grow(16)],
  ['str x30, [sp, #-16]!', grow(16)],
  ['ldr x30, [sp], #16', grow(-16)],
  ['ldr x29, [sp], #16', grow(-16, true)],
  ['str d8, [sp, #-16]!', grow(16)],
  ['mov x29, sp', { kind: 'keep', register: 'frame', bytes: -0 }],
  ['add x29, sp, #32', { kind: 'keep', register: 'frame', bytes: -32 }],
  ['mov sp, x29', { kind: 'restore', bytes: -0 }],
  ['sub sp, x29, #64', { kind: 'restore', bytes: 64 }],
  ['sub sp, sp, x12', { kind: 'growBy', register: 12, sign: 1 }],
  ['add sp, sp, x12', { kind: 'growBy', register: 12, sign: -1 }],
  ['sub sp, sp, x12, lsl #2', unknown],
  ['sub sp, sp, w12, uxtw', unknown],
  ['and sp, x9, #0xffffffffffffffc0', unknown],
  ['mov sp, x9', unknown],
  ['add wsp, wsp, #16', unknown],
  ['addvl sp, sp, #-1', unknown],
  ['st1 {v0.4s}, [sp], #16', unknown],
  ['ld1 {v0.4s}, [sp]', none],
  ['addg sp, sp, #16, #1', unknown],
  ['stg x0, [sp], #16', unknown],
  ['stp x29, x30, [sp, #16]', none],
  ['ldp x29, x30, [sp, #16]', forget],
  ['ldr x29, [x0, #8]', forget],
  ['str x29, [x0, #8]', none],
  ['add x29, x0, #8', forget],
  ['mov x29, #3', forget],
  ['cmp sp, x0', none],
  ['add x0, sp, #16', none],
  ['str xzr, [x0], #8', none],
  ['adds xzr, x0, #1', none],
];

describe('an instruction', () => {
  it('does to the stack pointer what is said', async () => {
    const shown = await disassembled(effects.map(([text]) => text));
    expect(shown).toHaveLength(effects.length);
    for (const [i, [text, effect]] of effects.entries()) {
      const step = stepOf(shown[i]!.word);
      expect({ text, effect: JSON.stringify(step.effect) }).toEqual({ text, effect: JSON.stringify(effect) });
      expect(step).toMatchObject({ length: 4, continues: true });
    }
  });

  it('goes where is said', async () => {
    const flows: readonly (readonly [string, object])[] = [
      ['b .+16', { continues: false, jump: 0x1010n }],
      ['bl .-16', { continues: true, call: 0xff0n }],
      ['b.eq .+8', { continues: true, jump: 0x1008n }],
      ['cbnz x3, .-8', { continues: true, jump: 0xff8n }],
      ['tbz x3, #40, .+8', { continues: true, jump: 0x1008n }],
      ['blr x8', { continues: true, call: 'indirect' }],
      ['br x8', { continues: false, jumpsAnywhere: {} }],
      ['ret', { continues: false, returns: true }],
      ['retaa', { continues: false, returns: true }],
      ['ret x1', { continues: false, jumpsAnywhere: {} }],
      ['brk #1', { continues: false }],
      ['udf #0', { continues: false }],
      ['eret', { continues: false, jumpsAnywhere: {} }],
    ];
    const shown = await disassembled(flows.map(([text]) => text));
    for (const [i, [text, flow]] of flows.entries())
      expect({ text, step: stepOf(shown[i]!.word) }).toEqual({ text, step: { length: 4, effect: none, ...flow } });
  });
});

/** Operands that an instruction reads although it names them first. */
const readsFirst = /^(st|cmp|cmn|tst|ccm|prf|msr|cb|tb|sys|b|ret|dc|ic|at|tlbi|hint|sb|fcmp|ccmp|rmif|setf|mova)/;
/** Atomics that read their first operand and write their second. */
const readsThenWrites = /^(ld(add|clr|eor|set|[su](max|min))|swp)(a|l|al)?[bh]? /;
const writesBack = /\[sp[^\]]*\]!|\[sp\], /;

describe('any instruction', () => {
  it('that moves the stack pointer, or writes x29, does not pass for one that does not', async () => {
    const random = createRandom(11, 0);
    const count = isLong ? 400_000 : 15_000;
    const words = Array.from({ length: count }, () => {
      let word = random.below(2 ** 32);
      // Both registers are named more often than chance would.
      const special = random.below(2) === 0 ? 31 : 29;
      if (random.below(3) > 0) word = (word & ~0x1f) | special;
      if (random.below(3) > 0) word = (word & ~0x3e0) | (special << 5);
      return word >>> 0;
    });
    let seen = 0;
    const missed: string[] = [];
    for (let from = 0; from < count; from += 50_000) {
      const part = words.slice(from, from + 50_000);
      for (const { word, text } of await disassembled(part.map((word) => `.inst ${word}`))) {
        if (text === '<unknown>') continue;
        const step = stepOf(word);
        const first = /^\S+ (w?sp|[xw]29)\b/.exec(text)?.[1];
        const movesStack = writesBack.test(text) || (first?.endsWith('sp') && !readsFirst.test(text));
        const second = /^(ld|swp)\S+ \S+, ([xw]29)\b/.test(text);
        const isFirst = first?.endsWith('29') && !readsFirst.test(text) && !readsThenWrites.test(text);
        const writesFrame = isFirst || second;
        if (!movesStack && !writesFrame) continue;
        seen++;
        if (step.effect.kind === 'none') missed.push(`${word.toString(16)}: ${text}`);
      }
    }
    expect(missed).toEqual([]);
    expect(seen).toBeGreaterThan(count / 20);
  });
});
