/**
 * The stack-protector canary of an image: where it is, and start-up code that would overwrite it.
 *
 * The stub gives __stack_chk_guard a random value before any code of the image runs. Solo5's own _start then replaces
 * it by the time-stamp counter: twice rdtsc, then a store. Where that store is found, exactly once and to the known
 * symbol (or, in a stripped image, to a writable address), it becomes a no-operation; no function with a canary has
 * been entered by then. Anything else is left alone and reported.
 * Source: the code that gcc 12 and clang 14 make of Solo5 0.12's crt_init_ssp.
 */
import * as elf from '../../../linker/elf.ts';
import type { ElfFile } from '../../../linker/elf-file.ts';
import { type ElfSymbol, readElfSymbols, symbolTables } from '../../../linker/elf-symbols.ts';

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

function positionsOf(code: Uint8Array, pattern: readonly number[], from: number): number[] {
  const found: number[] = [];
  for (let at = from; at + pattern.length <= code.length; at++) {
    if (pattern.every((byte, i) => code[at + i] === byte)) found.push(at);
  }
  return found;
}

function displacement(code: Uint8Array, at: number): number {
  return new DataView(code.buffer, code.byteOffset, code.byteLength).getInt32(at, true);
}

interface Store {
  readonly address: number;
  readonly size: number;
  readonly target: number;
}

/** Stores of rax after two readings of the counter: `mov %rax, x(%rip)`, or `lea x(%rip), %rcx` and `mov %rax, (%rcx)`. */
function counterStores(code: Uint8Array, entry: number): Store[] {
  const readings = positionsOf(code, rdtsc, 0);
  if (readings.length < 2) return [];
  const after = readings[1]! + rdtsc.length;
  const whole = (at: number, size: number): boolean => at + size <= code.length;
  const direct = positionsOf(code, [0x48, 0x89, 0x05], after)
    .filter((at) => whole(at, 7))
    .map((at) => ({ address: entry + at, size: 7, target: entry + at + 7 + displacement(code, at + 3) }));
  const loads = positionsOf(code, [0x48, 0x8d, 0x0d], 0).filter((at) => whole(at, 7));
  const through = positionsOf(code, [0x48, 0x89, 0x01], after).flatMap((at) => {
    const load = loads.filter((l) => l < at).at(-1);
    if (load === undefined) return [];
    return [{ address: entry + at, size: 3, target: entry + load + 7 + displacement(code, load + 3) }];
  });
  return [...direct, ...through];
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
};

/** Bytes that take the store's place. */
export function replacementFor(size: number): Uint8Array {
  const bytes = noOperation[size];
  if (bytes === undefined) throw new Error(`no no-operation of ${size} bytes`);
  return Uint8Array.from(bytes);
}
