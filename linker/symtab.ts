/**
 * Writes .symtab and .strtab of the output.
 *
 * Locals come first, object by object under their STT_FILE, then globals; hidden symbols become local, since no other
 * component can see them. Names that only the assembler needed (`.L...`) are left out as asked.
 * Source: gABI "Symbol Table".
 */
import type { AddressState } from './addresses.ts';
import * as elf from './elf.ts';
import type { OutputSection } from './image.ts';
import { type InputObject, Live, Role, SymbolFlag, SymbolKind } from './program.ts';
import { SymbolPlace, symbolSection } from './read-object.ts';
import { sectionOffsetAddress } from './symbol-addresses.ts';
import type { AddressContext } from './write-sections.ts';

export interface SymbolTables {
  readonly symtab: Uint8Array;
  readonly strtab: Uint8Array;
  /** sh_info: index of the first global. */
  readonly firstGlobal: number;
  /** It uses GNU's extensions (ifuncs, unique symbols), which the file's OSABI must then say. */
  readonly gnu: boolean;
  /** With --emit-relocs: output index of symbol i of object o at `indexOf[o][i]`, 0 when it was left out. */
  readonly indexOf: readonly (Uint32Array | undefined)[];
  /** With --emit-relocs: index of each output section's symbol, by section header index. */
  readonly sectionSymbols: ReadonlyMap<OutputSection, number>;
}

interface Writer {
  symtab: Uint8Array;
  view: DataView;
  count: number;
  strtab: Uint8Array;
  strings: number;
  gnu: boolean;
}

function grownBytes(bytes: Uint8Array, needed: number): Uint8Array {
  const next = new Uint8Array(Math.max(needed, bytes.length * 2));
  next.set(bytes);
  return next;
}

/** Appends the name [start, end) of `bytes`; returns its offset. */
function addName(writer: Writer, bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length === 0) return 0;
  const at = writer.strings;
  if (at + length + 1 > writer.strtab.length) writer.strtab = grownBytes(writer.strtab, at + length + 1);
  const { strtab } = writer;
  for (let i = 0; i < length; i++) strtab[at + i] = bytes[start + i]!;
  writer.strings = at + length + 1;
  return at;
}

function addSymbol(
  writer: Writer,
  name: number,
  info: number,
  other: number,
  section: number,
  value: number,
  size: number,
): number {
  const at = writer.count * elf.SYM_SIZE;
  if (at + elf.SYM_SIZE > writer.symtab.length) {
    writer.symtab = grownBytes(writer.symtab, at + elf.SYM_SIZE);
    writer.view = new DataView(writer.symtab.buffer);
  }
  const { view } = writer;
  if ((info & 15) === elf.STT_GNU_IFUNC || info >> 4 === elf.STB_GNU_UNIQUE) writer.gnu = true;
  view.setUint32(at, name, true);
  view.setUint8(at + 4, info);
  view.setUint8(at + 5, other);
  view.setUint16(at + 6, section, true);
  elf.write64(view, at + 8, value);
  elf.write64(view, at + 16, size);
  return writer.count++;
}

/** Appends the NUL-terminated name at `start` of `bytes` (cut at `limit`); returns its offset. */
function addNameAt(writer: Writer, bytes: Uint8Array, start: number, limit: number): number {
  let end = start;
  while (end < limit && bytes[end] !== 0) end++;
  return addName(writer, bytes, start, end);
}

/** Whether a local's name is one that assemblers make for themselves. */
function isTemporary(bytes: Uint8Array, name: number): boolean {
  return bytes[name] === 0x2e && bytes[name + 1] === 0x4c;
}

/** Builds the tables; section header indices must be known. */
export function buildSymbolTables(
  context: AddressContext,
  kept: readonly OutputSection[],
  tlsStart: number,
): SymbolTables {
  const { state } = context;
  const { program, options } = state;
  const symtab = new Uint8Array((program.symbols.names.count + 1024) * elf.SYM_SIZE);
  const writer: Writer = {
    symtab,
    view: new DataView(symtab.buffer),
    count: 1,
    strtab: new Uint8Array(1 << 16),
    strings: 1,
    gnu: false,
  };
  const sectionSymbols = new Map<OutputSection, number>();
  if (options.emitRelocs) {
    for (const output of kept) {
      if (output.index === 0) continue;
      sectionSymbols.set(output, addSymbol(writer, 0, elf.STT_SECTION, 0, output.index, output.address, 0));
    }
  }
  const indexOf: (Uint32Array | undefined)[] = [];
  if (options.discardLocals !== 'all') {
    for (const object of program.objects) indexOf[object.index] = addLocals(context, writer, object, tlsStart);
  }
  addGlobals(context, writer, indexOf, true, tlsStart);
  const firstGlobal = writer.count;
  addGlobals(context, writer, indexOf, false, tlsStart);
  return {
    symtab: writer.symtab.subarray(0, writer.count * elf.SYM_SIZE),
    strtab: writer.strtab.subarray(0, writer.strings),
    firstGlobal,
    gnu: writer.gnu,
    indexOf,
    sectionSymbols,
  };
}

/** Section header index that holds input section `s`; 0 when it is not in the output. */
function headerIndex(state: AddressState, s: number): number {
  const output = state.program.sections.output[s]!;
  return output < 0 ? 0 : state.outputs[output]!.index;
}

function addLocals(
  context: AddressContext,
  writer: Writer,
  object: InputObject,
  tlsStart: number,
): Uint32Array | undefined {
  const { state, edits } = context;
  const { program, options } = state;
  const t = program.sections;
  const { live, role } = t;
  const { view, bytes, symtab, strtab, strtabEnd } = object;
  const indices = options.emitRelocs ? new Uint32Array(object.symbolCount) : undefined;
  const dropTemporary = options.discardLocals === 'temporary' || program.machine === 'riscv64';
  let file = -1;
  for (let i = 1; i < object.firstGlobal; i++) {
    const at = symtab + i * elf.SYM_SIZE;
    const info = view.getUint8(at + 4);
    const type = info & 15;
    if (type === elf.STT_SECTION) continue;
    const name = strtab + view.getUint32(at, true);
    if (type === elf.STT_FILE) {
      file = name;
      continue;
    }
    const temporary = isTemporary(bytes, name);
    if (temporary && dropTemporary) continue;
    const place = symbolSection(object, i);
    if (place >= 0 ? live[place] !== Live.Live : place !== SymbolPlace.Absolute) continue;
    if (temporary && place >= 0 && role[place] === Role.Merge) continue;
    const index = place < 0 ? elf.SHN_ABS : headerIndex(state, place);
    if (index === 0) continue;
    if (file >= 0) {
      addSymbol(writer, addNameAt(writer, bytes, file, strtabEnd), elf.STT_FILE, 0, elf.SHN_ABS, 0, 0);
      file = -1;
    }
    const offset = elf.readSigned64(view, at + 8);
    const size = elf.readUnsigned64(view, at + 16);
    let value = place < 0 ? offset : sectionOffsetAddress(program, edits, place, offset);
    if (type === elf.STT_TLS) value -= tlsStart;
    const out = addSymbol(
      writer,
      addNameAt(writer, bytes, name, strtabEnd),
      info,
      view.getUint8(at + 5),
      index,
      value,
      edits.shrunk.count === 0 ? size : shrunkSize(context, place, offset, size),
    );
    if (indices) indices[i] = out;
  }
  return indices;
}

/** st_size after relaxation removed bytes from the symbol's code. */
function shrunkSize(context: AddressContext, section: number, value: number, size: number): number {
  if (section < 0 || size === 0 || !context.edits.shrunk.of[section]) return size;
  const { program } = context.state;
  const start = sectionOffsetAddress(program, context.edits, section, value);
  return sectionOffsetAddress(program, context.edits, section, value + size) - start;
}

function addGlobals(
  context: AddressContext,
  writer: Writer,
  indexOf: readonly (Uint32Array | undefined)[],
  hidden: boolean,
  tlsStart: number,
): void {
  const { state, globals } = context;
  const { program } = state;
  const t = program.symbols;
  const outIndex = state.options.emitRelocs ? new Uint32Array(t.names.count) : undefined;
  for (let id = 0; id < t.names.count; id++) {
    const kind = t.kind[id]!;
    if (kind === SymbolKind.None) continue;
    const isHidden = t.visibility[id] === elf.STV_HIDDEN || t.visibility[id] === elf.STV_INTERNAL;
    const defined = kind >= SymbolKind.Defined;
    if ((defined && isHidden) !== hidden) continue;
    // Also weak references that left an archive member alone.
    if (!defined && (t.flags[id]! & SymbolFlag.Referenced) === 0) continue;
    let section: number;
    if (kind === SymbolKind.Defined) {
      if (program.sections.live[t.section[id]!] !== Live.Live) continue;
      section = headerIndex(state, t.section[id]!);
      if (section === 0) continue;
    } else if (kind === SymbolKind.Linker) {
      section = linkerSection(state, id);
    } else {
      section = defined ? elf.SHN_ABS : elf.SHN_UNDEF;
    }
    let value = defined ? globals.address[id]! : 0;
    if (defined && t.type[id] === elf.STT_TLS) value -= tlsStart;
    else if (kind === SymbolKind.Defined && t.type[id] === elf.STT_GNU_IFUNC) {
      value = sectionOffsetAddress(program, context.edits, t.section[id]!, t.value[id]!);
    }
    const size =
      kind === SymbolKind.Defined ? shrunkSize(context, t.section[id]!, t.value[id]!, t.size[id]!) : t.size[id]!;
    const names = t.names;
    const start = names.offset[id]!;
    const name = addName(writer, names.buffers[names.buffer[id]!]!, start, start + names.length[id]!);
    const binding = hidden
      ? elf.STB_LOCAL
      : defined
        ? t.binding[id]!
        : t.binding[id] === elf.STB_WEAK
          ? elf.STB_WEAK
          : elf.STB_GLOBAL;
    const out = addSymbol(
      writer,
      name,
      (binding << 4) | t.type[id]!,
      t.visibility[id]!,
      section,
      value,
      defined ? size : 0,
    );
    if (outIndex) outIndex[id] = out;
  }
  if (!outIndex) return;
  for (const object of program.objects) {
    const indices = indexOf[object.index];
    if (!indices) continue;
    for (let i = object.firstGlobal; i < object.symbolCount; i++) {
      const out = outIndex[program.globalRefs[object.firstGlobalRef + i - object.firstGlobal]!]!;
      if (out !== 0) indices[i] = out;
    }
  }
}

/** Header index for a symbol of the script: its section's, or that of the nearest section kept before it. */
function linkerSection(state: AddressState, id: number): number {
  const known = state.values.get(id);
  if (!known?.section) return elf.SHN_ABS;
  if (known.section.index !== 0) return known.section.index;
  let nearest: OutputSection | undefined;
  for (const output of state.outputs) {
    if (output === known.section) break;
    if (output.index !== 0 && (output.flags & elf.SHF_ALLOC) !== 0) nearest = output;
  }
  return nearest?.index ?? elf.SHN_ABS;
}
