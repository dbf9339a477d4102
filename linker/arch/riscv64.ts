/**
 * RISC-V, 64-bit: relocations for lp64 and lp64d.
 *
 * Two things set this machine apart. An address is made by an instruction pair, and the low half's relocation names
 * the high half's label instead of the symbol, so the pair must be found again. And since relaxation may remove bytes
 * anywhere, differences of labels are not constants: the assembler leaves them as ADD/SUB pairs.
 * Sources: RISC-V ELF psABI 1.0, chapter 8 "Relocations"; RISC-V unprivileged ISA for the encodings.
 */
import { fail, hex } from '../../base/errors.ts';
import * as elf from '../elf.ts';
import { type InputObject, type Program, Role } from '../program.ts';
import { type AddressTables, type Architecture, type RelocationJob, Special } from './architecture.ts';
import { jobObject, malformedRelocation, relocationOverflow, targetName } from './report.ts';
import {
  setBase,
  setBType,
  setCbType,
  setCiLui,
  setCjType,
  setIType,
  setJType,
  setSType,
  setUType,
} from './riscv64-fields.ts';
import { names, needs, R, widths } from './riscv64-types.ts';

function check(job: RelocationJob, at: number, value: number, bits: number): void {
  const limit = 2 ** (bits - 1);
  if (value < -limit || value >= limit) relocationOverflow(job, at, value, -limit, limit - 1);
}

/** Rewrites a ULEB128 in place, keeping its length. */
function setUleb128(job: RelocationJob, at: number, place: number, end: number, value: number): void {
  const { out } = job;
  let rest = value;
  for (let p = place; ; p++) {
    if (p >= end) malformedRelocation(job, at, 'the ULEB128 number runs past the section');
    const more = (out.getUint8(p) & 0x80) !== 0;
    out.setUint8(p, (rest & 0x7f) | (more ? 0x80 : 0));
    rest = Math.floor(rest / 128);
    if (!more) break;
  }
  if (rest !== 0) malformedRelocation(job, at, `${value} does not fit the ULEB128 number's bytes`);
}

function getUleb128(job: RelocationJob, at: number, place: number, end: number): number {
  let value = 0;
  let scale = 1;
  for (let p = place; ; p++) {
    if (p >= end || scale > 2 ** 49) malformedRelocation(job, at, 'the ULEB128 number is too long');
    const byte = job.out.getUint8(p);
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if ((byte & 0x80) === 0) return value;
  }
}

// --- pairs

/** Index of the first relocation at input offset `offset` or after it; relocations are in order of offset. */
function firstAt(job: RelocationJob, offset: number): number {
  let low = 0;
  let high = job.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (job.view.getUint32(job.relocs + middle * elf.RELA_SIZE, true) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isHigh(type: number): boolean {
  return type === R.PCREL_HI20 || type === R.GOT_HI20 || type === R.TLS_GOT_HI20 || type === R.TLS_GD_HI20;
}

/** Distance that a high half's relocation `r` stands for; `absolute` when it was turned into `lui`. */
function highValue(job: RelocationJob, r: number, offset: number): { value: number; absolute: boolean } {
  const at = job.relocs + r * elf.RELA_SIZE;
  const type = job.view.getUint32(at + 8, true);
  const sym = job.view.getUint32(at + 12, true);
  const addend = elf.readSigned64(job.view, at + 16);
  const here = job.address + offset;
  if (type === R.GOT_HI20) return { value: job.tables.gotSlot(job, sym) + addend - here, absolute: false };
  if (type === R.TLS_GOT_HI20) return { value: job.tables.gotTpSlot(job, sym) + addend - here, absolute: false };
  if (type === R.TLS_GD_HI20) return { value: job.tables.tlsGdSlot(job, sym) + addend - here, absolute: false };
  const target = targetAddress(job, sym, addend);
  const value = target - here;
  // An undefined weak symbol or a small absolute one may be out of reach of auipc, but not of lui.
  const fixed = (job.special[sym]! & (Special.Undefined | Special.Absolute)) !== 0;
  const far = value < -0x80000800 || value >= 0x7ffff800;
  if (fixed && far && !job.tables.pie && target >= -0x80000800 && target < 0x7ffff800)
    return { value: target, absolute: true };
  return { value, absolute: false };
}

/** Value of a PCREL_LO12's high half, found by its label. */
function pairedHigh(job: RelocationJob, at: number, sym: number): number {
  const object = jobObject(job);
  const symbol = labelOf(job, object, sym, at);
  for (let r = firstAt(job, symbol); r < job.count; r++) {
    const high = job.relocs + r * elf.RELA_SIZE;
    if (job.view.getUint32(high, true) !== symbol) break;
    if (!isHigh(job.view.getUint32(high + 8, true))) continue;
    const offset = job.places ? job.places[r]! : symbol;
    return highValue(job, r, offset).value;
  }
  return malformedRelocation(job, at, `no high half (auipc) with a relocation at ${hex(symbol)}, where its label is`);
}

/** Input offset of the label in the job's section. */
function labelOf(job: RelocationJob, object: InputObject, sym: number, at: number): number {
  const index = job.view.getUint16(object.symtab + sym * elf.SYM_SIZE + 6, true);
  if (sym >= object.symbolCount || (index < elf.SHN_LORESERVE && object.firstSection + index !== job.section)) {
    malformedRelocation(job, at, 'its label is not in the same section');
  }
  return job.view.getUint32(object.symtab + sym * elf.SYM_SIZE + 8, true);
}

/** S + A, with the addend choosing the piece for merged sections. */
function targetAddress(job: RelocationJob, sym: number, addend: number): number {
  const flags = job.special[sym]!;
  if ((flags & (Special.Merge | Special.Edited)) !== 0) return job.tables.pieceAddress(job, sym, addend);
  return job.symbolAddress[sym]! + addend;
}

function applyRelocations(job: RelocationJob): void {
  const { view, out, relocs, count, symbolCount, size, outOffset, places, types, special, symbolAddress } = job;
  const end = relocs + count * elf.RELA_SIZE;
  for (let at = relocs, r = 0; at < end; at += elf.RELA_SIZE, r++) {
    let offset = view.getUint32(at, true);
    if (places !== undefined) {
      offset = places[r]!;
      if (offset < 0) continue;
    }
    const type = types !== undefined ? types[r]! : view.getUint32(at + 8, true);
    const sym = view.getUint32(at + 12, true);
    if (type > 255 || offset + widths[type]! > size || view.getUint32(at + 4, true) !== 0) {
      malformedRelocation(
        job,
        at,
        `offset ${hex(elf.readUnsigned64(view, at))} is outside the section of ${hex(size)} bytes`,
      );
    }
    if (sym >= symbolCount && sym !== 0) malformedRelocation(job, at, `symbol ${sym} of ${symbolCount}`);
    const place = outOffset + offset;
    const flags = special[sym]!;
    if ((flags & Special.Dead) !== 0) {
      applyDead(job, at, type, place);
      continue;
    }
    const addend = view.getInt32(at + 20, true) * 4294967296 + view.getUint32(at + 16, true);
    const target =
      (flags & (Special.Merge | Special.Edited)) === 0
        ? symbolAddress[sym]! + addend
        : job.tables.pieceAddress(job, sym, addend);
    switch (type) {
      case R.NONE:
      case R.RELAX:
      case R.ALIGN:
      case R.TPREL_ADD:
        break;
      case R.ADD8:
        out.setUint8(place, (out.getUint8(place) + target) & 0xff);
        break;
      case R.SUB8:
        out.setUint8(place, (out.getUint8(place) - target) & 0xff);
        break;
      case R.ADD16:
        out.setUint16(place, (out.getUint16(place, true) + target) & 0xffff, true);
        break;
      case R.SUB16:
        out.setUint16(place, (out.getUint16(place, true) - target) & 0xffff, true);
        break;
      case R.ADD32:
        out.setUint32(place, (out.getUint32(place, true) + target) >>> 0, true);
        break;
      case R.SUB32:
        out.setUint32(place, (out.getUint32(place, true) - target) >>> 0, true);
        break;
      case R.SET6:
        out.setUint8(place, (out.getUint8(place) & 0xc0) | (target & 0x3f));
        break;
      case R.SUB6:
        out.setUint8(place, (out.getUint8(place) & 0xc0) | ((out.getUint8(place) - target) & 0x3f));
        break;
      case R.SET8:
        out.setUint8(place, target & 0xff);
        break;
      case R.SET16:
        out.setUint16(place, target & 0xffff, true);
        break;
      case R.SET32:
        out.setUint32(place, target >>> 0, true);
        break;
      case R.R64:
        write64Exact(job, at, place, flags, target, addend);
        break;
      default:
        applyInstruction(job, at, r, type, sym, flags, offset, place, target, addend);
    }
  }
}

/** 64-bit words: exact even where S + A leaves the range of doubles. */
function write64Exact(
  job: RelocationJob,
  at: number,
  place: number,
  flags: number,
  target: number,
  _addend: number,
): void {
  if (Number.isSafeInteger(target) || (flags & (Special.Merge | Special.Edited)) !== 0) {
    elf.write64(job.out, place, target);
    return;
  }
  const sym = job.view.getUint32(at + 12, true);
  const value = BigInt(job.symbolAddress[sym]!) + job.view.getBigInt64(at + 16, true);
  job.out.setBigInt64(place, BigInt.asIntN(64, value), true);
}

/** Debug information about code that is gone; differences of two dropped labels stay what they are. */
function applyDead(job: RelocationJob, at: number, type: number, place: number): void {
  if (job.alloc && type !== R.NONE && type !== R.RELAX) {
    malformedRelocation(job, at, `${targetName(job, at)} is in a discarded section; keep it or drop its user`);
  }
  if (type === R.R64) elf.write64(job.out, place, job.tombstone);
  else if (type === R.R32) job.out.setUint32(place, job.tombstone, true);
}

function applyInstruction(
  job: RelocationJob,
  at: number,
  r: number,
  type: number,
  sym: number,
  flags: number,
  offset: number,
  place: number,
  target: number,
  addend: number,
): void {
  const { out, tables } = job;
  const here = job.address + offset;
  const undefinedWeak = (flags & Special.Undefined) !== 0;
  // A call of an undefined weak symbol is guarded by a test and must only link.
  const distance = undefinedWeak && type !== R.R32_PCREL ? 0 : target - here;
  switch (type) {
    case R.R32:
      if (target < -0x80000000 || target > 0xffffffff) relocationOverflow(job, at, target, -0x80000000, 0xffffffff);
      out.setUint32(place, target >>> 0, true);
      return;
    case R.R32_PCREL:
    case R.PLT32:
      check(job, at, distance, 32);
      out.setInt32(place, distance, true);
      return;
    case R.ADD64:
      elf.write64(out, place, elf.readSigned64(out, place) + target);
      return;
    case R.SUB64:
      elf.write64(out, place, elf.readSigned64(out, place) - target);
      return;
    case R.BRANCH:
      even(job, at, distance);
      check(job, at, distance, 13);
      setBType(out, place, distance);
      return;
    case R.JAL:
      even(job, at, distance);
      check(job, at, distance, 21);
      setJType(out, place, distance);
      return;
    case R.RVC_BRANCH:
      even(job, at, distance);
      check(job, at, distance, 9);
      setCbType(out, place, distance);
      return;
    case R.RVC_JUMP:
      even(job, at, distance);
      check(job, at, distance, 12);
      setCjType(out, place, distance);
      return;
    case R.CALL:
    case R.CALL_PLT:
      check(job, at, distance + 0x800, 32);
      setUType(out, place, distance);
      setIType(out, place + 4, distance);
      return;
    case R.PCREL_HI20:
    case R.GOT_HI20:
    case R.TLS_GOT_HI20:
    case R.TLS_GD_HI20: {
      const high = highValue(job, r, offset);
      if (high.absolute) out.setUint8(place, (out.getUint8(place) & 0x80) | 0x37); // auipc -> lui
      check(job, at, high.value + 0x800, 32);
      setUType(out, place, high.value);
      return;
    }
    case R.PCREL_LO12_I:
      setIType(out, place, pairedHigh(job, at, sym));
      return;
    case R.PCREL_LO12_S:
      setSType(out, place, pairedHigh(job, at, sym));
      return;
    case R.GOT32_PCREL: {
      const value = tables.gotSlot(job, sym) + addend - here;
      check(job, at, value, 32);
      out.setInt32(place, value, true);
      return;
    }
    case R.HI20:
      check(job, at, target + 0x800, 32);
      setUType(out, place, target);
      return;
    case R.RVC_LUI:
      check(job, at, target + 0x800, 18);
      setCiLui(out, place, target);
      return;
    case R.LO12_I:
      setIType(out, place, target);
      return;
    case R.LO12_S:
      setSType(out, place, target);
      return;
    case R.GP_LO12_I:
    case R.GP_LO12_S: {
      const fromZero = target >= -0x800 && target < 0x800;
      const value = fromZero ? target : target - tables.globalPointer;
      check(job, at, value, 12);
      setBase(out, place, fromZero ? 0 : 3);
      if (type === R.GP_LO12_I) setIType(out, place, value);
      else setSType(out, place, value);
      return;
    }
    case R.SET_ULEB128:
      setUleb128(job, at, place, job.outOffset + job.size, target);
      return;
    case R.SUB_ULEB128:
      setUleb128(
        job,
        at,
        place,
        job.outOffset + job.size,
        getUleb128(job, at, place, job.outOffset + job.size) - target,
      );
      return;
    default:
      applyTls(job, at, type, undefinedWeak, place, target, addend);
  }
}

function even(job: RelocationJob, at: number, distance: number): void {
  if (distance % 2 !== 0) malformedRelocation(job, at, `target of the jump is at an odd distance, ${hex(distance)}`);
}

/** Variant I with the thread pointer at the end of its control block: tp points at the start of the TLS block. */
function threadOffset(tables: AddressTables, address: number): number {
  return address - tables.tlsStart;
}

function applyTls(
  job: RelocationJob,
  at: number,
  type: number,
  undefinedWeak: boolean,
  place: number,
  target: number,
  addend: number,
): void {
  const { out, tables } = job;
  const tpoff = undefinedWeak ? addend : threadOffset(tables, target);
  switch (type) {
    case R.TPREL_HI20:
      check(job, at, tpoff + 0x800, 32);
      setUType(out, place, tpoff);
      return;
    case R.TPREL_LO12_I:
      setIType(out, place, tpoff);
      return;
    case R.TPREL_LO12_S:
      setSType(out, place, tpoff);
      return;
    case R.TP_LO12_I:
      check(job, at, tpoff, 12);
      setBase(out, place, 4);
      setIType(out, place, tpoff);
      return;
    case R.TP_LO12_S:
      check(job, at, tpoff, 12);
      setBase(out, place, 4);
      setSType(out, place, tpoff);
      return;
    case 9: // TLS_DTPREL64, in debug information
      elf.write64(out, place, target - tables.tlsStart - DTP_BIAS);
      return;
    default:
      malformedRelocation(job, at, 'cannot be applied to a static executable');
  }
}

/** glibc and musl: dtv entries point 0x800 into the block. */
const DTP_BIAS = 0x800;

function writeIplt(out: DataView, offset: number, address: number, slotAddress: number): void {
  // auipc t3, %pcrel_hi(slot); ld t3, %pcrel_lo(t3); jr t3; nop
  const distance = slotAddress - address;
  out.setUint32(offset, 0x00000e17, true);
  setUType(out, offset, distance);
  out.setUint32(offset + 4, 0x000e3e03, true);
  setIType(out, offset + 4, distance);
  out.setUint32(offset + 8, 0x000e0067, true);
  out.setUint32(offset + 12, 0x00000013, true);
}

const FLOAT_ABIS = ['soft', 'single', 'double', 'quad'];

/** e_flags: extensions add up; the floating-point ABI of all objects with code must be one. */
function mergeFlags(program: Program): number {
  let flags = 0;
  let first: InputObject | undefined;
  for (const object of program.objects) {
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
  applyRelocations,
  threadOffset,
  dtpBias: DTP_BIAS,
  mergeFlags,
};
