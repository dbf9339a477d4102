/**
 * Gives every output section, input section and script symbol its address.
 *
 * The script's statements are walked in order with the location counter. Sizes and addresses depend on each other
 * (SIZEOF of later sections, symbols defined further down, relaxation, packed relocations), so the walk is repeated
 * until nothing changes; only the last walk reports what is undefined or does not fit.
 * Source: GNU ld manual 3.6 "SECTIONS", 3.7 "MEMORY", 3.6.8.2 "Output Section LMA".
 */
import { alignUp } from '../base/arithmetic.ts';
import { fail, hex, printable } from '../base/errors.ts';
import {
  type AddressState,
  isEmpty,
  newWalk,
  putValue,
  type RegionState,
  regionOf,
  toAddress,
  type Walk,
} from './address-state.ts';
import * as elf from './elf.ts';
import type { OutputSection } from './image.ts';
import { setLinkerMade } from './linker-made.ts';
import { findText } from './names.ts';
import { SymbolFlag, SymbolKind } from './program.ts';
import type { Assertion, Assignment, BinaryOperator, Expression, FillPattern } from './script/ast.ts';
import { type Environment, evaluate, evaluateNumber, holds, type Value } from './script/evaluate.ts';
import { environmentOf } from './script-environment.ts';

/**
 * Origins and lengths for this walk. They may ask for symbols of the script (picolibc: `DEFINED(__flash) ? ...`), whose
 * values are those of the walk before.
 */
function resetRegions(walk: Walk): void {
  const { state } = walk;
  const symbols = environmentOf(walk);
  const environment: Environment = {
    ...symbols,
    final: false,
    defined: (name) => symbols.defined(name) || state.values.has(findText(state.program.symbols.names, name)),
  };
  for (const script of state.options.scripts) {
    for (const region of script.regions) {
      const where = `${region.at.file}:${region.at.line}: region ${printable(region.name)}`;
      const origin = toAddress(evaluateNumber(region.origin, environment), where);
      const length = toAddress(evaluateNumber(region.length, environment), where);
      const known = state.regions.get(region.name);
      if (known?.origin !== origin || known.length !== length) walk.changed = true;
      state.regions.set(region.name, { region, origin, length, current: origin, delta: 0, used: false });
    }
  }
}

/** One walk over all statements. Returns whether any address, size or symbol changed since the last. */
export function assignAddresses(state: AddressState, final: boolean): boolean {
  const walk = newWalk(state, final);
  const before = new Map(state.values);
  resetRegions(walk);
  state.dataItems = [];
  state.fillItems = [];
  for (const { name, value } of state.options.defsym) {
    setSymbol(walk, name, evaluate(value, environmentOf(walk)), `--defsym ${printable(name)}`);
  }
  for (const command of state.commands) {
    if (command.kind === 'output') placeOutput(walk, command.section);
    else if (command.kind === 'assign') assign(walk, command);
    else check(walk, command);
  }
  setLinkerMade(walk);
  return walk.changed || valuesChanged(before, state.values);
}

/** Compares what symbols were after two walks: within one, a script may well assign a symbol twice. */
function valuesChanged(before: AddressState['values'], after: AddressState['values']): boolean {
  for (const [id, { value, section }] of after) {
    const old = before.get(id);
    if (!old || old.value !== value || old.section !== section) return true;
  }
  return false;
}

function check(walk: Walk, assertion: Assertion): void {
  if (!walk.final || holds(assertion.test, environmentOf(walk))) return;
  fail('assertion', `${assertion.at.file}:${assertion.at.line}: ${printable(assertion.message)}`);
}

/** The expression that an assignment stands for: `a += b` is `a = a + (b)`. */
function assignedExpression(assignment: Assignment): Expression {
  const { operator, target, value, at } = assignment;
  if (operator === '=') return value;
  const old: Expression = target === '.' ? { kind: 'dot' } : { kind: 'symbol', name: target, at };
  return { kind: 'binary', operator: operator.slice(0, -1) as BinaryOperator, left: old, right: value, at };
}

function assign(walk: Walk, assignment: Assignment): void {
  const { state } = walk;
  if (assignment.provide) {
    const id = findText(state.program.symbols.names, assignment.target);
    if (id < 0 || state.program.symbols.kind[id] !== SymbolKind.Linker) return;
    // --defsym or another statement assigns it outright.
    if ((state.program.symbols.flags[id]! & SymbolFlag.Provided) === 0) return;
  }
  const where = `${assignment.at.file}:${assignment.at.line}: ${printable(assignment.target)}`;
  const value = evaluate(assignedExpression(assignment), environmentOf(walk));
  if (assignment.target !== '.') {
    setSymbol(walk, assignment.target, value, where);
    return;
  }
  const next = toAddress(value.value, where);
  if (walk.section && next < walk.dot && walk.final) {
    fail(
      'script',
      `${where}: moves backwards inside ${printable(walk.section.name)}, from ${hex(walk.dot)} to ${hex(next)}`,
    );
  }
  walk.dot = next;
}

function setSymbol(walk: Walk, name: string, value: Value, where: string): void {
  const { state } = walk;
  const id = findText(state.program.symbols.names, name);
  if (id < 0 || state.program.symbols.kind[id] !== SymbolKind.Linker) return;
  const number = toAddress(value.value, where);
  const section = value.section === undefined ? undefined : state.byName.get(value.section);
  putValue(walk, id, number, section);
}

function isTbss(output: OutputSection): boolean {
  return output.type === elf.SHT_NOBITS && (output.flags & elf.SHF_TLS) !== 0;
}

/** Size of a section's body when it starts at `address`; sets its inputs' offsets, symbols and data on the way. */
function walkBody(walk: Walk, output: OutputSection, address: number): number {
  const { state } = walk;
  const subalign = output.placement?.subalign;
  const forced = subalign ? alignmentOf(subalign, environmentOf(walk), printable(output.name)) : 0;
  walk.section = output;
  walk.dot = address;
  const index = state.outputs.indexOf(output);
  const { block, arena } = state.program;
  const { kernels } = arena;
  // Offsets are aligned as addresses are; the address itself matters only when it is less aligned than the section.
  const base = address % output.align === 0 ? 0 : address;
  for (const item of output.body) {
    switch (item.kind) {
      case 'inputs':
        walk.dot =
          address +
          kernels.placeInputs(
            block,
            item.sections.byteOffset,
            item.sections.length,
            index,
            forced,
            base,
            walk.dot - address,
          );
        break;
      case 'assign':
        assign(walk, item);
        break;
      case 'assertion':
        check(walk, item);
        break;
      case 'data':
        state.dataItems.push({
          section: output,
          offset: walk.dot - address,
          size: item.size,
          value: evaluateNumber(item.value, environmentOf(walk)),
        });
        walk.dot += item.size;
        break;
      case 'fill':
        state.fillItems.push({ section: output, offset: walk.dot - address, bytes: fillBytes(walk, item.pattern) });
        break;
    }
  }
  walk.section = undefined;
  return walk.dot - address;
}

function fillBytes(walk: Walk, pattern: FillPattern): readonly number[] {
  if (pattern.kind === 'bytes') return pattern.bytes;
  const value = evaluateNumber(pattern.value, environmentOf(walk));
  return [24n, 16n, 8n, 0n].map((shift) => Number((value >> shift) & 255n));
}

/** Value of ALIGN or SUBALIGN: a power of two. */
function alignmentOf(expression: Expression, environment: Environment, where: string): number {
  const value = evaluateNumber(expression, environment);
  if (value > 1n << 40n || (value & (value - 1n)) !== 0n) {
    if (environment.final) fail('script', `${where}: alignment ${hex(value)} is not a power of two up to 2^40`);
    return 1;
  }
  return Math.max(1, Number(value));
}

function permissionsOf(output: OutputSection): number {
  return output.flags & (elf.SHF_WRITE | elf.SHF_EXECINSTR);
}

/**
 * The built-in layout never lets two permissions share a page, wherever orphans went. A script of the user's decides
 * for itself.
 */
function newPage(walk: Walk, output: OutputSection, address: number): number {
  const { options, architecture } = walk.state;
  if (walk.permissions === undefined || walk.permissions === permissionsOf(output)) return address;
  if (options.scripts.some((script) => script.hasSections && !script.insert)) return address;
  return alignUp(address, options.maxPageSize ?? architecture.maxPageSize);
}

function placeOutput(walk: Walk, output: OutputSection): void {
  const { state } = walk;
  const alloc = (output.flags & elf.SHF_ALLOC) !== 0 || output.type === elf.SHT_NULL;
  if (!alloc) {
    const saved = walk.dot;
    setSize(walk, output, walkBody(walk, output, 0));
    setAddress(walk, output, 0, 0);
    walk.dot = saved;
    return;
  }
  const { placement } = output;
  const environment = environmentOf(walk);
  const where = `${placement ? `${placement.at.file}:${placement.at.line}: ` : ''}${printable(output.name)}`;
  const region = placement?.region ? regionNamed(walk, placement.region, where) : undefined;
  let align = output.align;
  if (placement?.align) align = Math.max(align, alignmentOf(placement.align, environment, where));
  const forcedStart = state.options.sectionStart.get(output.name);
  const explicit = forcedStart !== undefined || placement?.address !== undefined;
  let address: number;
  if (forcedStart !== undefined) address = forcedStart;
  else if (placement?.address) address = toAddress(evaluate(placement.address, environment).value, where);
  else address = region ? region.current : walk.dot;
  const empty = isEmpty(output);
  // A section that will not exist must not move those that do; its symbols take the place as it is.
  if (!empty && !(explicit && placement?.address === undefined)) {
    address = explicit ? address : alignUp(newPage(walk, output, address), align);
  }
  output.align = align;
  const start = walk.dot;
  const size = walkBody(walk, output, address);
  setSize(walk, output, size);
  setLoadAddress(walk, output, address, region, explicit, environment, where);
  if (output.fill) state.fillItems.unshift({ section: output, offset: 0, bytes: fillBytes(walk, output.fill) });
  const end = isTbss(output) ? address : address + size;
  if (empty && size === 0) {
    walk.dot = explicit ? address : start;
    return;
  }
  walk.dot = isTbss(output) ? start : end;
  if (size > 0) walk.permissions = permissionsOf(output);
  if (region) {
    region.used = true;
    region.current = Math.max(end, region.origin);
    checkRegion(walk, output, region, end, where);
  }
}

function regionNamed(walk: Walk, name: string, where: string): RegionState {
  return regionOf(walk.state, name) ?? fail('script', `${where}: memory region ${printable(name)} is not declared`);
}

function checkRegion(walk: Walk, output: OutputSection, region: RegionState, end: number, where: string): void {
  const limit = region.origin + region.length;
  if (!walk.final || end <= limit) return;
  fail(
    'layout',
    `${where}: ends at ${hex(end)}, ${end - limit} bytes past region ${printable(region.region.name)} ` +
      `([${hex(region.origin)}, ${hex(limit)})); enlarge the region or shrink ${printable(output.name)}`,
  );
}

function setLoadAddress(
  walk: Walk,
  output: OutputSection,
  address: number,
  region: RegionState | undefined,
  explicit: boolean,
  environment: Environment,
  where: string,
): void {
  const { placement } = output;
  let load = address;
  if (placement?.loadAddress) {
    load = toAddress(evaluate(placement.loadAddress, environment).value, where);
    walk.delta = load - address;
    if (region) region.delta = walk.delta;
  } else if (placement?.loadRegion) {
    const target = regionNamed(walk, placement.loadRegion, where);
    // The load copy is packed at its own alignment unless asked to follow the virtual one.
    load = alignUp(target.current, output.align);
    if (target !== region && !isEmpty(output)) {
      target.current = load + (output.type === elf.SHT_NOBITS ? 0 : output.size);
      checkRegion(walk, output, target, target.current, where);
    }
    if (region) region.delta = load - address;
    walk.delta = load - address;
  } else if (explicit) {
    load = address;
    if (!region) walk.delta = 0;
  } else if (region) {
    load = address + (region.used ? region.delta : 0);
    if (!region.used) region.delta = 0;
  } else if (walk.state.regions.size === 0) {
    load = address + walk.delta;
  }
  setAddress(walk, output, address, load);
}

function setAddress(walk: Walk, output: OutputSection, address: number, load: number): void {
  if (output.address !== address || output.loadAddress !== load) walk.changed = true;
  output.address = address;
  output.loadAddress = load;
  if (!Number.isSafeInteger(address + output.size)) {
    fail('layout', `${printable(output.name)}: ends beyond the supported addresses (starts at ${hex(address)})`);
  }
}

function setSize(walk: Walk, output: OutputSection, size: number): void {
  if (output.size !== size) walk.changed = true;
  output.size = size;
}
