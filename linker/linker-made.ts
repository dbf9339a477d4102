/**
 * Values of the symbols that the linker makes itself when something refers to them: where the headers, the GOT, the
 * thread-local block and named sections are.
 */
import { alignUp } from '../base/arithmetic.ts';
import { fail } from '../base/errors.ts';
import { type AddressState, isEmpty, putValue, type Walk } from './address-state.ts';
import * as elf from './elf.ts';
import type { OutputSection } from './image.ts';
import { nameCount, nameText } from './names.ts';
import { objectAt, SymbolFlag, SymbolKind } from './program.ts';
import { boundaryOf } from './script-symbols.ts';

const EHDR_START = '__ehdr_start';

/** Only the finished layout shows whether the headers are in memory. Errors: 'undefined-symbol'. */
function leaveUndefined(state: AddressState, id: number): void {
  const { program, options } = state;
  const t = program.symbols;
  if ((t.flags[id]! & SymbolFlag.StrongReference) !== 0) {
    const what = `undefined symbol: ${nameText(t.names, id)} (referenced by ${objectAt(program, t.object[id]!).name})`;
    const why = 'no segment loads the headers; leave SIZEOF_HEADERS bytes before the first section';
    if (options.undefinedPolicy === 'error') fail('undefined-symbol', `${what}: ${why}, or give a PT_LOAD FILEHDR`);
    if (options.undefinedPolicy === 'warn') program.warnings.push(`${what}: ${why}`);
  }
  t.kind[id] = SymbolKind.Undefined;
  t.binding[id] = elf.STB_WEAK;
  t.value[id] = 0;
  t.extra[id] = -1;
}

export function setLinkerMade(walk: Walk): void {
  const { state } = walk;
  const t = state.program.symbols;
  const { arena, block } = state.program;
  const count = nameCount(t.names);
  for (let id = 0; ; id++) {
    id = arena.kernels.nextSymbol(block, id, SymbolKind.Linker);
    if (id === count) return;
    if (walk.assigned.has(id)) continue;
    const name = nameText(t.names, id);
    const made = linkerMadeValue(state, name);
    if (made) putValue(walk, id, made.value, made.section);
    else if (walk.final && name === EHDR_START) leaveUndefined(state, id);
    else if (!state.values.has(id)) putValue(walk, id, 0, undefined);
  }
}

/**
 * What local-dynamic code adds its variables' offsets to. On x86-64 these become offsets from the thread pointer, so
 * the base must be where that points: the end of the block.
 */
function tlsModuleBase(state: AddressState): { value: number; section: OutputSection } | undefined {
  const block = state.outputs.filter((output) => (output.flags & elf.SHF_TLS) !== 0 && output.size > 0);
  const first = block[0];
  if (!first || state.architecture.machine !== 'x86-64') return first && { value: first.address, section: first };
  const size = Math.max(...block.map((output) => output.address + output.size)) - first.address;
  const align = Math.max(...block.map((output) => output.align));
  return { value: first.address + alignUp(size, align), section: first };
}

function linkerMadeValue(
  state: AddressState,
  name: string,
): { value: number; section: OutputSection | undefined } | undefined {
  const at = (section: string, plus = 0) => {
    const output = state.byName.get(section);
    return output && !isEmpty(output) ? { value: output.address + plus, section: output } : undefined;
  };
  switch (name) {
    case EHDR_START: {
      if (state.headersAddress === undefined) return undefined;
      const first = state.outputs.find((output) => (output.flags & elf.SHF_ALLOC) !== 0 && !isEmpty(output));
      return { value: state.headersAddress, section: first };
    }
    case '_DYNAMIC':
      return at('.dynamic');
    case '_GLOBAL_OFFSET_TABLE_':
      return at('.got') ?? at('.got.plt') ?? at('.data');
    case '__global_pointer$':
      return at('.sdata', 0x800) ?? at('.data', 0x800) ?? at('.bss', 0x800);
    case '_TLS_MODULE_BASE_':
      return tlsModuleBase(state);
    case '__rela_iplt_start':
    case '__rela_iplt_end': {
      const output = state.byName.get('.rela.iplt');
      const size = output && name.endsWith('end') && !state.options.pie ? output.size : 0;
      return output && { value: output.address + size, section: output };
    }
  }
  const boundary = boundaryOf(name);
  if (!boundary) return undefined;
  const output = state.byName.get(boundary.section);
  return output && { value: output.address + (boundary.stop ? output.size : 0), section: output };
}
