/**
 * What the symbols of a linker script mean when the image moves.
 *
 * `_etext` is the end of the text segment, however large that has become; `_stext` its start; `__stop_x` the end of
 * section x; `alias = function` moves with the function; a number moves with nothing. The script's own text and the
 * place of the statement in it tell which, since an address between two segments could be the end of one or the start
 * of the other.
 */
import { alignUp } from '../../base/arithmetic.ts';
import { fail, hex, printable } from '../../base/errors.ts';
import { isEmpty } from '../../linker/address-state.ts';
import * as elf from '../../linker/elf.ts';
import type { LinkedImage, OutputSection } from '../../linker/image.ts';
import { findText, nameCount, nameText } from '../../linker/names.ts';
import { SymbolKind } from '../../linker/program.ts';
import type { Expression } from '../../linker/script/ast.ts';
import { globalHome } from '../../linker/symbol-home.ts';
import type { Meaning } from './collect.ts';
import type { LinkUnits } from './link-units.ts';
import { unitAt } from './slide-info.ts';

/** Where a symbol gets its value. */
interface Definition {
  readonly value: Expression;
  /** The loaded section before the statement, and the section whose body it stands in. */
  readonly after: OutputSection | undefined;
  readonly inside: OutputSection | undefined;
}

export type Definitions = ReadonlyMap<string, Definition>;

/** The last assignment to each symbol, in the order of the script. */
export function definitionsOf(image: LinkedImage): Definitions {
  const { state } = image.context;
  const definitions = new Map<string, Definition>();
  for (const { name, value } of state.options.defsym) {
    definitions.set(name, { value, after: undefined, inside: undefined });
  }
  let after: OutputSection | undefined;
  for (const command of state.commands) {
    if (command.kind === 'assign') {
      definitions.set(command.target, { value: command.value, after, inside: undefined });
    } else if (command.kind === 'output') {
      const { section } = command;
      for (const item of section.body) {
        if (item.kind === 'assign') definitions.set(item.target, { value: item.value, after, inside: section });
      }
      if ((section.flags & elf.SHF_ALLOC) !== 0 && !isEmpty(section) && section.size > 0) after = section;
    }
  }
  return definitions;
}

/** `name` or `name + number`: the symbol that an expression is another name of. */
function aliased(expression: Expression): string | undefined {
  if (expression.kind === 'symbol') return expression.name;
  if (expression.kind !== 'binary' || (expression.operator !== '+' && expression.operator !== '-')) return undefined;
  return expression.right.kind === 'number' ? aliased(expression.left) : undefined;
}

/** Addresses of symbols that the script places by its location counter, so that what is around them must stay so. */
export function scriptMarks(image: LinkedImage, definitions: Definitions): number[] {
  const { state } = image.context;
  const { symbols } = image.program;
  const marks: number[] = [];
  for (let id = 0; id < nameCount(symbols.names); id++) {
    const known = symbols.kind[id] === SymbolKind.Linker ? state.values.get(id) : undefined;
    if (!known?.section) continue;
    const definition = definitions.get(nameText(symbols.names, id));
    if (definition && aliased(definition.value) !== undefined) continue;
    marks.push(known.value);
  }
  return marks;
}

/** What symbol `id`, defined by the script or the linker, means. Errors: 'layout' for what no rule covers. */
export function scriptMeaning(image: LinkedImage, link: LinkUnits, definitions: Definitions, id: number): Meaning {
  const { state } = image.context;
  const { symbols } = image.program;
  const name = nameText(symbols.names, id);
  const definition = definitions.get(name);
  const known = state.values.get(id);
  const alias = definition && aliased(definition.value);
  if (alias !== undefined) {
    const target = findText(symbols.names, alias);
    const home = target < 0 || target === id ? undefined : globalHome(image, target);
    if (home?.kind === 'section') return sectionMeaning(image, link, home.section, known?.value ?? 0);
    if (home?.kind === 'linker' && known?.section) return scriptMeaning(image, link, definitions, home.symbol);
  }
  if (!known?.section) {
    if (definition && mentionsCode(image, link, definition.value)) {
      fail(
        'layout',
        `symbol ${printable(name)} is computed from places in the code, which change; ` +
          'compute it at run time from symbols that mark them',
      );
    }
    return { kind: 'fixed' };
  }
  return placeMeaning(link, name, known.value, known.section, definition);
}

/** Meaning of input section `s`; `address` decides for one without bytes. */
export function sectionMeaning(image: LinkedImage, link: LinkUnits, s: number, address: number): Meaning {
  const t = image.program.sections;
  const own = link.unitOfInput[s]!;
  if (own > 0) return { kind: 'unit', unit: own - 1 };
  const output = image.context.state.outputs[t.output[s]!];
  if (!output || (output.flags & elf.SHF_ALLOC) === 0) return { kind: 'fixed' };
  const home = link.segmentOf.has(output) ? output : neighbour(image, link, output);
  const segment = link.segmentOf.get(home)!;
  if (segment !== link.text) return { kind: 'segment', segment };
  const code = link.segments[segment]!;
  if (home !== output && address >= code.address + code.memorySize) return { kind: 'end', align: 1 };
  const unit = link.unitOfOutput.get(home);
  if (unit !== undefined) return { kind: 'unit', unit };
  return { kind: 'unit', unit: unitAt(link.units.offset, address - link.segments[link.text]!.address) };
}

/**
 * A section that came out empty is in no segment, yet symbols in it have an address (__TMC_END__ of crtend.o): it goes
 * with the loaded section beside it, of the same permissions if there is one.
 */
function neighbour(image: LinkedImage, link: LinkUnits, output: OutputSection): OutputSection {
  const { outputs } = image.context.state;
  const at = outputs.indexOf(output);
  const loaded = (each: OutputSection): boolean => link.segmentOf.has(each);
  const before = outputs.slice(0, at).findLast(loaded);
  const after = outputs.slice(at).find(loaded);
  const permissions = (each: OutputSection): number => each.flags & (elf.SHF_WRITE | elf.SHF_EXECINSTR);
  const same = [before, after].find((each) => each && permissions(each) === permissions(output));
  return same ?? before ?? after!;
}

function placeMeaning(
  link: LinkUnits,
  name: string,
  value: number,
  tied: OutputSection,
  definition: Definition | undefined,
): Meaning {
  const { segments, text, units, main, mainStart, mainEnd, segmentOf, unitOfOutput } = link;
  const code = segments[text]!;
  const end = code.address + code.memorySize;
  // A statement between sections belongs to what stands before it, unless its name says that something starts there.
  const before = definition && !definition.inside ? definition.after : undefined;
  const home =
    before && segmentOf.get(before) === text && value >= end
      ? startsNext(link, name, value, end)
        ? tied
        : before
      : tied;
  const segment = segmentOf.get(home);
  if (segment === undefined) return nearestSegment(link, name, value);
  if (segment !== text) return { kind: 'segment', segment };
  if (value >= end) return endMeaning(name, value, end);
  if (value <= mainStart) return { kind: 'segment', segment: text };
  if (value >= mainEnd && units.trailing === 0) return endMeaning(name, end, end);
  const whole = unitOfOutput.get(home);
  if (whole !== undefined && (home !== main || value < mainEnd)) return { kind: 'unit', unit: whole };
  // Only a place between the main section and those behind it is left.
  const first = units.offset.length - units.trailing;
  if (value >= mainEnd) return { kind: 'unit', unit: Math.max(first, unitAt(units.offset, value - code.address)) };
  return { kind: 'unit', unit: unitAt(units.offset, value - code.address) };
}

/**
 * Of a symbol exactly where the next segment starts, whether it marks that start: behind room that was left on purpose,
 * unless its name speaks of an end; directly behind the code, only if its name speaks of a start.
 */
function startsNext({ segments }: LinkUnits, name: string, value: number, end: number): boolean {
  if (!segments.some(({ address }) => address === value)) return false;
  const ends = /end|stop|^_*e(text|rodata|data)/i.test(name);
  const starts = /start|begin|^_*s(text|rodata|data|tdata|bss)/i.test(name);
  return !ends && (value !== end || starts);
}

function endMeaning(name: string, value: number, end: number): Meaning {
  for (const align of [1, 8, 16, 64, 0x1000, 0x10000, 0x200000]) {
    if (alignUp(end, align) === value) return { kind: 'end', align };
  }
  return fail(
    'layout',
    `symbol ${printable(name)} is at ${hex(value)}, behind the code, which ends at ${hex(end)}: what it marks is unknown`,
  );
}

/** For a symbol tied to a section that no segment loads: the last segment that begins at or before it. */
function nearestSegment({ segments, text }: LinkUnits, name: string, value: number): Meaning {
  let found = -1;
  segments.forEach(({ address }, i) => {
    if (address <= value && (found < 0 || address >= segments[found]!.address)) found = i;
  });
  if (found < 0 || found === text) {
    return fail('layout', `symbol ${printable(name)} at ${hex(value)} is in no segment: what it marks is unknown`);
  }
  return { kind: 'segment', segment: found };
}

/** Whether an expression depends on where code is or how large it is. */
function mentionsCode(image: LinkedImage, link: LinkUnits, expression: Expression): boolean {
  const { state } = image.context;
  if (expression.kind === 'symbol') {
    const id = findText(image.program.symbols.names, expression.name);
    const home = id < 0 ? undefined : globalHome(image, id);
    if (home?.kind === 'section') {
      const output = state.outputs[image.program.sections.output[home.section]!];
      return output !== undefined && link.segmentOf.get(output) === link.text;
    }
    const known = home?.kind === 'linker' ? state.values.get(home.symbol) : undefined;
    return known?.section !== undefined && link.segmentOf.get(known.section) === link.text;
  }
  if (expression.kind === 'section') {
    const output = state.byName.get(expression.section);
    return expression.function !== 'ALIGNOF' && output !== undefined && link.segmentOf.get(output) === link.text;
  }
  return Object.values(expression).some(
    (part) =>
      typeof part === 'object' && part !== null && 'kind' in part && mentionsCode(image, link, part as Expression),
  );
}
