/**
 * RISC-V, 64-bit: relocations for lp64 and lp64d.
 *
 * Two things set this machine apart. An address is made by an instruction pair, and the low half's relocation names
 * the high half's label instead of the symbol, so the pair must be found again. And since relaxation may remove bytes
 * anywhere, differences of labels are not constants: the assembler leaves them as ADD/SUB pairs.
 * The arithmetic is kernels/assembly/riscv64.ts; here are the slots it asks for, and what is wrong where it stops.
 * Sources: RISC-V ELF psABI 1.0, chapter 8 "Relocations"; RISC-V unprivileged ISA for the encodings.
 */
import { upperPart } from '../../base/arithmetic.ts';
import { fail, hex } from '../../base/errors.ts';
import { u32 } from '../arena.ts';
import * as elf from '../elf.ts';
import * as layout from '../kernels/layout.ts';
import { allObjects, type InputObject, type Program, Role } from '../program.ts';
import type { AddressTables, Architecture, RelocationJob } from './architecture.ts';
import { malformedRelocation, relocationOverflow, targetName } from './report.ts';
import { names, needs, R } from './riscv64-types.ts';

/** Lets the kernel go on at relocation `r`, which needs `slot` (an address, or NaN); returns where it stopped. */
function applyFrom(job: RelocationJob, r: number, slot: number): number {
  const { program } = job;
  return program.arena.kernels.applyRiscv64(
    program.block,
    job.section,
    r,
    slot,
    job.file.byteOffset + job.outOffset,
    job.places?.byteOffset ?? 0,
    job.symbolAddress.byteOffset,
    job.special.byteOffset,
  );
}

/** Does what the kernel stopped at relocation `r` for, and lets it go on; returns where it stopped again. */
function applyRelocation(job: RelocationJob, r: number): number {
  switch (job.program.words[layout.RESULT]) {
    case layout.APPLY_NEEDS_CONSTANTS:
      setConstants(job);
      return applyFrom(job, r, Number.NaN);
    case layout.APPLY_NEEDS_SLOT: {
      const stopped = applyFrom(job, r, slotAddress(job, aboutRelocation(job)));
      // With its slot it either is applied or cannot be.
      return stopped === r ? cannotApply(job) : stopped;
    }
    default:
      return cannotApply(job);
  }
}

/** Address of the relocation that the kernel stopped for. */
function aboutRelocation(job: RelocationJob): number {
  return job.relocs + job.program.words[layout.RESULT + 1]! * elf.RELA_SIZE;
}

/** Tells the kernel what is the same for all sections. */
function setConstants({ program, tables }: RelocationJob): void {
  const words = u32(program.arena, layout.RISCV_WORDS);
  const { view } = program.arena;
  words[layout.RISCV_PIE] = tables.pie ? 1 : 0;
  view.setFloat64(words.byteOffset + layout.RISCV_TLS_START * 4, tables.tlsStart, true);
  view.setFloat64(words.byteOffset + layout.RISCV_GLOBAL_POINTER * 4, tables.globalPointer, true);
  program.words[layout.RISCV] = words.byteOffset;
}

function slotAddress(job: RelocationJob, at: number): number {
  const sym = job.view.getUint32(at + 12, true);
  switch (job.view.getUint32(at + 8, true)) {
    case R.TLS_GOT_HI20:
      return job.tables.gotTpSlot(job, sym);
    case R.TLS_GD_HI20:
      return job.tables.tlsGdSlot(job, sym);
    default:
      return job.tables.gotSlot(job, sym);
  }
}

/** Says why the kernel could not apply the relocation that it stopped for. */
function cannotApply(job: RelocationJob): never {
  const { view, program } = job;
  const at = aboutRelocation(job);
  const noted = (i: number): number => view.getFloat64(program.block + (layout.RESULT + 2 + i * 2) * 4, true);
  const sym = view.getUint32(at + 12, true);
  const refuse = (what: string): never => malformedRelocation(job, at, what);
  switch (program.words[layout.RESULT]) {
    case layout.APPLY_OUTSIDE: {
      const offset = hex(elf.readUnsigned64(view, at));
      return refuse(`offset ${offset} is outside the section of ${hex(job.size)} bytes`);
    }
    case layout.APPLY_SYMBOL:
      return refuse(`symbol ${sym} of ${job.symbolCount}`);
    case layout.APPLY_DEAD:
      return refuse(`${targetName(job, at)} is in a discarded section; keep it or drop its user`);
    case layout.APPLY_PIECE:
      job.tables.pieceAddress(job, sym, elf.readSigned64(view, at + 16));
      return refuse('refers to a piece that does not exist');
    case layout.APPLY_OVERFLOW:
      return relocationOverflow(job, at, noted(0), noted(1), noted(2));
    case layout.APPLY_ODD:
      return refuse(`target of the jump is at an odd distance, ${hex(noted(0))}`);
    case layout.APPLY_LABEL:
      return refuse('its label is not in the same section');
    case layout.APPLY_NO_HIGH:
      return refuse(`no high half (auipc) with a relocation at ${hex(noted(0))}, where its label is`);
    case layout.APPLY_ULEB_PAST:
      return refuse('the ULEB128 number runs past the section');
    case layout.APPLY_ULEB_LONG:
      return refuse('the ULEB128 number is too long');
    case layout.APPLY_ULEB_SHORT:
      return refuse(`${noted(0)} does not fit the ULEB128 number's bytes`);
    default:
      return refuse('cannot be applied to a static executable');
  }
}

/** Variant I with the thread pointer at the end of its control block: tp points at the start of the TLS block. */
function threadOffset(tables: AddressTables, address: number): number {
  return address - tables.tlsStart;
}

function writeIplt(out: DataView, offset: number, address: number, slotAddress: number): void {
  // auipc t3, %pcrel_hi(slot); ld t3, %pcrel_lo(t3); jr t3; nop
  const distance = slotAddress - address;
  out.setUint32(offset, (0x00000e17 | upperPart(distance)) >>> 0, true);
  out.setUint32(offset + 4, (0x000e3e03 | (distance << 20)) >>> 0, true);
  out.setUint32(offset + 8, 0x000e0067, true);
  out.setUint32(offset + 12, 0x00000013, true);
}

const FLOAT_ABIS = ['soft', 'single', 'double', 'quad'];

/** e_flags: extensions add up; the floating-point ABI of all objects with code must be one. */
function mergeFlags(program: Program): number {
  let flags = 0;
  let first: InputObject | undefined;
  for (const object of allObjects(program)) {
    if (object.sectionCount === 0 || !hasCode(program, object)) continue;
    flags |= object.flags & (elf.EF_RISCV_RVC | elf.EF_RISCV_TSO);
    const mask = elf.EF_RISCV_FLOAT_ABI | elf.EF_RISCV_RVE;
    if (first && (object.flags & mask) !== (first.flags & mask)) {
      const abi = (o: InputObject) =>
        `${FLOAT_ABIS[(o.flags & elf.EF_RISCV_FLOAT_ABI) >> 1]}-float${o.flags & elf.EF_RISCV_RVE ? ' RVE' : ''}`;
      fail(
        'unsupported-input',
        `${object.name}: is ${abi(object)}, but ${first.name} is ${abi(first)}; compile all with one -mabi`,
      );
    }
    if (!first) {
      first = object;
      flags |= object.flags & mask;
    }
  }
  return flags;
}

function hasCode(program: Program, object: InputObject): boolean {
  const t = program.sections;
  for (let s = object.firstSection; s < object.firstSection + object.sectionCount; s++) {
    if ((t.flags[s]! & elf.SHF_EXECINSTR) !== 0 && t.inputSize[s]! > 0 && t.role[s] !== Role.Ignored) return true;
  }
  return false;
}

export const riscv64: Architecture = {
  machine: 'riscv64',
  elfMachine: elf.EM_RISCV,
  maxPageSize: 0x1000,
  commonPageSize: 0x1000,
  imageBase: 0x10000,
  relocationNames: names,
  needs,
  relativeType: 3,
  irelativeType: 58,
  gotHeaderSlots: 1,
  ipltEntrySize: 16,
  trapBytes: [0, 0],
  writeIplt,
  rewritesGot: () => false,
  rewritesGotTp: () => false,
  consumesCall: false,
  applyRelocation,
  threadOffset,
  dtpBias: R.DTP_BIAS,
  mergeFlags,
};
