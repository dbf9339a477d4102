/**
 * What the kernels must share with the phases around them: numbers, names as bytes, and where edited offsets went.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Need, Special } from '../../linker/arch/architecture.ts';
import { adopt, allocate, createArena } from '../../linker/arena.ts';
import * as elf from '../../linker/elf.ts';
import { PROGRAM_WORDS, READ_AHEAD, RESULT } from '../../linker/kernels/layout.ts';
import { createNameTable, findText, internName, internText, nameCount, nameText } from '../../linker/names.ts';
import { Live, Role, SymbolFlag, SymbolKind } from '../../linker/program.ts';
import { projectRoot } from '../support/paths.ts';

/** `export const NAME: u32 = VALUE;` of the kernels. */
function kernelNumbers(file: string): Map<string, number> {
  const text = readFileSync(join(projectRoot, 'linker/kernels/assembly', file), 'utf8');
  return new Map([...text.matchAll(/^export const (\w+): \w+ = (\w+);/gm)].map((m) => [m[1]!, Number(m[2])]));
}

const upper = (name: string) => name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();

describe('the numbers of the kernels', () => {
  const numbers = kernelNumbers('elf.ts');
  const families: [string, Readonly<Record<string, number>>][] = [
    ['ROLE_', Role],
    ['LIVE_', Live],
    ['KIND_', SymbolKind],
    ['FLAG_', SymbolFlag],
    ['SPECIAL_', Special],
    ['NEED_', Need],
  ];
  const known = new Map<string, number>(
    Object.entries(elf).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value]] : [])),
  );
  for (const [prefix, family] of families) {
    for (const [name, value] of Object.entries(family)) known.set(prefix + upper(name), value);
  }

  it('are those of the phases', () => {
    const ofNames = [...numbers.keys()].filter((name) => name.startsWith('NAME_'));
    const shared = [...numbers].filter(([name]) => !ofNames.includes(name));
    expect(shared.length).toBeGreaterThan(50);
    for (const [name, value] of shared) expect([name, value]).toEqual([name, known.get(name)]);
  });
});

describe("the words of the program's block", () => {
  it('mean one thing each', () => {
    const text = readFileSync(join(projectRoot, 'linker/kernels/layout.ts'), 'utf8');
    const numbers = [...text.matchAll(/^export const (\w+) = (\d+);$/gm)].map((m) => [m[1]!, Number(m[2])] as const);
    const size = numbers.findIndex(([name]) => name === 'PROGRAM_WORDS');
    const words = numbers.slice(0, size).map(([, word]) => word);
    expect(new Set(words).size).toBe(words.length);
    expect(words.length).toBeGreaterThan(50);
    // What a kernel leaves there may take all of the rest.
    expect(Math.max(...words)).toBe(RESULT);
    const results = numbers.filter(([name, word]) => /^READ_[A-Z_]+$/.test(name) && word >= RESULT);
    expect(results.length).toBeGreaterThan(10);
    for (const [name, word] of results) expect([name, word < PROGRAM_WORDS]).toEqual([name, true]);
  });
});

describe('interned names', () => {
  const bytesOfNames = fc.array(fc.uint8Array({ minLength: 0, maxLength: 40 }), { minLength: 1, maxLength: 60 });

  it('are equal exactly when their bytes are', () => {
    fc.assert(
      fc.property(bytesOfNames, (list) => {
        const arena = createArena();
        const table = createNameTable(arena, 4);
        const ids = new Map<string, number>();
        for (const raw of list) {
          const name = raw.map((byte) => byte || 1);
          const at = adopt(arena, Uint8Array.from([...name, 0]));
          const key = name.join();
          const id = internName(table, at, at + name.length + 1);
          expect(id).toBe(ids.get(key) ?? ids.size);
          ids.set(key, id);
        }
        expect(nameCount(table)).toBe(ids.size);
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  it('are refused when no NUL ends them in time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 8 }), (length, beyond) => {
        const arena = createArena();
        const table = createNameTable(arena);
        const at = adopt(arena, new Uint8Array(length + beyond).fill(0x61));
        expect(internName(table, at, at + length)).toBe(-1);
        expect(nameCount(table)).toBe(0);
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  it('are found by text, whether they came from a file or as text', () => {
    const arena = createArena();
    const table = createNameTable(arena);
    const file = adopt(arena, Buffer.from('eight_by\0seven_b\0'));
    expect(internName(table, file, file + 17)).toBe(0);
    expect(internText(table, 'seven_b')).toBe(1);
    expect(internName(table, file + 9, file + 17)).toBe(1);
    expect(findText(table, 'eight_by')).toBe(0);
    expect(findText(table, 'eight_b')).toBe(-1);
    expect(nameText(table, 0)).toBe('eight_by');
  });
});

describe('the arena', () => {
  it('is zero above what is taken, after a look-up too', () => {
    const arena = createArena();
    const table = createNameTable(arena);
    const { used } = arena;
    findText(table, 'no such name');
    expect(arena.used).toBe(used);
    expect(arena.bytes.subarray(used, used + 64).every((byte) => byte === 0)).toBe(true);
  });

  it('says so when a link does not fit, and takes nothing', () => {
    const arena = createArena();
    const { used } = arena;
    expect(() => allocate(arena, arena.bytes.length)).toThrow(/do not fit the memory of \d+ MiB/);
    expect(arena.used).toBe(used);
    const room = arena.bytes.length - READ_AHEAD - arena.used;
    expect(allocate(arena, room, 1)).toBe(used);
    expect(() => allocate(arena, 1, 1)).toThrow(/do not fit/);
  });
});
