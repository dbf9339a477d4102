/**
 * x86-64: relocations, TLS relaxation and GOT-load rewriting.
 *
 * An executable knows all its symbols, so every TLS model becomes local-exec: general and local dynamic sequences,
 * initial-exec loads and descriptors are rewritten in place, as are loads of addresses from the GOT (GOTPCRELX).
 * Sources: x86-64 psABI 1.0, sections 4.4 (relocation), 4.4.2 (GOTPCRELX), "ELF Handling For Thread-Local Storage"
 * section 5.4 and 5.5 (sequences); Intel SDM volume 2 for the encodings.
 */
import { fitsSigned } from '../../base/arithmetic.ts';
import { hex } from '../../base/errors.ts';
import { EM_X86_64, RELA_SIZE, readSigned64, readUnsigned64, write64 } from '../elf.ts';
import type { Program } from '../program.ts';
import {
  type AddressTables,
  type Architecture,
  MOST_TYPES,
  Need,
  type RelocationJob,
  Special,
} from './architecture.ts';
import { malformedRelocation, relocationOverflow, targetName } from './report.ts';
import { R } from './x86-64-types.ts';

const names: (string | undefined)[] = [];
for (const [name, type] of Object.entries(R)) names[type] = `R_X86_64_${name.replace(/^R(?=\d)/, '')}`;
// Known by name only: dynamic linkers' business, or not for executables.
for (const [type, name] of [
  [5, 'COPY'],
  [6, 'GLOB_DAT'],
  [7, 'JUMP_SLOT'],
  [8, 'RELATIVE'],
  [30, 'GOTPLT64'],
  [36, 'TLSDESC'],
  [38, 'RELATIVE64'],
  [43, 'CODE_4_GOTPCRELX'],
  [44, 'CODE_4_GOTTPOFF'],
  [45, 'CODE_4_GOTPC32_TLSDESC'],
] as const) {
  names[type] = `R_X86_64_${name}`;
}

const needs = new Uint8Array(MOST_TYPES).fill(Need.Unknown);
for (const [need, types] of [
  [Need.Nothing, [R.NONE, R.DTPOFF64, R.DTPOFF32, R.SIZE32, R.SIZE64, R.TLSDESC_CALL]],
  [Need.Address, [R.R64]],
  [Need.NarrowAddress, [R.R32, R.R32S, R.R16, R.R8]],
  [Need.Relative, [R.PC32, R.PLT32, R.PC16, R.PC8, R.PC64]],
  [Need.Got, [R.GOT32, R.GOTPCREL, R.GOT64, R.GOTPCREL64]],
  [Need.GotRelaxable, [R.GOTPCRELX, R.REX_GOTPCRELX]],
  [Need.GotTp, [R.GOTTPOFF]],
  [Need.TlsGd, [R.TLSGD]],
  [Need.TlsLd, [R.TLSLD]],
  [Need.GotBase, [R.GOTOFF64, R.GOTPC32, R.GOTPC64, R.PLTOFF64]],
  [Need.TpOffset, [R.TPOFF32, R.TPOFF64]],
  [Need.TlsDesc, [R.GOTPC32_TLSDESC]],
] as const) {
  for (const type of types) needs[type] = need;
}

/** Width in bytes of the field a relocation writes. */
const widths = new Uint8Array(256).fill(4);
for (const type of [
  R.R64,
  R.PC64,
  R.DTPOFF64,
  R.TPOFF64,
  R.GOTOFF64,
  R.GOT64,
  R.GOTPCREL64,
  R.GOTPC64,
  R.PLTOFF64,
  R.SIZE64,
]) {
  widths[type] = 8;
}
widths[R.R16] = 2;
widths[R.PC16] = 2;
widths[R.R8] = 1;
widths[R.PC8] = 1;
widths[R.NONE] = 0;
widths[R.TLSDESC_CALL] = 2;

const I32_MIN = -0x80000000;
const I32_MAX = 0x7fffffff;

function put32(job: RelocationJob, at: number, place: number, value: number): void {
  if (value < I32_MIN || value > I32_MAX) relocationOverflow(job, at, value, I32_MIN, I32_MAX);
  job.out.setInt32(place, value, true);
}

/** Applies relocation `r` of the job's section; returns the next that is to be applied. */
function applyRelocation(job: RelocationJob, r: number): number {
  const { view, relocs, count, symbolCount, size, places } = job;
  const at = relocs + r * RELA_SIZE;
  const type = view.getUint32(at + 8, true);
  const sym = view.getUint32(at + 12, true);
  const offset = places?.[r] ?? view.getUint32(at, true);
  if (type > 255 || offset + widths[type]! > size || view.getUint32(at + 4, true) !== 0) {
    malformedRelocation(
      job,
      at,
      `offset ${hex(readUnsigned64(view, at))} is outside the section of ${hex(size)} bytes`,
    );
  }
  if (sym >= symbolCount && sym !== 0) malformedRelocation(job, at, `symbol ${sym} of ${symbolCount}`);
  if (!applySlow(job, at, type, sym, offset, job.outOffset + offset)) return r + 1;
  // The call of __tls_get_addr that followed was overwritten.
  checkCall(job, at + RELA_SIZE, relocs + count * RELA_SIZE);
  return r + 2;
}

/** How a call of __tls_get_addr is relocated, directly or through the GOT. */
const CALLS = new Set<number>([R.PLT32, R.PC32, R.GOTPCREL, R.GOTPCRELX, R.REX_GOTPCRELX]);

/** The relocation at `at` must be that of the call that ended the TLS sequence before it: it is not applied. */
function checkCall(job: RelocationJob, at: number, end: number): void {
  const { view } = job;
  const before = at - RELA_SIZE;
  const gap = at < end ? readUnsigned64(view, at) - readUnsigned64(view, before) : -1;
  const type = at < end ? view.getUint32(at + 8, true) : -1;
  if (gap < 5 || gap > 8 || !CALLS.has(type))
    malformedRelocation(job, before, 'the relocation of a call of __tls_get_addr must follow');
  const sym = view.getUint32(at + 12, true);
  if (sym >= job.symbolCount) malformedRelocation(job, at, `symbol ${sym} of ${job.symbolCount}`);
}

/** One relocation of any type. Returns true when the next relocation must be skipped. */
function applySlow(job: RelocationJob, at: number, type: number, sym: number, offset: number, place: number): boolean {
  const { view, out, tables } = job;
  const addend = readSigned64(view, at + 16);
  const flags = sym < job.special.length ? job.special[sym]! : Special.Undefined;
  let target = sym < job.symbolAddress.length ? job.symbolAddress[sym]! : 0;
  if ((flags & Special.Dead) !== 0) {
    if (job.alloc)
      malformedRelocation(job, at, `${targetName(job, at)} is in a discarded section; keep it or drop its user`);
    if (type === R.R64) write64(out, place, job.tombstone);
    else if (type === R.R32) out.setUint32(place, job.tombstone, true);
    return false;
  }
  if ((flags & (Special.Merge | Special.Edited)) !== 0) {
    // PC-relative references carry the distance to the end of the instruction in their addend: it is no offset into
    // the data, so for them the piece is found from the symbol alone when the symbol is not a section.
    target = tables.pieceAddress(job, sym, addend) - addend;
  }
  const here = job.address + offset;
  switch (type) {
    case R.NONE:
      return false;
    case R.R64: {
      const value = target + addend;
      if (Number.isSafeInteger(value)) write64(out, place, value);
      else out.setBigInt64(place, BigInt.asIntN(64, BigInt(target) + view.getBigInt64(at + 16, true)), true);
      return false;
    }
    case R.R32: {
      const value = target + addend;
      if (value < 0 || value > 0xffffffff) relocationOverflow(job, at, value, 0, 0xffffffff);
      out.setUint32(place, value, true);
      return false;
    }
    case R.R32S:
      put32(job, at, place, target + addend);
      return false;
    case R.R16: {
      const value = target + addend;
      if (value < -0x8000 || value > 0xffff) relocationOverflow(job, at, value, -0x8000, 0xffff);
      out.setUint16(place, value & 0xffff, true);
      return false;
    }
    case R.R8: {
      const value = target + addend;
      if (value < -0x80 || value > 0xff) relocationOverflow(job, at, value, -0x80, 0xff);
      out.setUint8(place, value & 0xff);
      return false;
    }
    case R.PC32:
    case R.PLT32:
      // A weak symbol that nothing defines is at 0: reached or not, a guarded call must link.
      if ((flags & Special.Undefined) !== 0 && !fitsSigned(target + addend - here, 32)) out.setInt32(place, 0, true);
      else put32(job, at, place, target + addend - here);
      return false;
    case R.PC16: {
      const value = target + addend - here;
      if (value < -0x8000 || value > 0x7fff) relocationOverflow(job, at, value, -0x8000, 0x7fff);
      out.setInt16(place, value, true);
      return false;
    }
    case R.PC8: {
      const value = target + addend - here;
      if (value < -0x80 || value > 0x7f) relocationOverflow(job, at, value, -0x80, 0x7f);
      out.setInt8(place, value);
      return false;
    }
    case R.PC64:
      write64(out, place, target + addend - here);
      return false;
    case R.GOTPCREL:
      put32(job, at, place, tables.gotSlot(job, sym) + addend - here);
      return false;
    case R.GOT32:
      put32(job, at, place, tables.gotSlot(job, sym) + addend - tables.gotAddress);
      return false;
    case R.GOT64:
      write64(out, place, tables.gotSlot(job, sym) + addend - tables.gotAddress);
      return false;
    case R.GOTPCREL64:
      write64(out, place, tables.gotSlot(job, sym) + addend - here);
      return false;
    case R.GOTPCRELX:
    case R.REX_GOTPCRELX:
      applyGotLoad(job, at, sym, flags, offset, place, target, addend);
      return false;
    case R.GOTOFF64:
    case R.PLTOFF64:
      write64(out, place, target + addend - tables.gotAddress);
      return false;
    case R.GOTPC32:
      put32(job, at, place, tables.gotAddress + addend - here);
      return false;
    case R.GOTPC64:
      write64(out, place, tables.gotAddress + addend - here);
      return false;
    case R.SIZE32:
      out.setUint32(place, tables.symbolSize(job, sym) + addend, true);
      return false;
    case R.SIZE64:
      write64(out, place, tables.symbolSize(job, sym) + addend);
      return false;
    default:
      return applyTls(job, at, type, sym, flags, offset, place, target, addend);
  }
}

// --- loads from the GOT

function rewritesGot(bytes: Uint8Array, start: number, end: number, at: number, type: number, addend: number): boolean {
  if (addend !== -4 || at - 2 < start || at + 4 > end) return false;
  const opcode = bytes[at - 2]!;
  const modrm = bytes[at - 1]!;
  // mov foo@GOTPCREL(%rip), %reg
  if (opcode === 0x8b) return (modrm & 0xc7) === 0x05;
  if (type === R.REX_GOTPCRELX) return false;
  // call/jmp *foo@GOTPCREL(%rip)
  return opcode === 0xff && (modrm === 0x15 || modrm === 0x25);
}

function applyGotLoad(
  job: RelocationJob,
  at: number,
  sym: number,
  flags: number,
  offset: number,
  place: number,
  target: number,
  addend: number,
): void {
  const { out, tables } = job;
  const here = job.address + offset;
  const type = job.view.getUint32(at + 8, true);
  const plain = (flags & (Special.Undefined | Special.Absolute)) === 0;
  if (!tables.relax || !plain || !rewritesGot(job.file, job.outOffset, job.outOffset + job.size, place, type, addend)) {
    put32(job, at, place, tables.gotSlot(job, sym) + addend - here);
    return;
  }
  const opcode = out.getUint8(place - 2);
  if (opcode === 0x8b) {
    out.setUint8(place - 2, 0x8d); // lea foo(%rip), %reg
    put32(job, at, place, target + addend - here);
  } else if (out.getUint8(place - 1) === 0x15) {
    out.setUint8(place - 2, 0x67); // addr32 call foo
    out.setUint8(place - 1, 0xe8);
    put32(job, at, place, target + addend - here);
  } else {
    out.setUint8(place - 2, 0xe9); // jmp foo; nop
    put32(job, at, place - 1, target + addend - here + 1);
    out.setUint8(place + 3, 0x90);
  }
}

// --- thread-local storage (variant II: the block ends at the thread pointer)

function threadOffset(tables: AddressTables, address: number): number {
  const size = Math.ceil(tables.tlsSize / tables.tlsAlign) * tables.tlsAlign;
  return address - (tables.tlsStart + size);
}

const GD_TO_LE = [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0x48, 0x8d, 0x80];
const LD_TO_LE = [0x66, 0x66, 0x66, 0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0];

function putBytes(out: DataView, place: number, bytes: readonly number[]): void {
  for (let i = 0; i < bytes.length; i++) out.setUint8(place + i, bytes[i]!);
}

function applyTls(
  job: RelocationJob,
  at: number,
  type: number,
  sym: number,
  flags: number,
  offset: number,
  place: number,
  target: number,
  addend: number,
): boolean {
  const { out, tables } = job;
  const room = (before: number, after: number): void => {
    if (offset < before || offset + after > job.size)
      malformedRelocation(job, at, 'instruction sequence is cut off by the section');
  };
  const undefinedTls = (flags & Special.Undefined) !== 0;
  const tpoff = (plus: number) => (undefinedTls ? plus : threadOffset(tables, target) + plus);
  switch (type) {
    case R.TPOFF32:
      put32(job, at, place, tpoff(addend));
      return false;
    case R.TPOFF64:
      write64(out, place, tpoff(addend));
      return false;
    case R.DTPOFF32:
      // Code that used local-dynamic was rewritten to local-exec; debug information keeps offsets into the block.
      put32(job, at, place, job.alloc ? tpoff(addend) : target + addend - tables.tlsStart);
      return false;
    case R.DTPOFF64:
      write64(out, place, job.alloc ? tpoff(addend) : target + addend - tables.tlsStart);
      return false;
    case R.TLSGD:
      // data16 lea x@tlsgd(%rip),%rdi; data16 data16 rex.W call __tls_get_addr@PLT (or data16 rex.W call *GOT)
      room(4, 12);
      if (out.getUint32(place - 4, true) !== 0x3d8d4866)
        malformedRelocation(job, at, 'not the general-dynamic sequence');
      putBytes(out, place - 4, GD_TO_LE);
      put32(job, at, place + 8, tpoff(addend + 4));
      return true;
    case R.TLSLD: {
      // lea x@tlsld(%rip),%rdi; call __tls_get_addr@PLT (5 bytes) or call *__tls_get_addr@GOTPCREL(%rip) (6)
      room(3, 9);
      if ((out.getUint32(place - 3, true) & 0xffffff) !== 0x3d8d48)
        malformedRelocation(job, at, 'not the local-dynamic sequence');
      const call = out.getUint8(place + 4);
      if (call === 0xff) {
        room(3, 10);
        out.setUint8(place - 3, 0x66);
        putBytes(out, place - 2, LD_TO_LE);
      } else if (call === 0xe8) {
        putBytes(out, place - 3, LD_TO_LE);
      } else {
        malformedRelocation(job, at, 'not the local-dynamic sequence');
      }
      return true;
    }
    case R.GOTTPOFF:
      applyInitialExec(job, at, sym, offset, place, tpoff(addend + 4), addend);
      return false;
    case R.GOTPC32_TLSDESC:
      // lea x@tlsdesc(%rip), %reg -> mov $x@tpoff, %reg
      room(3, 4);
      if ((out.getUint8(place - 3) & 0xfb) !== 0x48 || out.getUint8(place - 2) !== 0x8d) {
        malformedRelocation(job, at, 'not the TLS descriptor sequence');
      }
      out.setUint8(place - 3, 0x48 | ((out.getUint8(place - 3) >> 2) & 1));
      out.setUint8(place - 2, 0xc7);
      out.setUint8(place - 1, 0xc0 | ((out.getUint8(place - 1) >> 3) & 7));
      put32(job, at, place, tpoff(addend + 4));
      return false;
    case R.TLSDESC_CALL:
      room(0, 2);
      putBytes(out, place, [0x66, 0x90]); // call *(%rax) -> xchg %ax,%ax
      return false;
    default:
      return malformedRelocation(job, at, 'cannot be applied to a static executable');
  }
}

function rewritesGotTp(bytes: Uint8Array, start: number, end: number, at: number): boolean {
  if (at - 3 < start || at + 4 > end) return false;
  const rex = bytes[at - 3]!;
  const opcode = bytes[at - 2]!;
  return (rex === 0x48 || rex === 0x4c) && (opcode === 0x8b || opcode === 0x03) && (bytes[at - 1]! & 0xc7) === 0x05;
}

/** `mov`/`add x@gottpoff(%rip), %reg` becomes `mov`/`lea`/`add` of the constant. */
function applyInitialExec(
  job: RelocationJob,
  at: number,
  sym: number,
  offset: number,
  place: number,
  tpoff: number,
  addend: number,
): void {
  const { out, tables } = job;
  if (!rewritesGotTp(job.file, job.outOffset, job.outOffset + job.size, place)) {
    put32(job, at, place, tables.gotTpSlot(job, sym) + addend - (job.address + offset));
    return;
  }
  const extended = out.getUint8(place - 3) === 0x4c;
  const register = (out.getUint8(place - 1) >> 3) & 7;
  if (out.getUint8(place - 2) === 0x8b) {
    putBytes(out, place - 3, [extended ? 0x49 : 0x48, 0xc7, 0xc0 | register]); // mov $tpoff, %reg
  } else if (register === 4) {
    putBytes(out, place - 3, [extended ? 0x49 : 0x48, 0x81, 0xc0 | register]); // add $tpoff, %rsp/%r12
  } else {
    // lea tpoff(%reg), %reg: leaves the flags alone, as compilers expect of nothing, but is shorter to reason about.
    putBytes(out, place - 3, [extended ? 0x4d : 0x48, 0x8d, 0x80 | (register << 3) | register]);
  }
  put32(job, at, place, tpoff);
}

function writeIplt(out: DataView, offset: number, address: number, slotAddress: number): void {
  // endbr64; jmp *slot(%rip); nop: the marker lets the entry be an indirect target under CET.
  putBytes(out, offset, [0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25, 0, 0, 0, 0, 0x66, 0x0f, 0x1f, 0x44, 0, 0]);
  out.setInt32(offset + 6, slotAddress - (address + 10), true);
}

export const x86_64: Architecture = {
  machine: 'x86-64',
  elfMachine: EM_X86_64,
  maxPageSize: 0x1000,
  commonPageSize: 0x1000,
  imageBase: 0x400000,
  relocationNames: names,
  needs,
  relativeType: 8,
  irelativeType: 37,
  gotHeaderSlots: 0,
  ipltEntrySize: 16,
  trapBytes: [0xcc],
  nopBytes: [0x90],
  writeIplt,
  rewritesGot,
  rewritesGotTp,
  consumesCall: true,
  applyRelocation,
  threadOffset,
  dtpBias: 0,
  mergeFlags: (_program: Program) => 0,
};
