/**
 * The stack-protector canary of an image: where it is, and start-up code that would overwrite it.
 *
 * The stub gives __stack_chk_guard a random value before any code of the image runs. Solo5's own _start then replaces
 * it by the time-stamp counter: twice rdtsc, then a store, before it calls anything. Where that store is found, exactly
 * once and to the known symbol (or, in a stripped image, to a writable address), it becomes a no-operation; no function with a canary has
 * been entered by then. Anything else is left alone and reported.
 * Source: the code that gcc 12 and clang 14 make of Solo5 0.12's crt_init_ssp.
 */
import * as elf from '../../../linker/elf.ts';
import type { ElfFile } from '../../../linker/elf-file.ts';
import { type ElfSymbol, readElfSymbols, symbolTables } from '../../../linker/elf-symbols.ts';
import { sweep } from '../../../machine/decode-x86-64.ts';

const symbol = '__stack_chk_guard';
/** How much of the entry is searched, bytes. */
const reach = 96;
const rdtsc = [0x0f, 0x31];

export interface Canary {
  /** Address of the guard's word; 0 when it is not known. */
  readonly address: number;
  /** A store that would overwrite it, to be replaced by a no-operation of the same size. */
  readonly store?: { readonly address: number; readonly size: number };
  /** Why there is no address, or why the value may not last; '' when all is well. */
  readonly reason: string;
}

/** The bytes of a PT_LOAD from `address` on, at most `size`; empty when no segment holds it. */
export function bytesAt(file: ElfFile, bytes: Uint8Array, address: number, size: number): Uint8Array {
  for (const segment of file.segments) {
    const start = Number(segment.address);
    if (segment.type !== elf.PT_LOAD || address < start || address >= start + segment.fileSize) continue;
    const offset = segment.offset + (address - start);
    return bytes.subarray(offset, Math.min(offset + size, segment.offset + segment.fileSize));
  }
  return new Uint8Array(0);
}

/** Whether eight bytes at `address` are in a writable segment and in no RELRO range. */
function isWritable(file: ElfFile, address: number): boolean {
  const holds = (type: number, flag: number): boolean =>
    file.segments.some(
      (segment) =>
        segment.type === type &&
        (segment.flags & flag) === flag &&
        address >= Number(segment.address) &&
        address + 8 <= Number(segment.address) + segment.memorySize,
    );
  return holds(elf.PT_LOAD, elf.PF_W) && !holds(elf.PT_GNU_RELRO, 0);
}

/** Opcodes after which other code runs: call, jmp, ret. */
const leaves = new Set([0xe8, 0xe9, 0xeb, 0xc3]);

/** Offsets of the instructions up to the first that goes elsewhere. */
function straightLine(code: Uint8Array, entry: number): number[] {
  const starts: number[] = [];
  let left = false;
  sweep(code, BigInt(entry), [], (_, offset) => {
    left ||= leaves.has(code[offset]!);
    if (!left) starts.push(offset);
  });
  return starts;
}

function beginsWith(code: Uint8Array, at: number, pattern: readonly number[]): boolean {
  return pattern.every((byte, i) => code[at + i] === byte);
}

function displacement(code: Uint8Array, at: number): number {
  return new DataView(code.buffer, code.byteOffset, code.byteLength).getInt32(at, true);
}

interface Store {
  readonly address: number;
  readonly size: number;
  readonly target: number;
}

/** Size of `mov %reg, x(%rip)` or `mov %reg, x` at `at`, of 64 bits; 0 for anything else. */
function storeSize(code: Uint8Array, at: number): number {
  const [prefix, opcode, modrm, sib] = code.subarray(at, at + 4);
  if ((prefix !== 0x48 && prefix !== 0x4c) || opcode !== 0x89 || modrm === undefined) return 0;
  if ((modrm & 0xc7) === 0x05 && at + 7 <= code.length) return 7;
  return (modrm & 0xc7) === 0x04 && sib === 0x25 && at + 8 <= code.length ? 8 : 0;
}

/**
 * Stores after two readings of the counter: to a named address, or `lea x(%rip), %rcx` and `mov %rax, (%rcx)`, which is
 * how clang names one through a GOT that is gone.
 */
function counterStores(code: Uint8Array, entry: number): Store[] {
  const stores: Store[] = [];
  let readings = 0;
  let pointer: number | undefined;
  for (const at of straightLine(code, entry)) {
    if (beginsWith(code, at, rdtsc)) readings++;
    if (at + 7 <= code.length && beginsWith(code, at, [0x48, 0x8d, 0x0d]))
      pointer = entry + at + 7 + displacement(code, at + 3);
    if (readings < 2) continue;
    const size = storeSize(code, at);
    const address = entry + at;
    if (size === 7) stores.push({ address, size, target: address + size + displacement(code, at + 3) });
    if (size === 8) stores.push({ address, size, target: displacement(code, at + 4) });
    if (pointer !== undefined && beginsWith(code, at, [0x48, 0x89, 0x01]))
      stores.push({ address, size: 3, target: pointer });
  }
  return stores;
}

/** The guard's symbol; undefined in a stripped image. */
function guardSymbol(file: ElfFile, name: string): ElfSymbol | undefined {
  return symbolTables(file)
    .flatMap((table) => readElfSymbols(file, table, name))
    .find((candidate) => candidate.name === symbol && candidate.section !== 0);
}

/** `bytes` are the file's, `name` names it in messages. */
export function findCanary(file: ElfFile, bytes: Uint8Array, name: string): Canary {
  const known = guardSymbol(file, name);
  const entry = Number(file.header.entry);
  const candidates = counterStores(bytesAt(file, bytes, entry, reach), entry).filter(({ target }) =>
    known === undefined ? isWritable(file, target) : BigInt(target) === known.value,
  );
  const store = candidates.length === 1 ? candidates[0] : undefined;
  const address = known === undefined ? store?.target : Number(known.value);
  if (address === undefined)
    return { address: 0, reason: `no symbol ${symbol}, and no start-up code that is known to set it` };
  if (!isWritable(file, address)) return { address: 0, reason: `${symbol} does not lie in writable memory` };
  if (candidates.length > 1)
    return { address, reason: `start-up code stores to ${symbol} in ${candidates.length} places` };
  return { address, ...(store ? { store: { address: store.address, size: store.size } } : {}), reason: '' };
}

/** No-operations of one instruction: Intel SDM volume 2, NOP. */
const noOperation: Readonly<Record<number, readonly number[]>> = {
  3: [0x0f, 0x1f, 0x00],
  7: [0x0f, 0x1f, 0x80, 0, 0, 0, 0],
  8: [0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
};

/** Bytes that take the store's place. */
export function replacementFor(size: number): Uint8Array {
  const bytes = noOperation[size];
  if (bytes === undefined) throw new Error(`no no-operation of ${size} bytes`);
  return Uint8Array.from(bytes);
}
