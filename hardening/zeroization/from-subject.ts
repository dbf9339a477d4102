/**
 * A finished image as code that is followed sees it: what is mapped, what may be executed, where functions begin.
 */
import { fail, hex } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import { type ElfSection, viewOf } from '../../linker/elf-file.ts';
import type { Subject } from '../subject.ts';
import { type Allocator, knownAllocators } from './blocks.ts';
import type { FollowedImage } from './question.ts';

/**
 * Addresses of images that are loaded elsewhere than they say are those of the file: code reaches its data from itself.
 * Errors: 'image' for segments that overlap in memory.
 */
export function followedImage(subject: Subject): FollowedImage {
  refuseOverlaps(subject);
  const at = (address: bigint): number => Number(address);
  const functions = functionSymbols(subject);
  const globalPointer = subject.symbols.find(({ name, section }) => name === '__global_pointer$' && section > 0);
  return {
    machine: subject.file.header.machine,
    ...(globalPointer !== undefined && { globalPointer: at(globalPointer.value) }),
    code: subject.code.map(({ address, bytes }) => ({ address: at(address), bytes })),
    memory: subject.loads.map(({ address, data, memorySize, flags }) => ({
      address: at(address),
      bytes: data,
      size: Math.max(memorySize, data.length),
      isWritable: (flags & elf.PF_W) !== 0,
    })),
    changed: changedMemory(subject),
    ...functions,
    allocators: allocatorsIn(functions.symbols, knownAllocators),
  };
}

type Changed = NonNullable<FollowedImage['changed']>;

/** Words that a section of relocations changes, by their addresses. */
function* changedWords({ type, data }: ElfSection): Generator<number> {
  const view = viewOf(data);
  const entry = type === elf.SHT_RELA ? elf.RELA_SIZE : type === elf.SHT_REL ? 16 : 0;
  for (let at = 0; entry > 0 && at + entry <= data.length; at += entry) yield Number(view.getBigUint64(at, true));
  if (type !== elf.SHT_RELR) return;
  let next = 0;
  for (let at = 0; at + 8 <= data.length; at += 8) {
    // An even entry is an address; an odd one a bitmap over the 63 words that follow.
    const word = view.getBigUint64(at, true);
    const bits = (word & 1n) === 0n ? 1n : word >> 1n;
    if ((word & 1n) === 0n) next = Number(word);
    for (let i = 0; bits >> BigInt(i) > 0n; i++) if (((bits >> BigInt(i)) & 1n) === 1n) yield next + 8 * i;
    next += (word & 1n) === 0n ? 8 : 63 * 8;
  }
}

/** Of memory that is not writable, what dynamic relocations change: all of it where they cannot be found. */
function changedMemory({ file, loads }: Subject): Changed {
  const fixed = loads.filter(({ flags }) => (flags & elf.PF_W) === 0);
  const isDynamic = file.segments.some(({ type }) => type === elf.PT_DYNAMIC);
  const sections = file.sections.filter(({ flags }) => (flags & elf.SHF_ALLOC) !== 0);
  if (isDynamic && sections.length === 0)
    return fixed.map(({ address, end }) => ({ address: Number(address), size: Number(end - address) }));
  const isFixed = (at: number): boolean =>
    fixed.some(({ address, end }) => Number(address) < at + 8 && at < Number(end));
  const changed: { readonly address: number; readonly size: number }[] = [];
  for (const section of sections)
    for (const address of changedWords(section)) {
      if (!isFixed(address)) continue;
      // So many that each table would be looked for among them: nothing is believed of any.
      if (changed.length === MOST_CHANGED) return [{ address: 0, size: Number.MAX_SAFE_INTEGER }];
      changed.push({ address, size: 8 });
    }
  return changed;
}

const MOST_CHANGED = 4096;

/** Functions that allocate memory, of those that the image has: who comes first counts. */
export function allocatorsIn(
  symbols: ReadonlyMap<string, number>,
  allocators: readonly Allocator[],
): ReadonlyMap<number, Allocator> {
  const found = new Map<number, Allocator>();
  for (const allocator of allocators) {
    const address = symbols.get(allocator.name);
    if (address !== undefined && !found.has(address)) found.set(address, allocator);
  }
  return found;
}

/** All names of functions: several may mean one address, but a name that means several means none. */
function functionSymbols({ symbols, code }: Subject): Pick<FollowedImage, 'symbols' | 'ambiguous'> {
  const found = new Map<string, number>();
  const ambiguous = new Set<string>();
  for (const { name, type, section, value } of symbols) {
    if (type !== elf.STT_FUNC || section === elf.SHN_UNDEF) continue;
    if (!code.some(({ address, bytes }) => address <= value && value < address + BigInt(bytes.length))) continue;
    const address = Number(value);
    if (found.has(name) && found.get(name) !== address) ambiguous.add(name);
    found.set(name, address);
  }
  for (const name of ambiguous) found.delete(name);
  return { symbols: found, ambiguous };
}

/** What code sees where two segments overlap depends on who loads them. */
function refuseOverlaps({ name, loads }: Subject): void {
  const sorted = [...loads].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  for (const [i, { address }] of sorted.entries()) {
    const before = sorted[i - 1];
    if (before === undefined || before.end <= address) continue;
    const program = `program headers ${before.index} and ${sorted[i]!.index} both map ${hex(address)}`;
    fail(
      'image',
      `${name}: ${program}, so what code sees there is not known: link it with segments that do not overlap`,
    );
  }
}
