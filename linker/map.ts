/**
 * The map file: where every input section and global symbol went, and what was left out.
 *
 * In the column format that readers of GNU ld's and lld's maps know: address, load address, size, alignment, then
 * output section, input section and symbol, each deeper than the one before.
 */
import type { AddressState } from './address-state.ts';
import { nameCount, nameShown } from './names.ts';
import { placeText, SymbolKind } from './program.ts';
import { keptOutputs } from './segments.ts';
import type { GlobalAddresses } from './symbol-addresses.ts';

function column(value: number, width: number): string {
  const text = value < 0 ? (BigInt(value) + (1n << 64n)).toString(16) : value.toString(16);
  return text.padStart(width);
}

function row(address: number, load: number, size: number, align: number, depth: number, text: string): string {
  return `${column(address, 16)} ${column(load, 16)} ${column(size, 8)} ${align.toString().padStart(5)} ${' '.repeat(depth * 8)}${text}`;
}

/** Global symbols by the input section that defines them. */
function symbolsBySection(state: AddressState): Map<number, number[]> {
  const t = state.program.symbols;
  const result = new Map<number, number[]>();
  for (let id = 0; id < nameCount(t.names); id++) {
    if (t.kind[id] !== SymbolKind.Defined) continue;
    const list = result.get(t.section[id]!);
    if (list) list.push(id);
    else result.set(t.section[id]!, [id]);
  }
  return result;
}

/** The whole map. `dropped` are the sections that --gc-sections removed. */
export function mapText(state: AddressState, globals: GlobalAddresses, dropped: readonly number[]): string {
  const { program } = state;
  const t = program.sections;
  const bySection = symbolsBySection(state);
  const lines: string[] = [];
  if (dropped.length > 0) {
    lines.push('Discarded input sections', '');
    for (const s of dropped)
      lines.push(`${' '.repeat(40)}${t.inputSize[s]!.toString(16).padStart(8)} ${placeText(program, s)}`);
    lines.push('');
  }
  lines.push(`${'VMA'.padStart(16)} ${'LMA'.padStart(16)} ${'Size'.padStart(8)} Align Out     In      Symbol`);
  for (const output of keptOutputs(state)) {
    const delta = output.loadAddress - output.address;
    lines.push(row(output.address, output.loadAddress, output.size, output.align, 0, output.name));
    for (const item of output.body) {
      if (item.kind !== 'inputs') continue;
      for (const s of item.sections) {
        const address = t.address[s]!;
        lines.push(row(address, address + delta, t.size[s]!, t.align[s]!, 1, placeText(program, s)));
        const symbols = bySection.get(s) ?? [];
        for (const id of [...symbols].sort((a, b) => globals.address[a]! - globals.address[b]! || a - b)) {
          const at = globals.address[id]!;
          lines.push(row(at, at + delta, program.symbols.size[id]!, 1, 2, nameShown(program.symbols.names, id)));
        }
      }
    }
  }
  lines.push('', 'Symbols of the script and the linker', '');
  for (const [id, { value, section }] of state.values) {
    lines.push(`${column(value, 16)} ${section ? section.name : '*ABS*'} ${nameShown(program.symbols.names, id)}`);
  }
  return `${lines.join('\n')}\n`;
}
