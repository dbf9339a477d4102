/**
 * The words in a root image that a build fills in when the image is linked: what its start-up code must know and no
 * compiler could (stage0/stage0.h has the same structure).
 */
import { fail, hex } from '../../base/errors.ts';
import { type ElfFile, viewOf } from '../../linker/elf-file.ts';
import type { TextKind } from '../regions.ts';
import { LARGE_PAGE, MOST_HEAP } from './addresses.ts';

export const SETTINGS_SECTION = '.sel4.settings';
const MAGIC = 0x31305345344c4553n;
const SIZE = 40;
const READ = 2n;

export interface SeL4Settings {
  readonly text: TextKind;
  readonly heap: bigint;
  /** Bytes, whole large pages. */
  readonly heapSize: number;
  readonly devices: bigint;
}

function sectionOf(file: ElfFile, where: string): number {
  const index = file.sections.findIndex(({ name }) => name === SETTINGS_SECTION);
  const section = file.sections[index];
  if (section === undefined)
    return fail('image', `${where}: has no section ${SETTINGS_SECTION}; it was not made for seL4 by casemate`);
  if (section.data.length !== SIZE)
    fail('image', `${where}: ${SETTINGS_SECTION} has ${section.data.length} bytes; must have ${SIZE}`);
  const magic = viewOf(section.data).getBigUint64(0, true);
  if (magic !== MAGIC) fail('image', `${where}: ${SETTINGS_SECTION} begins with ${hex(magic)}; must be ${hex(MAGIC)}`);
  return index;
}

/** The file with these settings. Errors: 'image' when it has no place for them. */
export function withSettings(file: ElfFile, settings: SeL4Settings, where: string): ElfFile {
  const index = sectionOf(file, where);
  const data = new Uint8Array(SIZE);
  const words = [
    MAGIC,
    settings.text === 'execute' ? 0n : READ,
    settings.heap,
    BigInt(settings.heapSize),
    settings.devices,
  ];
  for (const [i, word] of words.entries()) viewOf(data).setBigUint64(8 * i, word, true);
  return { ...file, sections: file.sections.map((section, i) => (i === index ? { ...section, data } : section)) };
}

/** What an image's settings are. Errors: 'image'. */
export function readSettings(file: ElfFile, where: string): SeL4Settings {
  const view = viewOf(file.sections[sectionOf(file, where)]!.data);
  const word = (i: number): bigint => view.getBigUint64(8 * i, true);
  const [rights, heap, heapSize, devices] = [word(1), word(2), word(3), word(4)];
  const text = rights === 0n ? 'execute' : rights === READ ? 'read-execute' : undefined;
  if (text === undefined)
    return fail(
      'image',
      `${where}: ${SETTINGS_SECTION} gives code the rights ${hex(rights)}; must be 0x0 or ${hex(READ)}`,
    );
  if (heapSize === 0n || heapSize > BigInt(MOST_HEAP) || heapSize % BigInt(LARGE_PAGE) !== 0n)
    fail(
      'image',
      `${where}: asks for a heap of ${hex(heapSize)} bytes; must be whole large pages (${hex(LARGE_PAGE)}), ${hex(MOST_HEAP)} at most`,
    );
  for (const [what, address] of [
    ['heap', heap],
    ['devices', devices],
  ] as const)
    if (address % BigInt(LARGE_PAGE) !== 0n)
      fail('image', `${where}: ${what} at ${hex(address)}; must begin on a large page (${hex(LARGE_PAGE)})`);
  return { text, heap, heapSize: Number(heapSize), devices };
}
