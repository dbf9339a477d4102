/**
 * Notes that the linker writes or merges: the build id and the GNU property note.
 *
 * The property note states what ALL code keeps to (for example that every indirect target is marked): the output may
 * claim a feature only when every input does, so the inputs' notes are replaced by one with the intersection.
 * Sources: gABI "Note Section"; x86-64 psABI "Program Property"; AAELF64 "Program Property"; Linux Extensions to gABI, ".note.gnu.property".
 */
import { u8 } from './arena.ts';
import { SHF_ALLOC, SHT_NOTE } from './elf.ts';
import * as layout from './kernels/layout.ts';
import { createNameTable, findText, nameCount, reserveNames } from './names.ts';
import type { Machine, Program } from './program.ts';
import type { BuildIdStyle } from './request.ts';
import { addSynthetic } from './synthetic.ts';

const NT_GNU_BUILD_ID = 3;
const NT_GNU_PROPERTY_TYPE_0 = 5;
/** BTI and pointer authentication: what all code keeps to. */
const GNU_PROPERTY_AARCH64_FEATURE_1_AND = 0xc0000000;
const GNU_PROPERTY_X86_UINT32_AND_LO = 0xc0000002;
const GNU_PROPERTY_X86_UINT32_AND_HI = 0xc0007fff;
const GNU_PROPERTY_X86_UINT32_OR_LO = 0xc0008000;
const GNU_PROPERTY_X86_UINT32_OR_HI = 0xc000ffff;
const GNU_PROPERTY_X86_UINT32_OR_AND_LO = 0xc0010000;
const GNU_PROPERTY_X86_UINT32_OR_AND_HI = 0xc0017fff;

function note(type: number, descriptor: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + descriptor.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 4, true);
  view.setUint32(4, descriptor.length, true);
  view.setUint32(8, type, true);
  bytes.set([0x47, 0x4e, 0x55, 0], 12); // "GNU"
  bytes.set(descriptor, 16);
  return bytes;
}

/** Adds the build-id note with its bytes zero (or as given); returns its section and where the id goes, or -1. */
export function addBuildId(program: Program, style: BuildIdStyle): { section: number; size: number } {
  if (style.kind === 'none') return { section: -1, size: 0 };
  const size =
    style.kind === 'bytes' ? style.bytes.length : { fast: 20, md5: 16, sha1: 20, sha256: 32 }[style.algorithm];
  const padded = new Uint8Array(Math.ceil(size / 4) * 4);
  if (style.kind === 'bytes') padded.set(style.bytes);
  const bytes = note(NT_GNU_BUILD_ID, padded);
  new DataView(bytes.buffer).setUint32(4, size, true);
  const section = addSynthetic(program, {
    name: '.note.gnu.build-id',
    type: SHT_NOTE,
    flags: SHF_ALLOC,
    align: 4,
    size: bytes.length,
  });
  program.contents.set(section, bytes);
  return { section, size };
}

/** Properties of one object's notes: type -> 32-bit value. Malformed notes count as none. */
function readProperties(bytes: Uint8Array): Map<number, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const result = new Map<number, number>();
  for (let at = 0; at + 16 <= bytes.length; ) {
    const nameSize = view.getUint32(at, true);
    const size = view.getUint32(at + 4, true);
    const end = at + 16 + size;
    if (nameSize !== 4 || end > bytes.length) break;
    if (view.getUint32(at + 8, true) === NT_GNU_PROPERTY_TYPE_0) {
      for (let p = at + 16; p + 8 <= end; ) {
        const length = view.getUint32(p + 4, true);
        if (length === 4 && p + 12 <= end) result.set(view.getUint32(p, true), view.getUint32(p + 8, true));
        p += 8 + Math.ceil(length / 8) * 8;
      }
    }
    at += 16 + Math.ceil(size / 8) * 8;
  }
  return result;
}

/** Bit of the above: every target of an indirect branch is marked. */
const GNU_PROPERTY_AARCH64_FEATURE_1_BTI = 1;

/**
 * Replaces the inputs' .note.gnu.property sections by one that holds for the whole program. Returns whether all code is
 * marked for AArch64's branch target identification.
 */
export function mergeProperties(program: Program): boolean {
  const { arena, block, sections, sectionNames, words } = program;
  const name = findText(sectionNames, '.note.gnu.property');
  if (name < 0) return false;
  const contents = createNameTable(arena, 64);
  const has = u8(arena, words[layout.OBJECT_COUNT]!);
  const { byteOffset } = has;
  for (let s = 0; s < sections.count; ) {
    s = arena.kernels.collectNotes(block, s, sections.count, name, contents.block, byteOffset);
    if (s < sections.count) reserveNames(contents, nameCount(contents) + 1);
  }
  const all = Array.from({ length: nameCount(contents) }, (_, i) =>
    readProperties(arena.bytes.subarray(contents.offset[i]!, contents.offset[i]! + contents.length[i]!)),
  );
  if (all.length === 0) return false;
  // Objects that hold no section of the program (the linker's own) do not vote.
  const rows = program.objectRows;
  const everywhere = has.every(
    (one, i) => one !== 0 || rows[i * layout.OBJECT_WORDS + layout.OBJECT_SECTION_COUNT] === 0,
  );
  const types = new Set<number>();
  for (const properties of all) for (const type of properties.keys()) types.add(type);
  const merged: [number, number][] = [];
  for (const type of [...types].sort((a, b) => a - b)) {
    const values: (number | undefined)[] = all.map((properties) => properties.get(type));
    if (!everywhere) values.push(undefined);
    const value = mergeProperty(program.machine, type, values);
    if (value !== undefined && value !== 0) merged.push([type, value]);
  }
  if (merged.length === 0) return false;
  const descriptor = new Uint8Array(merged.length * 16);
  const view = new DataView(descriptor.buffer);
  merged.forEach(([type, value], i) => {
    view.setUint32(i * 16, type, true);
    view.setUint32(i * 16 + 4, 4, true);
    view.setUint32(i * 16 + 8, value, true);
  });
  const bytes = note(NT_GNU_PROPERTY_TYPE_0, descriptor);
  const section = addSynthetic(program, {
    name: '.note.gnu.property',
    type: SHT_NOTE,
    flags: SHF_ALLOC,
    align: 8,
    size: bytes.length,
  });
  program.contents.set(section, bytes);
  return merged.some(
    ([type, value]) =>
      type === GNU_PROPERTY_AARCH64_FEATURE_1_AND && (value & GNU_PROPERTY_AARCH64_FEATURE_1_BTI) !== 0,
  );
}

function mergeProperty(machine: Machine, type: number, values: readonly (number | undefined)[]): number | undefined {
  const any = values.reduce<number>((all, value) => all | (value ?? 0), 0) >>> 0;
  const everywhere = values.every((value) => value !== undefined);
  const isArmAnd = machine === 'aarch64' && type === GNU_PROPERTY_AARCH64_FEATURE_1_AND;
  if (isArmAnd || (type >= GNU_PROPERTY_X86_UINT32_AND_LO && type <= GNU_PROPERTY_X86_UINT32_AND_HI)) {
    return everywhere ? values.reduce<number>((all, value) => all & value!, 0xffffffff) >>> 0 : undefined;
  }
  if (type >= GNU_PROPERTY_X86_UINT32_OR_LO && type <= GNU_PROPERTY_X86_UINT32_OR_HI) return any;
  if (type >= GNU_PROPERTY_X86_UINT32_OR_AND_LO && type <= GNU_PROPERTY_X86_UINT32_OR_AND_HI) {
    return everywhere ? any : undefined;
  }
  return undefined;
}
