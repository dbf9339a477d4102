/**
 * A finished image as code that is followed sees it: what is mapped, what may be executed, where functions begin.
 */
import { fail, hex } from '../../base/errors.ts';
import { PF_W, SHN_UNDEF, STT_FUNC } from '../../linker/elf.ts';
import type { Subject } from '../subject.ts';
import type { FollowedImage } from './question.ts';

/**
 * Addresses of images that are loaded elsewhere than they say are those of the file: code reaches its data from itself.
 * Errors: 'image' for segments that overlap in memory.
 */
export function followedImage(subject: Subject): FollowedImage {
  refuseOverlaps(subject);
  const at = (address: bigint): number => Number(address);
  const globalPointer = subject.symbols.find(({ name, section }) => name === '__global_pointer$' && section > 0);
  return {
    machine: subject.file.header.machine,
    ...(globalPointer !== undefined && { globalPointer: at(globalPointer.value) }),
    code: subject.code.map(({ address, bytes }) => ({ address: at(address), bytes })),
    memory: subject.loads.map(({ address, data, memorySize, flags }) => ({
      address: at(address),
      bytes: data,
      size: Math.max(memorySize, data.length),
      isWritable: (flags & PF_W) !== 0,
    })),
    ...functionSymbols(subject),
  };
}

/** All names of functions: several may mean one address, but a name that means several means none. */
function functionSymbols({ symbols, code }: Subject): Pick<FollowedImage, 'symbols' | 'ambiguous'> {
  const found = new Map<string, number>();
  const ambiguous = new Set<string>();
  for (const { name, type, section, value } of symbols) {
    if (type !== STT_FUNC || section === SHN_UNDEF) continue;
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
