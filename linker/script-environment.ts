/**
 * What a script's expressions see: symbols, sections, regions, the location counter.
 * Source: GNU ld manual 3.10 "Expressions in Linker Scripts".
 */
import { type AddressState, isEmpty, regionOf, toBig, type Walk } from './address-state.ts';
import * as elf from './elf.ts';
import type { OutputSection } from './image.ts';
import { findText } from './names.ts';
import { SymbolKind } from './program.ts';
import type { Environment, Value } from './script/evaluate.ts';

/** Value of any symbol as scripts see it. */
function symbolValue(state: AddressState, id: number): Value | undefined {
  const t = state.program.symbols;
  if (id < 0) return undefined;
  switch (t.kind[id]) {
    case SymbolKind.Defined: {
      const section = t.section[id]!;
      const s = state.program.sections;
      const output = s.output[section]! >= 0 ? state.outputs[s.output[section]!] : undefined;
      const address = output ? output.address + s.outputOffset[section]! + t.value[id]! : t.value[id]!;
      return { value: toBig(address), section: output?.name };
    }
    case SymbolKind.Absolute:
      return { value: toBig(t.value[id]!), section: undefined };
    case SymbolKind.Linker: {
      const known = state.values.get(id);
      return known ? { value: toBig(known.value), section: known.section?.name } : undefined;
    }
    case SymbolKind.Undefined:
      return t.binding[id] === elf.STB_WEAK ? { value: 0n, section: undefined } : undefined;
    default:
      return undefined;
  }
}

export function environmentOf(walk: Walk): Environment {
  const { state } = walk;
  const { architecture, options } = state;
  const of = (pick: (output: OutputSection) => number) => (name: string) => {
    const output = state.byName.get(name);
    return output ? toBig(pick(output)) : undefined;
  };
  return {
    final: walk.final,
    section: walk.section?.name,
    dot: () => toBig(walk.dot),
    symbol: (name) => symbolValue(state, findText(state.program.symbols.names, name)),
    defined: (name) => {
      const id = findText(state.program.symbols.names, name);
      if (id < 0) return false;
      const kind = state.program.symbols.kind[id]!;
      return kind === SymbolKind.Linker ? walk.assigned.has(id) : kind >= SymbolKind.Defined;
    },
    sectionAddress: of((output) => output.address),
    sectionSize: of((output) => output.size),
    sectionLoadAddress: of((output) => output.loadAddress),
    sectionAlignment: of((output) => output.align),
    region: (name) => {
      const region = regionOf(state, name);
      return region && { origin: toBig(region.origin), length: toBig(region.length) };
    },
    maxPageSize: BigInt(options.maxPageSize ?? architecture.maxPageSize),
    commonPageSize: BigInt(options.commonPageSize ?? architecture.commonPageSize),
    sizeofHeaders: () => BigInt(state.headersSize),
    sectionNear: (address) => sectionNear(state, Number(BigInt.asIntN(64, address)))?.name,
    segmentStart: (segment) => {
      const start = segment === 'text-segment' ? options.imageBase : undefined;
      return start === undefined ? undefined : toBig(start);
    },
  };
}

/** The loaded section that holds an address, else the last that starts below it, else the first. */
function sectionNear(state: AddressState, address: number): OutputSection | undefined {
  let near: OutputSection | undefined;
  for (const output of state.outputs) {
    if ((output.flags & elf.SHF_ALLOC) === 0 || isEmpty(output)) continue;
    if (!near || (output.address <= address && output.address >= near.address)) near = output;
  }
  return near;
}
