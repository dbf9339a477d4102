/**
 * Hostile programs before casemate harden: one line of complaint, or an image that the stub can start.
 *
 * One field at a time of a header, a dynamic entry or a relocation gets a hostile value. What comes out must have a stub
 * that reads back, and must end on the interpreter, whatever its program has become: the program runs, or the stub says
 * its line.
 */
import { beforeAll, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import * as elf from '../../../linker/elf.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { defaultHardening, hardenRiscv, rawImage } from '../../../targets/riscv64/harden.ts';
import { STUB_SIZE } from '../../../targets/riscv64/stage0/config.ts';
import { findStub } from '../../../targets/riscv64/stage0/stub.ts';
import { deviceTree } from '../../support/fdt.ts';
import { isLong } from '../../support/long.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { Rv64 } from '../../support/rv64.ts';
import { requireTools } from '../../support/tools.ts';
import { inTurns } from '../../support/turns.ts';
import { BASE, LOADED, MIB, virtTree } from './stage0/support.ts';
import { guestProgram } from './stub-guest.ts';

requireTools('clang', 'ld.lld');

const count = isLong ? 20_000 : 150;

/** Where a field is, and its bytes. */
type Field = readonly [at: number, width: 2 | 4 | 8];

function fieldsOf(bytes: Uint8Array): Field[] {
  const file = readElfFile(bytes, 'guest.elf');
  const fields: Field[] = [];
  for (const at of [16, 18, 54, 56, 58, 60, 62]) fields.push([at, 2]);
  for (const at of [24, 32, 40]) fields.push([at, 8]);
  file.segments.forEach(({ type, offset, fileSize }, i) => {
    const at = file.header.programHeadersOffset + i * elf.PHDR_SIZE;
    fields.push([at, 4], [at + 4, 4]);
    for (const word of [8, 16, 24, 32, 40, 48]) fields.push([at + word, 8]);
    if (type === elf.PT_DYNAMIC) for (let entry = 0; entry < fileSize; entry += 8) fields.push([offset + entry, 8]);
  });
  for (const { type, offset, size } of file.sections) {
    if (type === elf.SHT_RELA || type === elf.SHT_RELR)
      for (let word = 0; word < size; word += 8) fields.push([offset + word, 8]);
  }
  return fields;
}

function hostileValue(random: Random, current: bigint): bigint {
  const edges = [0n, 1n, 2n, 3n, 8n, 0x1000n, 0x3ffffff8n, 0x40000000n, 0x7fffffffn, 0xffffffffn, 2n ** 53n, -1n, -8n];
  return random.pick([...edges, current + 1n, current - 8n, current + 8n, current * 2n, current + 0x1000n, -current]);
}

let programs: { readonly bytes: Uint8Array; readonly fields: readonly Field[] }[];
beforeAll(async () => {
  programs = [];
  for (const kind of ['relr', 'rela'] as const) {
    const bytes = await guestProgram(kind);
    programs.push({ bytes, fields: fieldsOf(bytes) });
  }
});

const tree = deviceTree(virtTree(8 * MIB));

/** How a hardened program's start ends, once it has its first instruction. */
function endOf(image: Uint8Array, entry: number): string {
  const size = 8 * MIB;
  const machine = new Rv64({ base: BASE, size, modes: [8n] });
  machine.memory.set(image, LOADED - BASE);
  machine.memory.set(tree, 0x1000);
  machine.pc = BigInt(LOADED);
  machine.x[11] = BigInt(BASE + 0x1000);
  const { reason, console } = machine.run(BigInt(LOADED + STUB_SIZE + entry), 3_000_000);
  return `${reason} ${console}`;
}

it(`${count} programs with a hostile field are refused in one line, or start`, { timeout: 3_600_000 }, async () => {
  const outcomes = { refused: 0, started: 0, halted: 0 };
  await inTurns(count, (i) => {
    const random = createRandom(42, i);
    const { bytes, fields } = random.pick(programs);
    const [at, width] = random.pick(fields);
    const copy = bytes.slice();
    const view = Buffer.from(copy.buffer);
    const current = view.readBigUInt64LE(Math.min(at, copy.length - 8));
    const value = BigInt.asUintN(8 * width, hostileValue(random, current));
    for (let byte = 0; byte < width; byte++) copy[at + byte] = Number((value >> BigInt(8 * byte)) & 255n);
    let hardened: Uint8Array;
    try {
      hardened = hardenRiscv(copy, 'guest.elf', defaultHardening).bytes;
    } catch (error) {
      if (!(error instanceof CasemateError)) throw error;
      expect(error.message).toMatch(/^[^\n]+$/);
      outcomes.refused++;
      return;
    }
    const what = `0x${value.toString(16)} at 0x${at.toString(16)}`;
    const stub = findStub(readElfFile(hardened, 'guest.elf'), hardened, 'guest.elf')!;
    expect(stub, what).toBeDefined();
    const raw = rawImage(hardened, 'guest.elf');
    if (raw.length > 4 * MIB || stub.config.span > 4 * MIB || i % 4 !== 0) return;
    const end = endOf(raw, stub.config.entry);
    expect(end, what).toMatch(/^(entered |off casemate: ABORT: stage 0: [^\n]+\n)$/);
    if (end === 'entered ') outcomes.started++;
    else outcomes.halted++;
  });
  expect(outcomes.refused).toBeGreaterThan(count / 8);
  expect(outcomes.started).toBeGreaterThan(0);
});
