/**
 * Gives a variable another name, by which an object of casemate's own refers to it: a static one has none outside of its
 * object, and a table of variables (those that hold secrets and are cleared at the program's end) names them all.
 *
 * The variable stays what and where it is. As references by the new name are like all others, garbage collection,
 * relocation and slides need no knowledge of it.
 */
import { fail, printable } from '../base/errors.ts';
import * as elf from './elf.ts';
import { allObjects, type InputObject, Live, objectAt, type Program, placeText, SymbolKind } from './program.ts';
import { objectSymbolName, symbolSection } from './read-object.ts';
import { findSymbol } from './resolve.ts';
import { symbolNamed } from './resolver.ts';

/** Symbols by name. */
export interface Exposure {
  readonly variable: string;
  /** Defined by nobody, and referred to by an object of the link. */
  readonly as: string;
  /** It has so many at least. */
  readonly bytes: number;
}

interface Home {
  readonly section: number;
  readonly value: number;
  readonly size: number;
  readonly object: number;
}

const isVariable = (type: number): boolean =>
  type === elf.STT_OBJECT || type === elf.STT_NOTYPE || type === elf.STT_TLS;

function localHomes(program: Program, name: string): Home[] {
  const homeOf = (object: InputObject, symbol: number): Home[] => {
    const at = object.symtab + symbol * elf.SYM_SIZE;
    if (!isVariable(object.view.getUint8(at + 4) & 15) || objectSymbolName(program, object, symbol) !== name) return [];
    const section = symbolSection(object, symbol);
    if (section < 0 || program.sections.live[section] !== Live.Live) return [];
    const value = elf.readUnsigned64(object.view, at + 8);
    return [{ section, value, size: elf.readUnsigned64(object.view, at + 16), object: object.index }];
  };
  return allObjects(program).flatMap((object) =>
    Array.from({ length: Math.max(0, object.firstGlobal - 1) }, (_, i) => homeOf(object, i + 1)).flat(),
  );
}

function homesOf(program: Program, name: string): Home[] {
  const { symbols } = program;
  const id = findSymbol(program, name);
  const homes = localHomes(program, name);
  if (id >= 0 && symbols.kind[id] === SymbolKind.Defined)
    homes.push({
      ...{ section: symbols.section[id]!, value: symbols.value[id]! },
      ...{ size: symbols.size[id]!, object: symbols.object[id]! },
    });
  return homes;
}

function expose(program: Program, { variable, as, bytes }: Exposure): void {
  const { symbols, sections } = program;
  const shown = printable(variable);
  const [home, ...others] = homesOf(program, variable);
  if (home === undefined)
    fail(
      'undefined-symbol',
      `${shown}: the link has no variable of this name with a place of its own, global or static`,
    );
  if (others.length > 0) {
    const places = [home, ...others].map(({ section, value }) => placeText(program, section, value));
    fail('duplicate-symbol', `${shown}: names several variables: ${places.join(', ')}; rename all but one`);
  }
  const writable = elf.SHF_ALLOC | elf.SHF_WRITE;
  const flags = sections.flags[home.section]!;
  if ((flags & writable) !== writable || (flags & elf.SHF_EXECINSTR) !== 0 || (flags & elf.SHF_TLS) !== 0)
    fail(
      'unsupported-input',
      `${objectAt(program, home.object).name}: ${shown}: is no variable that can be written, or one of a thread`,
    );
  const room = home.size > 0 ? home.size : sections.size[home.section]! - home.value;
  if (bytes > room)
    fail(
      'unsupported-input',
      `${objectAt(program, home.object).name}: ${shown}: has ${room} bytes, and ${bytes} are meant`,
    );
  const id = symbolNamed(program, as);
  if (symbols.kind[id] === SymbolKind.Defined)
    fail('duplicate-symbol', `${printable(as)}: an input defines it, and casemate calls ${shown} so`);
  symbols.kind[id] = SymbolKind.Defined;
  symbols.type[id] = elf.STT_OBJECT;
  symbols.section[id] = home.section;
  symbols.value[id] = home.value;
  symbols.size[id] = home.size;
  symbols.object[id] = home.object;
  symbols.binding[id] = elf.STB_GLOBAL;
  symbols.visibility[id] = elf.STV_HIDDEN;
}

/**
 * Gives variables other names, once all inputs are resolved. Errors: 'undefined-symbol' for one that is not there,
 * 'duplicate-symbol' for a name that means several, 'unsupported-input' for what cannot be written or is smaller.
 */
export function exposeVariables(program: Program, list: readonly Exposure[]): void {
  for (const one of list) expose(program, one);
}
