/**
 * A finished image as code that is followed sees it: what is mapped, what may be executed, where functions begin.
 */
import { PF_W } from '../../linker/elf.ts';
import type { Subject } from '../subject.ts';
import type { FollowedImage } from './question.ts';

/** Addresses of images that are loaded elsewhere than they say are those of the file: code reaches its data from itself. */
export function followedImage(subject: Subject): FollowedImage {
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
    symbols: new Map(subject.functions.map(({ name, address }) => [name, at(address)])),
  };
}
