/**
 * What a finished image still knows: which input each address came from, where functions start and end, and every
 * relocation.
 *
 * Hardening moves, pads and checks code after the link; for that it must know what may be moved as a whole and which
 * fields hold addresses. Nothing is kept twice: the answers are computed from the program's tables when asked for.
 */
import * as elf from './elf.ts';
import { forEachRelocation } from './emit-relocs.ts';
import type { LinkedImage } from './image.ts';
import { mergeLeader } from './merge.ts';
import { findText, nameCount, nameText } from './names.ts';
import { allObjects, type InputObject, Live, objectAt, SymbolKind, sectionName } from './program.ts';
import { objectSymbolName, SymbolPlace, symbolSection } from './read-object.ts';
import { sectionOffsetAddress } from './symbol-addresses.ts';

export interface Origin {
  /** Object's name, as messages show it. */
  readonly object: string;
  /** Input section's name. */
  readonly section: string;
  /** Offset within the input section's part of the output. */
  readonly offset: number;
}

/** The input section that holds `address`; undefined for headers, padding and what scripts made. */
export function originOf(image: LinkedImage, address: number): Origin | undefined {
  const { sections: t } = image.program;
  for (const output of image.context.state.outputs) {
    if ((output.flags & elf.SHF_ALLOC) === 0 || address < output.address || address >= output.address + output.size) {
      continue;
    }
    for (const item of output.body) {
      if (item.kind !== 'inputs') continue;
      for (const s of item.sections) {
        const offset = address - t.address[s]!;
        if (offset < 0 || offset >= t.size[s]!) continue;
        return { object: objectAt(image.program, t.object[s]!).name, section: sectionName(image.program, s), offset };
      }
    }
  }
  return undefined;
}

/** A function, or an object of data. */
export interface ImageFunction {
  readonly name: string;
  readonly address: number;
  /** Bytes; 0 when its object does not say. */
  readonly size: number;
  readonly object: string;
}

/** All functions (STT_FUNC and ifunc resolvers), local ones too, by address; aliases follow one another. */
export const functionsOf = (image: LinkedImage): ImageFunction[] => symbolsOf(image, isFunction);

/** All objects of data (STT_OBJECT), local ones too, by address; without commons. */
export const dataSymbolsOf = (image: LinkedImage): ImageFunction[] =>
  symbolsOf(image, (type) => type === elf.STT_OBJECT);

function symbolsOf(image: LinkedImage, isWanted: (type: number) => boolean): ImageFunction[] {
  const { program } = image;
  const result: ImageFunction[] = [];
  const add = (name: string, object: InputObject, s: number, value: number, size: number): void => {
    const address = sectionOffsetAddress(program, s, value);
    const end = size > 0 ? sectionOffsetAddress(program, s, value + size) : address;
    result.push({ name, address, size: end - address, object: object.name });
  };
  for (const object of allObjects(program)) {
    for (let i = 1; i < object.firstGlobal; i++) {
      const at = object.symtab + i * elf.SYM_SIZE;
      const s = isWanted(object.view.getUint8(at + 4) & 15) ? symbolSection(object, i) : -1;
      if (s < 0 || program.sections.live[s] !== Live.Live || program.sections.output[s]! < 0) continue;
      const value = elf.readUnsigned64(object.view, at + 8);
      add(objectSymbolName(program, object, i), object, s, value, elf.readUnsigned64(object.view, at + 16));
    }
  }
  const { symbols } = program;
  for (let id = 0; id < nameCount(symbols.names); id++) {
    if (symbols.kind[id] !== SymbolKind.Defined || !isWanted(symbols.type[id]!)) continue;
    const s = symbols.section[id]!;
    if (program.sections.live[s] !== Live.Live || program.sections.output[s]! < 0) continue;
    const object = objectAt(program, symbols.object[id]!);
    add(nameText(symbols.names, id), object, s, symbols.value[id]!, symbols.size[id]!);
  }
  return result.sort((a, b) => a.address - b.address || a.size - b.size || (a.name < b.name ? -1 : 1));
}

/** Bytes of executable sections that each object brought into the image, by the object's name; objects without any too. */
export function codeSizes({ program }: LinkedImage): Map<string, number> {
  const { sections: t } = program;
  const wanted = elf.SHF_ALLOC | elf.SHF_EXECINSTR;
  const sizes = new Map<string, number>();
  for (const { name, firstSection, sectionCount } of allObjects(program)) {
    let size = sizes.get(name) ?? 0;
    for (let s = firstSection; s < firstSection + sectionCount; s++) {
      const isCode = (t.flags[s]! & wanted) === wanted && t.live[s] === Live.Live && t.output[s]! >= 0;
      if (isCode) size += t.size[s]!;
    }
    sizes.set(name, size);
  }
  return sizes;
}

export interface ImageData {
  /** Input section's name. */
  readonly name: string;
  readonly address: number;
  readonly size: number;
}

/**
 * The constants and initial values that an object brought: its loaded sections with contents that are not code. Of a
 * merged section it is all that it became a part of. Unwinding tables are nobody's data.
 */
export function dataOf({ program }: LinkedImage, object: string): ImageData[] {
  const { sections: t } = program;
  const found = new Map<number, ImageData>();
  for (const { name, firstSection, sectionCount } of allObjects(program)) {
    if (name !== object) continue;
    for (let own = firstSection; own < firstSection + sectionCount; own++) {
      const isData = t.type[own] === elf.SHT_PROGBITS && (t.flags[own]! & elf.SHF_ALLOC) !== 0;
      if (!isData || (t.flags[own]! & elf.SHF_EXECINSTR) !== 0 || t.live[own] !== Live.Live) continue;
      const isMerged = (t.flags[own]! & elf.SHF_MERGE) !== 0 && t.edit[own] !== 0;
      if (t.edit[own] !== 0 && !isMerged) continue;
      const s = isMerged ? mergeLeader(program, own) : own;
      if (t.output[s]! < 0 || t.size[s] === 0) continue;
      found.set(s, { name: sectionName(program, own), address: t.address[s]!, size: t.size[s]! });
    }
  }
  return [...found.values()].sort((a, b) => a.address - b.address);
}

function isFunction(type: number): boolean {
  return type === elf.STT_FUNC || type === elf.STT_GNU_IFUNC;
}

/**
 * Who gave a global symbol its value: an object, by name, or without one the linker, its script or options. Undefined:
 * nobody did, or no input mentions it.
 */
export function definerOf({ program }: LinkedImage, name: string): { readonly object?: string } | undefined {
  const { symbols } = program;
  const id = findText(symbols.names, name);
  if (id < 0) return undefined;
  const kind = symbols.kind[id];
  if (kind === SymbolKind.Linker) return {};
  const isDefined = kind === SymbolKind.Defined || kind === SymbolKind.Common || kind === SymbolKind.Absolute;
  return isDefined ? { object: objectAt(program, symbols.object[id]!).name } : undefined;
}

/** The address of a symbol that the linker or its script has defined; undefined for any other. */
export function linkerSymbol({ program: { symbols } }: LinkedImage, name: string): number | undefined {
  const id = findText(symbols.names, name);
  return id >= 0 && symbols.kind[id] === SymbolKind.Linker ? symbols.value[id] : undefined;
}

/** The global symbols of an object, and where it has them (see symbolSection). */
function* globalsOf({ program }: LinkedImage, object: InputObject): Generator<{ name: string; place: number }> {
  for (let i = object.firstGlobal; i < object.symbolCount; i++)
    yield { name: objectSymbolName(program, object, i), place: symbolSection(object, i) };
}

/**
 * Names of the linked objects that define a global symbol, weakly or not, whichever of them the link took: with more than
 * one, calls inside of the others may mean their own.
 */
export function definersOf(image: LinkedImage, name: string): string[] {
  return allObjects(image.program).flatMap((object) =>
    [...globalsOf(image, object)].some((one) => one.place !== SymbolPlace.Undefined && one.name === name)
      ? [object.name]
      : [],
  );
}

/** Names that an object refers to and does not define, as it has them: before --wrap. */
export function undefinedOf(image: LinkedImage, object: string): string[] {
  return allObjects(image.program)
    .filter(({ name }) => name === object)
    .flatMap((one) => [...globalsOf(image, one)])
    .flatMap(({ name, place }) => (place === SymbolPlace.Undefined ? [name] : []));
}

/** Names of the objects that have a section of this name, whatever became of it. */
export function objectsWithSection({ program }: LinkedImage, name: string): string[] {
  return allObjects(program).flatMap(({ name: object, firstSection, sectionCount }) => {
    const sections = Array.from({ length: sectionCount }, (_, i) => sectionName(program, firstSection + i));
    return sections.includes(name) ? [object] : [];
  });
}

/** Relocations of the loaded sections, by address. Types are those that fit the output's bytes. */
export interface ImageRelocations {
  readonly count: number;
  readonly place: Float64Array;
  readonly type: Uint16Array;
  /** S + A. */
  readonly target: Float64Array;
}

export function relocationsOf(image: LinkedImage): ImageRelocations {
  const places: number[] = [];
  const types: number[] = [];
  const targets: number[] = [];
  forEachRelocation(image.context, ({ output, place, type, target }) => {
    if ((output.flags & elf.SHF_ALLOC) === 0) return;
    places.push(place);
    types.push(type);
    targets.push(target);
  });
  const order = Uint32Array.from(places, (_, i) => i).sort((a, b) => places[a]! - places[b]! || a - b);
  return {
    count: order.length,
    place: Float64Array.from(order, (i) => places[i]!),
    type: Uint16Array.from(order, (i) => types[i]!),
    target: Float64Array.from(order, (i) => targets[i]!),
  };
}
