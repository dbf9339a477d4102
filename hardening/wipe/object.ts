/**
 * The object that holds an image's veneers: code of each in a section of its own, so that what nobody calls is collected
 * and a slide can move it, and the data that they share.
 */
import { fail, printable } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import type { Interposition } from '../../linker/interpose.ts';
import {
  type NewObject,
  type NewRelocation,
  type NewSection,
  type NewSymbol,
  writeRelocatable,
} from '../../linker/relocatable.ts';
import { assemble } from '../../machine/assemble/listing.ts';
import { relocationsOf as sequenceRelocations } from '../../machine/assemble/riscv64-linked.ts';
import { fieldPlace, type LinkedField } from '../../machine/assemble/x86-64-linked.ts';
import {
  MOST_DEPTH,
  originalName,
  SHADOW,
  SHADOW_ENTRIES,
  SHADOW_SPILL,
  SHADOW_TOP,
  type VeneerCode,
  veneerName,
  type WipeRequest,
} from './veneer.ts';
import { riscvResults, veneerRiscv64 } from './veneer-riscv64.ts';
import { DETECT, detectX8664, type RegisterFiles, resultRegisters, VECTORS, veneerX8664 } from './veneer-x86-64.ts';

/** The object's name in messages and maps. */
export const WIPE_OBJECT = 'casemate-wipe.o';

/** A part of the object: a section with one symbol at its start. */
interface Part {
  readonly section: NewSection;
  readonly symbol: NewSymbol;
}

/** Numbers of the psABI for x86-64. */
const R_X86_64_64 = 1;
const R_X86_64_PC32 = 2;
const R_X86_64_PLT32 = 4;
/** Of the RISC-V psABI. */
const R_RISCV_64 = 2;

function part(
  name: string,
  symbol: string,
  isLocal: boolean,
  section: Omit<NewSection, 'name'>,
): Omit<Part, 'symbol'> & {
  symbol: Omit<NewSymbol, 'section'>;
} {
  const type = (section.flags & elf.SHF_EXECINSTR) !== 0 ? elf.STT_FUNC : elf.STT_OBJECT;
  return {
    section: { name, ...section },
    symbol: { name: symbol, isLocal, isHidden: !isLocal, type, value: 0, size: section.size },
  };
}

function codeX8664(name: string, symbol: string, isLocal: boolean, { items, fields }: VeneerCode<LinkedField>) {
  const assembled = assemble(items);
  const relocations: NewRelocation[] = fields.map((field) => ({
    ...fieldPlace(assembled, field),
    type: field.isCall ? R_X86_64_PLT32 : R_X86_64_PC32,
    symbol: field.symbol,
  }));
  const flags = elf.SHF_ALLOC | elf.SHF_EXECINSTR;
  const { bytes } = assembled;
  return part(name, symbol, isLocal, { bytes, size: bytes.length, flags, align: 32, relocations });
}

/** What is asked for must make sense before anything is made of it. Errors: 'usage', 'limit'. */
function requireSane(requests: readonly WipeRequest[], results: readonly string[]): void {
  const seen = new Set<string>();
  for (const request of requests) {
    const name = printable(request.function);
    if (seen.has(request.function)) fail('usage', `${name}: is to be wiped twice`);
    seen.add(request.function);
    for (const [what, bytes] of [
      ['its depth', request.depth],
      ['its watched stack', request.watched],
    ] as const) {
      if (!Number.isInteger(bytes) || bytes < 0) fail('usage', `${name}: ${what} is ${bytes}, no number of bytes`);
      if (bytes > MOST_DEPTH) fail('limit', `${name}: ${what} is ${bytes} bytes, more than the ${MOST_DEPTH} allowed`);
    }
    const {
      resultBytes,
      results: [first, ...others],
    } = request;
    if (resultBytes !== undefined && (first !== results[0] || others.length > 0))
      fail('usage', `${name}: a result of ${resultBytes} bytes is in ${results[0]}, and in no other register`);
    const unknown = request.results.find((register) => !results.includes(register));
    if (unknown !== undefined)
      fail('usage', `${name}: ${printable(unknown)} carries no result; those that may: ${results.join(', ')}`);
  }
}

const data = elf.SHF_ALLOC | elf.SHF_WRITE;

/** Return addresses that wait, and the address behind the last. */
function shadowParts(pointerType: number) {
  const size = 8 * SHADOW_ENTRIES;
  const relocation = { offset: 0, type: pointerType, symbol: SHADOW, addend: 0 };
  return [
    // Where it is full shows in the address of its end.
    part('.bss.casemate.wipe', SHADOW, true, { size, flags: data, align: size, relocations: [] }),
    part('.bss.casemate.wipe', SHADOW_SPILL, true, { size: 8, flags: data, align: 8, relocations: [] }),
    part('.data.casemate.wipe', SHADOW_TOP, true, {
      ...{ bytes: new Uint8Array(8), size: 8, flags: data, align: 8, relocations: [relocation] },
    }),
  ];
}

/** The names that a link needs to put the veneers in front of their functions. */
export function interpositionsOf(requests: readonly WipeRequest[]): Interposition[] {
  return requests.map(({ function: name }) => ({
    function: name,
    veneer: veneerName(name),
    original: originalName(name),
  }));
}

const reference = (name: string): NewSymbol => ({
  ...{ name, isLocal: false, isHidden: true, type: elf.STT_NOTYPE, value: 0, size: 0 },
});

const sectionOf = (request: WipeRequest): string => `.text.casemate.wipe.${request.function}`;

/** The object for x86-64. Errors: 'usage', 'limit' for a request that makes no sense. */
export function wipeObjectX8664(requests: readonly WipeRequest[], files: RegisterFiles): Uint8Array {
  requireSane(requests, resultRegisters);
  const parts = requests.map((request) =>
    codeX8664(sectionOf(request), veneerName(request.function), false, veneerX8664(request, files)),
  );
  if (files.vectors === 'avx' || files.vectors === 'avx512') {
    parts.push(codeX8664('.text.casemate.wipe', DETECT, true, detectX8664(files.vectors)));
    parts.push(part('.bss.casemate.wipe', VECTORS, true, { size: 4, flags: data, align: 4, relocations: [] }));
  }
  if (requests.some((request) => request.arguments === 'stack')) parts.push(...shadowParts(R_X86_64_64));
  const object: NewObject = {
    machine: 'x86-64',
    flags: 0,
    sections: parts.map(({ section }) => section),
    symbols: [
      ...parts.map(({ symbol }, i) => ({ ...symbol, section: i })),
      ...requests.map(({ function: name }) => reference(originalName(name))),
    ],
  };
  return writeRelocatable(object);
}

/** The object for RV64; `flags`: e_flags of the image. Errors as above. */
export function wipeObjectRiscv64(requests: readonly WipeRequest[], floats: boolean, flags: number): Uint8Array {
  requireSane(requests, riscvResults);
  const code = elf.SHF_ALLOC | elf.SHF_EXECINSTR;
  const veneers = requests.map((request, i) => {
    const { items, fields } = veneerRiscv64(request, floats);
    const assembled = assemble(items);
    const needed = fields.map((field) => sequenceRelocations(assembled, field, `${i}`));
    const { bytes } = assembled;
    const relocations: NewRelocation[] = needed.flatMap((one) => one.relocations);
    const section = { bytes, size: bytes.length, flags: code, align: 4, relocations };
    return { ...part(sectionOf(request), veneerName(request.function), false, section), needed };
  });
  const shared = requests.some((request) => request.arguments === 'stack') ? shadowParts(R_RISCV_64) : [];
  const parts = [...veneers, ...shared];
  const places = veneers.flatMap(({ needed }, section) =>
    needed.flatMap(({ place }): NewSymbol[] =>
      place === undefined
        ? []
        : [{ ...reference(place.name), isLocal: true, isHidden: false, section, value: place.offset }],
    ),
  );
  return writeRelocatable({
    machine: 'riscv64',
    flags,
    sections: parts.map(({ section }) => section),
    symbols: [
      ...parts.map(({ symbol }, i) => ({ ...symbol, section: i })),
      ...places,
      ...requests.map(({ function: name }) => reference(originalName(name))),
    ],
  });
}
