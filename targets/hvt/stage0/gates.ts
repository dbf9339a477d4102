/**
 * The interrupt descriptor table: completed by the stub, and read-only from then on.
 *
 * A gate spreads its handler's address over three fields, which no relocation can fill, so programs build the table when
 * they start, in memory that stays writable: a ready-made table of function pointers for whoever can write. The
 * platform layer instead keeps gates whose second half is the handler's address as linked, in the range that becomes
 * read-only (RELRO); the stub, which runs before that, brings them into the processor's form. In an image that was not
 * hardened the layer does it itself.
 *
 * Source: Intel SDM volume 3, section 6.14.1 (64-bit gates).
 */
import * as elf from '../../../linker/elf.ts';
import type { ElfFile } from '../../../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../../../linker/elf-symbols.ts';
import { type Item, label } from '../../../machine/assemble/listing.ts';
import * as x86 from '../../../machine/assemble/x86-64.ts';
import { bytesAt } from './canary.ts';
import { FIELD, type Stage0Config } from './config.ts';

/** Symbol of the table in the platform layer (targets/hvt/platform/traps.c). */
export const GATES_SYMBOL = 'hvt_gates';
/** Bytes of a gate. */
export const GATE_SIZE = 16;

/** Code segment, stack IST 1, present interrupt gate; the handler's address is not in it yet. */
const linkedFields = (8n << 16n) | (1n << 32n) | (0x8en << 40n);

/** Whether `bytes` are gates as the platform layer links them, every handler in an executable segment. */
function areLinkedGates(file: ElfFile, bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isCode = (at: bigint): boolean =>
    file.segments.some(
      ({ type, flags, address, fileSize }) =>
        type === elf.PT_LOAD && (flags & elf.PF_X) !== 0 && at >= address && at < address + BigInt(fileSize),
    );
  for (let at = 0; at < bytes.length; at += GATE_SIZE) {
    if (view.getBigUint64(at, true) !== linkedFields || !isCode(view.getBigUint64(at + 8, true))) return false;
  }
  return true;
}

/** The table that the stub can complete, in an image of our platform layer; none in any other. */
export function findGates(file: ElfFile, bytes: Uint8Array, name: string): Stage0Config['gates'] {
  const none = { address: 0, count: 0 };
  const symbol = symbolTables(file)
    .flatMap((table) => readElfSymbols(file, table, name))
    .find((candidate) => candidate.name === GATES_SYMBOL && candidate.section > 0);
  if (symbol === undefined || symbol.size === 0n || symbol.size > BigInt(256 * GATE_SIZE)) return none;
  const [address, size] = [Number(symbol.value), Number(symbol.size)];
  const gates = bytesAt(file, bytes, address, size);
  if (gates.length !== size || size % GATE_SIZE !== 0 || !areLinkedGates(file, gates)) return none;
  const holder = file.segments.find(
    (s) => s.type === elf.PT_LOAD && address >= Number(s.address) && address < Number(s.address) + s.fileSize,
  );
  return ((holder?.flags ?? 0) & elf.PF_W) === 0 ? none : { address, count: size / GATE_SIZE };
}

/** Completes every gate. r14: the configuration. Changes rax, rcx, rdi. */
export function completeGates(): Item[] {
  return [
    x86.load('rcx', x86.memory('r14', FIELD.gateCount), 32),
    x86.load('rdi', x86.memory('r14', FIELD.gates)),
    label('gate'),
    x86.aluImmediate('sub', 'rcx', 1, 32),
    x86.jcc('b', 'gates complete'),
    x86.load('rax', x86.memory('rdi', 8), 16),
    x86.aluStore('or', x86.memory('rdi'), 'rax'),
    x86.load('rax', x86.memory('rdi', 10), 16),
    x86.shift('shl', 'rax', 48),
    x86.aluStore('or', x86.memory('rdi'), 'rax'),
    x86.load('rax', x86.memory('rdi', 12), 32),
    x86.store(x86.memory('rdi', 8), 'rax'),
    x86.aluImmediate('add', 'rdi', GATE_SIZE),
    x86.jmp('gate'),
    label('gates complete'),
  ];
}
