/** The fast ways of a move do what the plain ones do. */
import { describe, expect, it } from 'vitest';
import { createSlideArena } from '../../../hardening/slide/kernels/kernels.ts';
import { moveSymbols } from '../../../hardening/slide/move-symbols.ts';
import { addressUnder, mapAddress, movesOf } from '../../../hardening/slide/moves.ts';
import { codeStart, type SlideInfo, unitAt } from '../../../hardening/slide/slide-info.ts';
import { findUnit, unitTable } from '../../../hardening/slide/unit-table.ts';
import { u8 } from '../../../linker/arena.ts';
import * as elf from '../../../linker/elf.ts';
import type { ElfFile, ElfHeader, ElfSection } from '../../../linker/elf-file.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { randomLayout } from './random-layout.ts';

/** Two segments, of code and of data; units of a byte to some thousands, at any offset or at multiples of 16. */
function randomInfo(random: Random): SlideInfo {
  const align = random.oneIn(2) ? 1 : 16;
  const count = 1 + random.below(60);
  const units = {
    offset: new Uint32Array(count),
    size: Uint32Array.from({ length: count }, () => 1 + random.below(random.oneIn(8) ? 6000 : 90)),
    align: new Uint32Array(count).fill(align),
    pinned: random.below(2),
    trailing: 0,
  };
  let end = random.below(40) * align;
  for (let i = 0; i < count; i++) {
    units.offset[i] = Math.ceil(end / align) * align;
    end = units.offset[i]! + units.size[i]!;
  }
  const size = end + random.below(100);
  const code = { index: 0, address: 0x400000, fileSize: size, memorySize: size, align: 0x1000, flags: 5 };
  const data = { ...code, index: 1, address: 0x800000, fileSize: 500, memorySize: 700, flags: 6 };
  return { segments: [code, data], text: 0, units, groups: [] };
}

describe('a move', () => {
  const arena = createSlideArena();

  it('finds the unit of every offset by its table as by searching', () => {
    for (let round = 0; round < 100; round++) {
      const info = randomInfo(createRandom(0x0f5e7, round));
      const table = unitTable(info, arena);
      for (let at = -5; at < info.segments[0]!.memorySize + 5; at++) {
        if (findUnit(table, at) !== unitAt(info.units.offset, at)) expect.fail(`round ${round}, offset ${at}`);
      }
    }
  });

  it('takes one address where many would go', () => {
    for (let round = 0; round < 100; round++) {
      const random = createRandom(0xadd7e55, round);
      const info = randomInfo(random);
      const layout = randomLayout(info, random);
      const moves = movesOf(info, layout, arena);
      for (const { address, memorySize } of info.segments) {
        for (let at = address - 2; at < address + memorySize + 2; at++) {
          if (addressUnder(info, layout, at) !== mapAddress(moves, at)) expect.fail(`round ${round}, address ${at}`);
        }
      }
    }
  });

  it('moves each symbol as its address, and leaves those that name none', () => {
    const header = { ident: new Uint8Array(16) } as ElfHeader;
    for (let round = 0; round < 200; round++) {
      const random = createRandom(0x5e1b01, round);
      const info = randomInfo(random);
      const moves = movesOf(info, randomLayout(info, random), arena);
      const count = 1 + random.below(60);
      const data = u8(arena, elf.SYM_SIZE * count + random.below(elf.SYM_SIZE));
      const symtab = { type: elf.SHT_SYMTAB, entsize: elf.SYM_SIZE, flags: 0, address: 0n, data } as ElfSection;
      const loaded = { ...symtab, type: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC, address: 0x1234n } as ElfSection;
      const file: ElfFile = { header, segments: [], sections: [symtab, symtab, loaded], rest: [], size: 0 };
      const view = new DataView(data.buffer, data.byteOffset, data.length);
      const edges = info.segments.flatMap(({ address, memorySize }) => [address, address + memorySize]);
      for (let i = 0; i < count; i++) {
        const at = i * elf.SYM_SIZE;
        const value = edges[random.below(edges.length)]! + random.below(9) - 4;
        data[at + 4] = random.below(256);
        view.setUint16(at + 6, [0, 1, 2, 2, 2, 3, 0xff00, 0xfff1, 0xffff][random.below(9)]!, true);
        view.setBigUint64(
          at + 8,
          random.oneIn(9)
            ? 2n ** 64n - 1n
            : BigInt(random.oneIn(2) ? value : info.segments[0]!.address + random.below(info.segments[0]!.memorySize)),
          true,
        );
      }
      const before = data.slice();
      moveSymbols(file, file, moves);
      const expected = Buffer.from(before);
      for (let i = 1; i < count; i++) {
        const at = i * elf.SYM_SIZE;
        const [type, section] = [before[at + 4]! & 15, expected.readUInt16LE(at + 6)];
        const named = section === 2 || section === 0xffff;
        if (!named || type === elf.STT_TLS || type === elf.STT_FILE) continue;
        const value = expected.readBigUInt64LE(at + 8);
        if (value === 2n ** 64n - 1n && !(type === elf.STT_SECTION && section === 2)) continue;
        const to = type === elf.STT_SECTION && section === 2 ? 0x1234 : mapAddress(moves, Number(value));
        expected.writeBigUInt64LE(BigInt(to), at + 8);
      }
      expect(Buffer.compare(data, expected)).toBe(0);
    }
  });

  it('puts units in order to the byte, in pieces of any size', () => {
    for (let round = 0; round < 200; round++) {
      const random = createRandom(0xc09e, round);
      const info = randomInfo(random);
      const { units } = info;
      const layout = randomLayout(info, random);
      const { unitOffset, textSize } = layout;
      const { order, units: columns } = movesOf(info, layout, arena);
      const code = u8(arena, info.segments[0]!.memorySize);
      for (let i = 0; i < code.length; i++) code[i] = random.below(256);
      const head = codeStart(units);
      const expected = new Uint8Array(textSize).fill(0xcc);
      expected.set(code.subarray(0, Math.min(head, textSize)));
      for (let i = units.pinned; i < unitOffset.length; i++) {
        const from = units.offset[i]!;
        expected.set(code.subarray(from, from + units.size[i]!), unitOffset[i]!);
      }
      const text = new Uint8Array(textSize);
      let next = 0;
      for (let from = 0; from < textSize; ) {
        const until = Math.min(textSize, from + 1 + random.below(1 + random.below(600)));
        const around = u8(arena, until - from + 2).fill(0x77);
        const part = around.subarray(1, 1 + until - from);
        next = arena.kernels.arrangeText(
          part.byteOffset,
          from,
          until,
          code.byteOffset,
          head,
          0xcc,
          order.byteOffset,
          order.length,
          next,
          columns.offset,
          columns.size,
          columns.to,
        );
        expect([around[0], around[around.length - 1]]).toEqual([0x77, 0x77]);
        text.set(part, from);
        from = until;
      }
      expect(Buffer.compare(text, expected)).toBe(0);
    }
  });
});
