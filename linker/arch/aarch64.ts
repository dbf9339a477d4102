/**
 * AArch64, LP64: relocations, the slots and veneers they ask for, and the entries of the IPLT.
 *
 * Addresses are made of a page (adrp) and an offset in it, each with a relocation that names the symbol itself, so no
 * pairs have to be found and nothing shrinks. What sets this machine apart is that a call reaches 128 MiB only: one that
 * goes farther is led over a veneer (veneers.ts). The arithmetic is kernels/assembly/aarch64.ts.
 * Sources: AAELF64 2023Q3, chapter 5; Arm ARM for A-profile for the encodings.
 */
import { alignUp, fitsSigned } from '../../base/arithmetic.ts';
import { fail, hex } from '../../base/errors.ts';
import * as elf from '../elf.ts';
import * as layout from '../kernels/layout.ts';
import { allObjects, type Program } from '../program.ts';
import { names, needs, R } from './aarch64-types.ts';
import type { AddressTables, Architecture, RelocationJob } from './architecture.ts';
import { aboutRelocation, cannotApply, relocationOverflow } from './report.ts';

/** The thread pointer's own two words, before the block of thread-locals. */
const CONTROL_BLOCK = 16;
const PAGE = 0x1000;

/** Lets the kernel go on at relocation `r`, for which `found` is the address of its slot or veneer (or NaN). */
function applyFrom(job: RelocationJob, r: number, found: number): number {
  const { program } = job;
  return program.arena.kernels.applyAarch64(
    program.block,
    job.section,
    r,
    found,
    job.file.byteOffset + job.outOffset,
    job.places?.byteOffset ?? 0,
    job.symbolAddress.byteOffset,
    job.special.byteOffset,
  );
}

/** Finds what the kernel stopped at relocation `r` for, and lets it go on; returns where it stopped again. */
function applyRelocation(job: RelocationJob, r: number): number {
  if (job.program.words[layout.RESULT] !== layout.APPLY_NEEDS_SLOT) return cannotApply(job);
  const stopped = applyFrom(job, r, whatIsNeeded(job, r, aboutRelocation(job)));
  // With its slot it either is applied or cannot be.
  return stopped === r ? cannotApply(job) : stopped;
}

/** Address of the slot or veneer that the relocation at `at` needs. */
function whatIsNeeded(job: RelocationJob, r: number, at: number): number {
  const sym = job.view.getUint32(at + 12, true);
  switch (job.view.getUint32(at + 8, true)) {
    case R.TLSIE_MOVW_GOTTPREL_G1:
    case R.TLSIE_MOVW_GOTTPREL_G0_NC:
    case R.TLSIE_LD_GOTTPREL_PREL19:
      return job.tables.gotTpSlot(job, sym);
    case R.CALL26:
    case R.JUMP26:
      return job.tables.veneer(job, r) ?? callOutOfReach(job, at, sym);
    default:
      return job.tables.gotSlot(job, sym);
  }
}

function callOutOfReach(job: RelocationJob, at: number, sym: number): never {
  const target = job.symbolAddress[sym]! + elf.readSigned64(job.view, at + 16);
  const distance = target - job.address - elf.readUnsigned64(job.view, at);
  return relocationOverflow(job, at, distance, -(2 ** 27), 2 ** 27 - 4);
}

/** Variant I: the thread pointer points at its two words, and the block follows, aligned. */
function threadOffset(tables: AddressTables, address: number): number {
  return address - tables.tlsStart + alignUp(CONTROL_BLOCK, tables.tlsAlign);
}

function pageOf(address: number): number {
  return Math.floor(address / PAGE);
}

/** `adrp x<register>, <page of target>` at `address`. */
function adrp(register: number, address: number, target: number): number {
  const pages = pageOf(target) - pageOf(address);
  if (!fitsSigned(pages, 21)) {
    fail('layout', `.iplt: its slot at ${hex(target)} is more than 4 GiB from ${hex(address)}; move .got nearer`);
  }
  return (0x90000000 | ((pages & 3) << 29) | (((pages >> 2) & 0x7ffff) << 5) | register) >>> 0;
}

function writeIplt(out: DataView, offset: number, address: number, slotAddress: number): void {
  // bti c; adrp x16, slot; ldr x17, [x16, #:lo12:slot]; br x17. The marker lets the entry be an indirect target.
  out.setUint32(offset, 0xd503245f, true);
  out.setUint32(offset + 4, adrp(16, address + 4, slotAddress), true);
  out.setUint32(offset + 8, 0xf9400211 | ((slotAddress - pageOf(slotAddress) * PAGE) << 7), true);
  out.setUint32(offset + 12, 0xd61f0220, true);
}

/** e_flags: none are defined but for other ABIs, which do not mix with this one. */
function mergeFlags(program: Program): number {
  const other = allObjects(program).find(({ flags, sectionCount }) => flags !== 0 && sectionCount > 0);
  if (other) {
    fail(
      'unsupported-input',
      `${other.name}: e_flags are ${hex(other.flags)}, expected 0x0: another ABI; recompile it`,
    );
  }
  return 0;
}

export const aarch64: Architecture = {
  machine: 'aarch64',
  elfMachine: elf.EM_AARCH64,
  maxPageSize: 0x10000,
  commonPageSize: 0x1000,
  imageBase: 0x400000,
  relocationNames: names,
  needs,
  relativeType: R.RELATIVE,
  irelativeType: R.IRELATIVE,
  gotHeaderSlots: 1,
  ipltEntrySize: 16,
  trapBytes: [0],
  nopBytes: [0x1f, 0x20, 0x03, 0xd5],
  writeIplt,
  rewritesGot: () => false,
  rewritesGotTp: () => false,
  consumesCall: true,
  applyRelocation,
  threadOffset,
  dtpBias: 0,
  mergeFlags,
};
