/**
 * What the address phase knows: output sections, regions, values of symbols; and one walk over the statements.
 */
import { fail, hex } from '../base/errors.ts';
import type { Architecture } from './arch/architecture.ts';
import { BUILTIN_NAME } from './builtin-layout.ts';
import * as elf from './elf.ts';
import type { LayoutCommand, OutputSection } from './image.ts';
import { objectAt, objectCount, type Program } from './program.ts';
import type { LinkOptions } from './request.ts';
import type { Region } from './script/ast.ts';

export interface RegionState {
  readonly region: Region;
  readonly origin: number;
  readonly length: number;
  current: number;
  /** Difference of load and virtual address of the last section put here. */
  delta: number;
  used: boolean;
}

/** A BYTE/SHORT/LONG/QUAD: bytes at an offset of an output section. */
export interface DataItem {
  readonly section: OutputSection;
  readonly offset: number;
  readonly size: number;
  readonly value: bigint;
}

/** From `offset` on, gaps of the section are filled with this. */
export interface FillItem {
  readonly section: OutputSection;
  readonly offset: number;
  readonly bytes: readonly number[];
}

export interface AddressState {
  readonly program: Program;
  readonly options: LinkOptions;
  readonly architecture: Architecture;
  readonly commands: readonly LayoutCommand[];
  readonly outputs: readonly OutputSection[];
  readonly byName: ReadonlyMap<string, OutputSection>;
  readonly regions: Map<string, RegionState>;
  readonly aliases: ReadonlyMap<string, string>;
  /** Values of Linker symbols, by symbol. */
  readonly values: Map<number, { readonly value: number; readonly section: OutputSection | undefined }>;
  /** Bytes of ELF header and program headers: set by the segment phase, a guess in the first walk. */
  headersSize: number;
  /** Where the ELF header is in memory; undefined when no segment loads it. Set with `headersSize`. */
  headersAddress: number | undefined;
  dataItems: DataItem[];
  fillItems: FillItem[];
}

export interface Walk {
  readonly state: AddressState;
  readonly final: boolean;
  dot: number;
  section: OutputSection | undefined;
  readonly assigned: Set<number>;
  changed: boolean;
  /** Of the last section that takes room in memory. */
  permissions: number | undefined;
  /** Load minus virtual address of the previous section without a region. */
  delta: number;
}

/** A 64-bit script value as an address of the tables: signed, exact within +-2^53. */
export function toAddress(value: bigint, what: string): number {
  const number = Number(BigInt.asIntN(64, value));
  if (!Number.isSafeInteger(number)) fail('script', `${what}: ${hex(value)} is outside the supported addresses`);
  return number;
}

export function toBig(value: number): bigint {
  return BigInt.asUintN(64, BigInt(value));
}

export function createAddressState(
  program: Program,
  options: LinkOptions,
  architecture: Architecture,
  commands: readonly LayoutCommand[],
): AddressState {
  const outputs = commands.flatMap((command) => (command.kind === 'output' ? [command.section] : []));
  const byName = new Map<string, OutputSection>();
  for (const output of outputs) if (!byName.has(output.name)) byName.set(output.name, output);
  return {
    program,
    options,
    architecture,
    commands,
    outputs,
    byName,
    regions: new Map(),
    aliases: new Map(options.scripts.flatMap((script) => [...script.regionAliases])),
    values: new Map(),
    headersSize: elf.EHDR_SIZE,
    headersAddress: undefined,
    dataItems: [],
    fillItems: [],
  };
}

/** Whom to blame for a layout as a whole: the script, else the first input. */
export function layoutSource(state: AddressState): string {
  return (
    state.options.scripts[0]?.file ?? (objectCount(state.program) > 0 ? objectAt(state.program, 0).name : BUILTIN_NAME)
  );
}

export function newWalk(state: AddressState, final: boolean): Walk {
  return {
    state,
    final,
    dot: 0,
    section: undefined,
    assigned: new Set(),
    changed: false,
    permissions: undefined,
    delta: 0,
  };
}

export function regionOf(state: AddressState, name: string): RegionState | undefined {
  return state.regions.get(state.aliases.get(name) ?? name);
}

/** No inputs, no data, no movement of dot: the section will not be in the output. */
export function isEmpty(output: OutputSection): boolean {
  return !output.keepEmpty && output.body.every((item) => item.kind !== 'inputs' || item.sections.length === 0);
}

export function putValue(walk: Walk, id: number, value: number, section: OutputSection | undefined): void {
  walk.state.values.set(id, { value, section });
  walk.state.program.symbols.value[id] = value;
  walk.state.program.symbols.extra[id] = section ? 0 : -1;
  walk.assigned.add(id);
}
