/**
 * Whatever firmware hands over, the stub ends: it enters the program, or says one line and powers off, within a number of
 * instructions that the tree's size bounds.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { LEAST_FREE, LEAST_HEAP } from '../../../../targets/riscv64/stage0/placement.ts';
import { deviceTree, type TreeNode, wide } from '../../../support/fdt.ts';
import { isLong as long } from '../../../support/long.ts';
import { requireTools } from '../../../support/tools.ts';
import { inATurn, inTurns } from '../../../support/turns.ts';
import { guestProgram } from '../stub-guest.ts';
import { BASE, LOADED, MIB, PROGRAM, type Start, start, virtTree } from './support.ts';

requireTools('clang', 'ld.lld');

const small = 8 * MIB;
const messages = {
  fdt: 'casemate: ABORT: stage 0: no device tree, or a damaged one\n',
  bank: 'casemate: ABORT: stage 0: the device tree has no memory node around this image\n',
  memory: 'casemate: ABORT: stage 0: not enough memory: give the guest more\n',
  fault: 'casemate: ABORT: stage 0: memory that the device tree promises is not there\n',
};

let program: Uint8Array;
let blob: Uint8Array;
beforeAll(async () => {
  program = await guestProgram();
  blob = deviceTree(virtTree(small));
});

/** What the guest said before it powered off; 'entered' for one that started. */
function outcome(options: Start): string {
  const { ending, machine } = start(program, { size: small, limit: 3_000_000, ...options });
  if (ending.reason === 'entered') {
    expect(ending.console).toBe('');
    return 'entered';
  }
  expect(ending.reason).toBe('off');
  // Off comes after the one line, and but for one fault on the way there is no trap.
  expect(machine.traps.length).toBeLessThanOrEqual(1);
  expect(ending.console).toMatch(/^casemate: ABORT: stage 0: [^\n]+\n$/);
  return ending.console;
}

/** The tree with a word of its header, or any other, changed. */
function changed(at: number, value: number, from = blob): Uint8Array {
  const copy = from.slice();
  new DataView(copy.buffer).setUint32(at, value);
  return copy;
}

const word = (at: number): number => new DataView(blob.buffer).getUint32(at);

describe('no tree', () => {
  it.each<[string, number]>([
    ['at zero', 0],
    ['at an odd address', BASE + 4 * MIB + 1],
    ['at half a word', BASE + 4 * MIB + 4],
    ['outside of memory', 0x10000000],
    ['at the end of memory', BASE + small - 8],
    ['after memory', BASE + small],
    ['at the end of all addresses', 2 ** 53 - 8],
    ['in memory that holds none', BASE + 0x100000],
  ])('%s ends in its message', (_, treeAt) => {
    const nothing = new Uint8Array(0);
    expect(outcome({ tree: nothing, treeAt })).toBe(messages.fdt);
  });
});

describe('a damaged header', () => {
  it.each<[string, number, number]>([
    ['another magic', 0, 0xd00dfeee],
    ['no size', 4, 0],
    ['a size of less than itself', 4, 39],
    ['a huge size', 4, 0xffffffff],
    ['a size beyond a MiB', 4, (1 << 20) + 1],
    ['a structure outside', 8, 0x7ffffffc],
    ['a structure that is not aligned', 8, 58],
    ['strings outside', 12, 0xfffffff0],
    ['reservations outside', 16, 0xfffffff8],
    ['an old version', 20, 16],
    ['no version', 20, 0],
    ['no structure', 36, 0],
    ['a structure beyond the tree', 36, 0xfffffffc],
  ])('with %s ends in its message', (_, at, value) => {
    expect(outcome({ tree: changed(at, value) })).toBe(messages.fdt);
  });

  it('that lies over the image, or says so, ends in its message', () => {
    expect(outcome({ treeAt: PROGRAM + 0x1000 })).toBe(messages.fdt);
    expect(outcome({ tree: changed(4, 0x2000), treeAt: LOADED - 0x1000 })).toBe(messages.fdt);
  });
});

describe('a truncated tree', () => {
  it('ends in its message at every length, told by its header or not', { timeout: 3_600_000 }, async () => {
    const step = long ? 4 : 76;
    await inTurns(Math.ceil((word(8) + word(36)) / step), (i) => {
      const length = i * step;
      expect(outcome({ tree: changed(4, length) })).toBe(messages.fdt);
      const cut = blob.slice();
      cut.fill(0, length);
      expect([messages.fdt, messages.bank, 'entered']).toContain(outcome({ tree: cut }));
    });
  });

  it('that memory ends in ends in its message', () => {
    for (const length of [8, 40, 64, 512]) {
      const treeAt = BASE + small - length;
      const run = outcome({ tree: changed(4, blob.length).subarray(0, length), treeAt });
      expect(run).toBe(messages.fdt);
    }
  });

  it('with a structure that ends before its end token ends in its message', () => {
    for (let size = word(36) - 4; size > word(36) - 64; size -= 4)
      expect(outcome({ tree: changed(36, size) })).toBe(messages.fdt);
  });
});

/** A tree of the given tokens after the root's, and as many bytes of strings. */
function tokens(...words: number[]): Uint8Array {
  const bare = deviceTree({});
  const at = new DataView(bare.buffer).getUint32(8);
  const total = (at + 8 + 4 * words.length + 7) & ~7;
  const tree = new Uint8Array(total);
  tree.set(bare.subarray(0, at + 8));
  const view = new DataView(tree.buffer);
  for (const [i, value] of words.entries()) view.setUint32(at + 8 + 4 * i, value);
  view.setUint32(4, total);
  view.setUint32(12, total);
  view.setUint32(36, 8 + 4 * words.length);
  return tree;
}

describe('a tree', () => {
  it.each<[string, number[]]>([
    ['that never ends', [4, 4, 4, 4]],
    ['of unknown tokens', [5]],
    ['of token zero', [0]],
    ['that closes more than it opened', [2, 2, 9]],
    ['whose property is longer than all', [3, 0xffffffff, 0, 9]],
    ['whose property ends after the structure', [3, 64, 0, 9]],
    ['whose property has a name outside', [3, 0, 0xffffffff, 9]],
    ['whose node has a name without an end', [1, 0x41414141]],
    ['that is nested too deep', Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 1 : 0))],
  ])('%s ends in its message', (_, words) => {
    expect(outcome({ tree: tokens(...words) })).toBe(messages.fdt);
  });

  it.each<[string, TreeNode]>([
    ['without memory', {}],
    ['with memory elsewhere', { memory: { device_type: 'memory', reg: wide(0x1000, 0x1000) } }],
    ['with memory of no size', { memory: { device_type: 'memory', reg: wide(BASE, 0) } }],
    ['with memory that wraps', { memory: { device_type: 'memory', reg: wide(BASE, -1n) } }],
    ['with memory beyond all addresses', { memory: { device_type: 'memory', reg: wide(BASE, 2n ** 60n) } }],
    ['with half a range of memory', { memory: { device_type: 'memory', reg: wide(BASE) } }],
    ['with memory that is not okay', { memory: { device_type: 'memory', reg: wide(BASE, small), status: 'disabled' } }],
    ['with memory too deep', { bus: { memory: { device_type: 'memory', reg: wide(BASE, small) } } }],
  ])('%s ends in its message', (_, root) => {
    expect(outcome({ tree: deviceTree({ '#address-cells': [2], '#size-cells': [2], ...root }) })).toBe(messages.bank);
  });

  it('costs a number of instructions that its size bounds: no byte more than 250', () => {
    const count = (size: number): number => {
      // The worst that is known: each second byte begins a name to be looked for.
      const list = Uint8Array.from({ length: size }, (_, i) => (i % 2 === 0 ? 0x76 : 0));
      const tree = deviceTree({ ...virtTree(small), worst: { compatible: list } });
      const { ending } = start(program, { size: small, tree, limit: 10_000_000 });
      expect(ending.reason).toBe('entered');
      return ending.instructions;
    };
    expect(count(24 << 10) - count(8 << 10)).toBeLessThan(250 * (16 << 10));
  });
});

describe('memory', () => {
  it('too small by any number of pages ends in its message, from there on the program starts', () => {
    const end = PROGRAM + 0x20000;
    const results: string[] = [];
    for (let pages = 0; pages <= 128; pages += 4) {
      const bytes = end + 4096 * pages - BASE;
      const tree = deviceTree({
        ...virtTree(small),
        [`memory@${BASE.toString(16)}`]: { device_type: 'memory', reg: wide(BASE, bytes) },
      });
      results.push(outcome({ tree, treeAt: BASE + 0x100000 }));
    }
    const first = results.indexOf('entered');
    expect(first).toBeGreaterThan(0);
    expect(new Set(results.slice(0, first))).toEqual(new Set([messages.memory]));
    expect(new Set(results.slice(first))).toEqual(new Set(['entered']));
    expect(LEAST_FREE).toBeGreaterThan(LEAST_HEAP);
  });

  it('that ends before the image does ends in its message', () => {
    for (const bytes of [0x200000 + 1, 0x203000, 0x204000]) {
      const tree = deviceTree({
        ...virtTree(small),
        [`memory@${BASE.toString(16)}`]: { device_type: 'memory', reg: wide(BASE, bytes) },
      });
      expect(outcome({ tree })).toBe(messages.memory);
    }
  });

  it('that is reserved around the image ends in its message', () => {
    for (const range of [
      [0n, 2n ** 40n],
      [BigInt(PROGRAM), 0x1000000n],
    ] as const)
      expect(outcome({ treeOptions: { reservations: [range] }, treeAt: BASE + 0x100000 })).toBe(messages.memory);
  });
});

describe('any change', () => {
  const runs = long ? 20_000 : 150;

  it(`of a few words or bytes (${runs} times) ends the one way or the other`, { timeout: 3_600_000 }, async () => {
    const interesting = fc.constantFrom(0, 1, 2, 3, 4, 9, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffc);
    const position = fc.oneof(
      fc.integer({ min: 0, max: 9 }).map((i) => 4 * i),
      fc.integer({ min: 0, max: (blob?.length ?? 2000) - 4 }),
    );
    const edit = fc.tuple(position, fc.oneof(interesting, fc.integer({ min: 0, max: 0xffffffff })));
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(edit, { minLength: 1, maxLength: 6 }),
        inATurn((edits) => {
          let tree = blob;
          for (const [at, value] of edits) tree = changed(Math.min(at, blob.length - 4), value, tree);
          outcomes.add(outcome({ tree, harden: { mode: 'sv39' } }));
        }),
      ),
      { seed: 11, numRuns: runs },
    );
    expect(outcomes).toContain('entered');
    expect(outcomes).toContain(messages.fdt);
  });
});
