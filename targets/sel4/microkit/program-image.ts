/**
 * The program of a protection domain, from a root image: the pages around its stack are taken out.
 *
 * A root task's start-up code unmaps its guard pages; a protection domain cannot unmap anything. So they must never be
 * mapped: the segment that holds data and stack becomes two, and what lies between them, and above, belongs to no one.
 */
import { fail, hex, printable } from '../../../base/errors.ts';
import * as elf from '../../../linker/elf.ts';
import { type ElfFile, type ElfSegment, readElfFile } from '../../../linker/elf-file.ts';
import { writeElfFile } from '../../../linker/write-elf-file.ts';
import { PAGE } from '../../regions.ts';

/** The section that the layout makes of a page, the stack, and a page. */
const STACK_SECTION = '.stack';

/** The writable segment with the stack in it, as one for the data, if there is any, and one for the stack alone. */
function split(segment: ElfSegment, stack: bigint, size: number, where: string): ElfSegment[] {
  const before = Number(stack - segment.address);
  if (segment.fileSize > before)
    fail('image', `${where}: its file contents reach ${hex(segment.fileSize)}, into the stack at ${hex(before)}`);
  const data = { ...segment, memorySize: before };
  const room = size - 2 * PAGE;
  const low = stack + BigInt(PAGE);
  const own = {
    ...segment,
    address: low,
    loadAddress: segment.loadAddress + (low - segment.address),
    fileSize: 0,
    memorySize: room,
  };
  return [...(before > 0 ? [data] : []), own];
}

function withGuards(file: ElfFile, where: string): ElfFile {
  const section = file.sections.find(({ name }) => name === STACK_SECTION);
  if (
    section === undefined ||
    section.size <= 2 * PAGE ||
    section.size % PAGE !== 0 ||
    section.address % BigInt(PAGE) !== 0n
  )
    return fail('image', `${where}: has no section ${STACK_SECTION} of whole pages with a page around it`);
  const { address, size } = section;
  const holds = (segment: ElfSegment): boolean =>
    segment.type === elf.PT_LOAD &&
    address >= segment.address &&
    address + BigInt(size) <= segment.address + BigInt(segment.memorySize);
  if (!file.segments.some(holds)) fail('image', `${where}: ${STACK_SECTION} at ${hex(address)} is in no segment`);
  return {
    ...file,
    segments: file.segments.flatMap((each) => (holds(each) ? split(each, address, size, where) : [each])),
  };
}

/** The root image as a program whose guard pages nobody maps. Errors: 'image', and those of readElfFile. */
export function programImage(root: Uint8Array, name: string): Uint8Array {
  return writeElfFile(withGuards(readElfFile(root, name), printable(name)));
}
