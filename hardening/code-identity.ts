/**
 * Which code a finding is about, as a hash that linking does not change.
 *
 * Who accepts a finding has read some code. That code, and nothing else, must be the same when the finding is met again:
 * an unrelated function that makes all addresses move is no reason to read anew, and one changed instruction is. So the
 * functions that hold the places are hashed with what linking writes masked: operands relative to the instruction, calls
 * and jumps out of the function, absolute addresses. In place of a masked field stands the name of what it refers to,
 * where the symbol table has one, for a call of another function is another call; what has no name (a string) is masked
 * alone, since its distance to anything moves.
 *
 * Functions are cut where the next one begins, so that every byte is in one stretch and a table of overlapping symbols
 * costs no more than an honest one. What lies between functions is a stretch too, and so is all of a file without symbols.
 * Which field is an address is judged by the instruction and by where the value leads: what leads out of everything that
 * is loaded is a number, and stays. A number that happens to be the address of something in an image at a fixed place is
 * masked; then a change of it from one such address to another without a name is not seen.
 */
import { createHash } from '../base/node.ts';
import { EM_AARCH64, EM_RISCV, EM_X86_64, ET_EXEC, ET_REL, STT_OBJECT } from '../linker/elf.ts';
import { maskAarch64 } from './code-mask-aarch64.ts';
import { maskRiscv64 } from './code-mask-riscv64.ts';
import { maskX8664 } from './code-mask-x86-64.ts';
import { addressesOf } from './code-parts.ts';
import type { Stretch } from './code-stretch.ts';
import { type FunctionBounds, firstFunctionFrom, functionAt, loadAt, lower, type Subject } from './subject.ts';

type Extent = Omit<FunctionBounds, 'name'>;

/** Where the stretch that holds an address begins and ends; undefined for an address that is not in code. */
function stretchAt({ functions, code }: Subject, address: bigint): Extent | undefined {
  const range = code.find((one) => one.address <= address && address < one.address + BigInt(one.bytes.length));
  if (range === undefined) return undefined;
  const next = functions[firstFunctionFrom(functions, address + 1n)];
  const end = lower(
    next?.address ?? range.address + BigInt(range.bytes.length),
    range.address + BigInt(range.bytes.length),
  );
  const within = functionAt(functions, address);
  if (within !== undefined) {
    const size = lower(end - within.address, BigInt(within.size));
    return { address: within.address, size: Number(size) };
  }
  const before = functions[firstFunctionFrom(functions, address + 1n) - 1];
  const behind = before === undefined ? 0n : before.address + BigInt(before.size);
  const start = behind > range.address && behind <= address ? behind : range.address;
  return { address: start, size: Number(end - start) };
}

/** Data symbols by address, for looking one up. */
function objectsOf({ symbols }: Subject): FunctionBounds[] {
  return symbols
    .filter(({ type, section, size }) => type === STT_OBJECT && section > 0 && size > 0n)
    .map(({ value, size, name }) => ({ address: value, size: Number(size), name }))
    .sort((a, b) => (a.address === b.address ? (a.name < b.name ? -1 : 1) : a.address < b.address ? -1 : 1));
}

function namesIn(subject: Subject): Stretch['nameOf'] {
  const objects = objectsOf(subject);
  return (address) => {
    const found = functionAt(subject.functions, address) ?? functionAt(objects, address);
    if (found !== undefined) return `${found.name}+${address - found.address}`;
    return loadAt(subject, address) === undefined ? undefined : '';
  };
}

const masks = new Map<number, (stretch: Stretch) => void>([
  [EM_X86_64, maskX8664],
  [EM_RISCV, maskRiscv64],
  [EM_AARCH64, maskAarch64],
]);

/**
 * The code that holds these addresses, hashed stretch by stretch; undefined where no address is in code that is linked and
 * can be decoded. Addresses in any order, and several in one function, give the same.
 */
export function maskedCodeOf(subject: Subject, addresses: readonly bigint[]): string | undefined {
  const { machine, type } = subject.file.header;
  const mask = masks.get(machine);
  if (mask === undefined || type === ET_REL || addresses.length === 0) return undefined;
  const nameOf = namesIn(subject);
  const [globalPointer] = machine === EM_RISCV ? addressesOf(subject, '__global_pointer$') : [];
  const hashes = new Map<bigint, string>();
  for (const one of addresses) {
    const extent = stretchAt(subject, one);
    if (extent === undefined || hashes.has(extent.address)) continue;
    const { address, size } = extent;
    const range = subject.code.find(
      (each) => each.address <= address && address < each.address + BigInt(each.bytes.length),
    )!;
    const from = Number(address - range.address);
    // A copy: the slice of a Buffer would be the image itself.
    const bytes = new Uint8Array(range.bytes.subarray(from, from + size));
    const hash = createHash('sha256');
    const note: Stretch['note'] = (offset, name) => void hash.update(`${offset}:${Buffer.byteLength(name)}:${name};`);
    mask({ address, bytes, isFixed: type === ET_EXEC, globalPointer, nameOf, note });
    hashes.set(address, hash.update(bytes).digest('hex'));
  }
  if (hashes.size === 0) return undefined;
  return createHash('sha256')
    .update([...hashes.values()].sort().join('\n'))
    .digest('hex');
}

/** The same as a field of a finding. */
export function codeField(subject: Subject, addresses: readonly bigint[]): { readonly maskedCode?: string } {
  const maskedCode = maskedCodeOf(subject, addresses);
  return maskedCode === undefined ? {} : { maskedCode };
}
