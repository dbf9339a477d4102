/**
 * Merges an object's global symbols into the symbol table: which definition a name means, which references want an
 * archive's member. The kernel does what needs no decision (kernels/assembly/resolve.ts); commons, duplicates and
 * references that --wrap renames are decided here.
 * Sources: gABI "Symbol Table"; GNU ld manual for common symbols and --wrap.
 */
import { fail, hex } from '../base/errors.ts';
import * as elf from './elf.ts';
import * as layout from './kernels/layout.ts';
import { nameShown } from './names.ts';
import { type InputObject, Live, objectAt, type Program, placeText, SymbolKind } from './program.ts';
import { SymbolPlace, symbolSection } from './read-object.ts';
import { type Resolver, reserveWanted } from './resolver.ts';

/** Most duplicate symbols that one message lists. */
const MAX_SHOWN = 20;

/** Merges an object's globals from `from` on: the usual ones in the kernel, the others one by one. */
export function mergeGlobals(resolver: Resolver, object: InputObject, from: number): void {
  const { program } = resolver;
  const { kernels } = program.arena;
  reserveWanted(resolver, object.symbolCount - object.firstGlobal);
  for (let i = from; i < object.symbolCount; i++) {
    i = kernels.mergeGlobals(program.block, object.index, i);
    if (i === object.symbolCount) return;
    mergeGlobal(resolver, object, i);
  }
}

function mergeGlobal(resolver: Resolver, object: InputObject, i: number): void {
  const { program } = resolver;
  const { block } = program;
  const { kernels } = program.arena;
  const ref = object.firstGlobalRef + i - object.firstGlobal;
  const at = object.symtab + i * elf.SYM_SIZE;
  const info = object.view.getUint8(at + 4);
  let place = symbolSection(object, i);
  if (place >= 0 && program.sections.live[place] !== Live.Live) place = SymbolPlace.Undefined;
  let id = program.globalRefs[ref]!;
  if (place === SymbolPlace.Undefined) {
    id = resolver.renames.get(id) ?? id;
    program.globalRefs[ref] = id;
    kernels.addReference(block, id, object.index, at);
    return;
  }
  kernels.mergeVisibility(block, id, at);
  addDefinition(resolver, id, object, at, info, place);
}

function addDefinition(
  resolver: Resolver,
  id: number,
  object: InputObject,
  at: number,
  info: number,
  place: number,
): void {
  const { program } = resolver;
  const t = program.symbols;
  const binding = info >> 4;
  const type = info & 15;
  const value = elf.readSigned64(object.view, at + 8);
  const size = elf.readUnsigned64(object.view, at + 16);
  const common = place === SymbolPlace.Common || type === elf.STT_COMMON;
  const kind = t.kind[id]!;
  // The script has the last word on the symbols it assigns.
  if (kind === SymbolKind.Linker) return;
  if (common) checkCommon(program, id, object, value, size);
  if (kind === SymbolKind.Defined || kind === SymbolKind.Absolute) {
    if (common) {
      if (t.binding[id] !== elf.STB_WEAK) return;
    } else if (binding === elf.STB_WEAK) {
      return;
    } else if (t.binding[id] !== elf.STB_WEAK) {
      // GNU: unique symbols and equal absolute values are not in conflict.
      if (binding === elf.STB_GNU_UNIQUE && t.binding[id] === elf.STB_GNU_UNIQUE) return;
      if (place === SymbolPlace.Absolute && kind === SymbolKind.Absolute && t.value[id] === value) return;
      if (!resolver.options.allowMultipleDefinition) noteDuplicate(resolver, id, object, place, value);
      return;
    }
  } else if (kind === SymbolKind.Common) {
    if (common) {
      if (resolver.options.warnCommon) {
        program.warnings.push(`${object.name}: common symbol ${nameShown(t.names, id)} is defined more than once`);
      }
      // The value of a common symbol is its alignment.
      t.value[id] = Math.max(t.value[id]!, value);
      if (size > t.size[id]!) {
        t.size[id] = size;
        t.object[id] = object.index;
      }
      return;
    }
    if (binding === elf.STB_WEAK) return;
  }
  if (place >= 0 && value + size < 0)
    fail('malformed-elf', `${object.name}: symbol ${nameShown(t.names, id)}: bad value`);
  if (place < 0 && place !== SymbolPlace.Absolute && !common) {
    fail(
      'malformed-elf',
      `${object.name}: symbol ${nameShown(t.names, id)} is in reserved section ${elf.SHN_LORESERVE}+`,
    );
  }
  t.kind[id] = common ? SymbolKind.Common : place === SymbolPlace.Absolute ? SymbolKind.Absolute : SymbolKind.Defined;
  t.binding[id] = binding;
  t.type[id] = type;
  t.section[id] = place >= 0 && !common ? place : -1;
  t.value[id] = value;
  t.size[id] = size;
  t.object[id] = object.index;
}

/** A common symbol's value is its alignment. It is checked here, where its object is known. */
function checkCommon(program: Program, id: number, object: InputObject, alignment: number, size: number): void {
  const aligned = alignment >= 1 && alignment <= layout.MAX_ALIGN && (alignment & (alignment - 1)) === 0;
  if (aligned && size <= layout.MAX_SECTION) return;
  const what = aligned ? `size ${hex(size)}, above 2^46` : `alignment ${hex(alignment)}, no power of two up to 2^26`;
  fail('malformed-elf', `${object.name}: common symbol ${nameShown(program.symbols.names, id)} has ${what}`);
}

function noteDuplicate(resolver: Resolver, id: number, object: InputObject, place: number, value: number): void {
  const { program } = resolver;
  const t = program.symbols;
  const section = t.section[id]!;
  const firstPlace = section >= 0 ? placeText(program, section, t.value[id]!) : objectAt(program, t.object[id]!).name;
  const secondPlace = place >= 0 ? placeText(program, place, value) : object.name;
  resolver.duplicates.push(`${nameShown(t.names, id)}: first in ${firstPlace}, again in ${secondPlace}`);
}

export function reportDuplicates(resolver: Resolver): void {
  const { duplicates } = resolver;
  if (duplicates.length === 0) return;
  const shown = duplicates.slice(0, MAX_SHOWN).join('; ');
  const rest = duplicates.length > MAX_SHOWN ? `; and ${duplicates.length - MAX_SHOWN} more` : '';
  const noun = duplicates.length === 1 ? 'duplicate symbol' : `${duplicates.length} duplicate symbols`;
  fail('duplicate-symbol', `${noun}: ${shown}${rest}; rename or make one of each weak or static`);
}
