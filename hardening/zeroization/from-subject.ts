/**
 * A finished image as code that is followed sees it: what is mapped, what may be executed, where functions begin.
 */
import { fail, hex } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import type { Subject } from '../subject.ts';
import { annotationsOf } from './annotated.ts';
import { type Allocator, knownAllocators } from './blocks.ts';
import type { FollowedImage } from './question.ts';
import { codeLeft, relocatedMemory } from './relocated.ts';

/**
 * Addresses of images that are loaded elsewhere than they say are those of the file: code reaches its data from itself.
 * What relocations make of data is what they say for where the file says that the image lies.
 * Errors: 'image' for segments that overlap in memory, and for relocations that are not there.
 */
export function followedImage(subject: Subject): FollowedImage {
  refuseOverlaps(subject);
  const relocated = relocatedMemory(subject);
  const at = (address: bigint): number => Number(address);
  const functions = functionSymbols(subject);
  const globalPointer = subject.symbols.find(({ name, section }) => name === '__global_pointer$' && section > 0);
  return {
    machine: subject.file.header.machine,
    ...(globalPointer !== undefined && { globalPointer: at(globalPointer.value) }),
    code: codeLeft(
      subject.code.map(({ address, bytes }) => ({ address: at(address), bytes })),
      relocated,
    ),
    memory: subject.loads.map(({ address, data, memorySize, flags }) => ({
      address: at(address),
      bytes: data,
      size: Math.max(memorySize, data.length),
      isWritable: (flags & elf.PF_W) !== 0,
    })),
    relocated,
    ...functions,
    allocators: allocatorsIn(functions.symbols, [...declaredAllocators(subject), ...knownAllocators]),
  };
}

/** What an image's own records say. */
const declaredAllocators = (subject: Subject): Allocator[] =>
  annotationsOf(subject).annotations.flatMap(({ function: name, allocator }) =>
    allocator === undefined ? [] : [{ name, ...allocator }],
  );

/** Functions that allocate memory, of those that the image has: who comes first counts. */
function allocatorsIn(
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
  const ambiguous = new Map<string, Set<number>>();
  for (const { name, type, section, value } of symbols) {
    if (type !== elf.STT_FUNC || section === elf.SHN_UNDEF) continue;
    if (!code.some(({ address, bytes }) => address <= value && value < address + BigInt(bytes.length))) continue;
    const address = Number(value);
    const other = found.get(name);
    if (other !== undefined && other !== address) {
      const all = ambiguous.get(name) ?? new Set([other]);
      ambiguous.set(name, all.add(address));
    }
    found.set(name, address);
  }
  for (const name of ambiguous.keys()) found.delete(name);
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
