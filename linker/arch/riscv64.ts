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
import { fail } from '../../base/errors.ts';
import * as elf from '../elf.ts';
import * as layout from '../kernels/layout.ts';
import { allObjects, type InputObject, type Program, Role } from '../program.ts';
import type { AddressTables, Architecture, RelocationJob } from './architecture.ts';
import { aboutRelocation, cannotApply } from './report.ts';
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
  if (job.program.words[layout.RESULT] !== layout.APPLY_NEEDS_SLOT) return cannotApply(job);
  const stopped = applyFrom(job, r, slotAddress(job, aboutRelocation(job)));
  // With its slot it either is applied or cannot be.
  return stopped === r ? cannotApply(job) : stopped;
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
  nopBytes: [0x13, 0, 0, 0],
  writeIplt,
  rewritesGot: () => false,
  rewritesGotTp: () => false,
  consumesCall: false,
  applyRelocation,
  threadOffset,
  dtpBias: R.DTP_BIAS,
  mergeFlags,
};
