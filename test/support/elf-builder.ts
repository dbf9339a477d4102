/**
 * Writes small relocatable objects and archives field by field, well-formed or not.
 *
 * Compilers only make good objects; a test of a hostile one needs to choose every field. The builder lays sections out
 * one after another, adds the string tables, and lets the caller overwrite any header field afterwards.
 */

export const SHT = {
  PROGBITS: 1,
  SYMTAB: 2,
  STRTAB: 3,
  RELA: 4,
  NOTE: 7,
  NOBITS: 8,
  INIT_ARRAY: 14,
  GROUP: 17,
  SYMTAB_SHNDX: 18,
} as const;
export const SHF = {
  WRITE: 1,
  ALLOC: 2,
  EXEC: 4,
  MERGE: 16,
  STRINGS: 32,
  LINK_ORDER: 128,
  GROUP: 512,
  TLS: 1024,
  COMPRESSED: 2048,
} as const;
export const EM = { X86_64: 62, RISCV: 243, AARCH64: 183 } as const;

export interface BuiltSection {
  readonly name: string;
  readonly type?: number;
  readonly flags?: number | bigint;
  readonly bytes?: Uint8Array;
  /** sh_size when it is not the number of bytes. */
  readonly size?: number | bigint;
  readonly offset?: number | bigint;
  readonly link?: number;
  readonly info?: number;
  readonly align?: number | bigint;
  readonly entsize?: number | bigint;
}

export interface BuiltSymbol {
  readonly name: string | number;
  /** bind * 16 + type; default global (1) object-less. */
  readonly info?: number;
  readonly other?: number;
  readonly section?: number;
  readonly value?: number | bigint;
  readonly size?: number | bigint;
}

export interface BuiltRelocation {
  readonly offset: number | bigint;
  readonly type: number;
  readonly symbol: number;
  readonly addend?: number | bigint;
}

export interface BuiltObject {
  readonly machine?: number;
  readonly type?: number;
  readonly flags?: number;
  /** Sections 1, 2, ... The symbol table, its strings and the section names follow them. */
  readonly sections: readonly BuiltSection[];
  /** Symbols 1, 2, ...; locals (info below 16) must come first. */
  readonly symbols?: readonly BuiltSymbol[];
  /** Last touch on the finished bytes: `headers` is the offset of the section header table. */
  readonly patch?: (bytes: Buffer, headers: number) => void;
}

const wrap = (value: number | bigint): bigint => BigInt.asUintN(64, BigInt(value));

/** Bytes of RELA entries. */
export function relocations(entries: readonly BuiltRelocation[]): Buffer {
  const bytes = Buffer.alloc(24 * entries.length);
  entries.forEach(({ offset, type, symbol, addend = 0 }, i) => {
    bytes.writeBigUInt64LE(wrap(offset), 24 * i);
    bytes.writeUInt32LE(type, 24 * i + 8);
    bytes.writeUInt32LE(symbol, 24 * i + 12);
    bytes.writeBigUInt64LE(wrap(addend), 24 * i + 16);
  });
  return bytes;
}

/** Bytes of 32-bit little-endian words. */
export function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32LE(value >>> 0, 4 * i);
  });
  return bytes;
}

/** Index that the symbol table gets: after the caller's sections. */
export const symtabIndex = (object: Pick<BuiltObject, 'sections'>): number => object.sections.length + 1;

function stringTable(names: readonly string[]): { bytes: Buffer; offsets: number[] } {
  const parts = [Buffer.from([0])];
  const offsets: number[] = [];
  let size = 1;
  for (const name of names) {
    const part = Buffer.from(`${name}\0`, 'latin1');
    offsets.push(name === '' ? 0 : size);
    parts.push(part);
    size += part.length;
  }
  return { bytes: Buffer.concat(parts), offsets };
}

/** The object's bytes. Section numbers: the caller's from 1, then .symtab, .strtab, .shstrtab. */
export function buildObject(object: BuiltObject): Buffer {
  const symbols = object.symbols ?? [];
  const strings = stringTable(symbols.map(({ name }) => (typeof name === 'string' ? name : '')));
  const table = Buffer.alloc(24 * (symbols.length + 1));
  symbols.forEach(({ name, info = 16, other = 0, section = 0, value = 0, size = 0 }, i) => {
    const at = 24 * (i + 1);
    table.writeUInt32LE(typeof name === 'number' ? name : strings.offsets[i]!, at);
    table.writeUInt8(info, at + 4);
    table.writeUInt8(other, at + 5);
    table.writeUInt16LE(section, at + 6);
    table.writeBigUInt64LE(wrap(value), at + 8);
    table.writeBigUInt64LE(wrap(size), at + 16);
  });
  const locals = symbols.filter(({ info = 16 }) => info < 16).length;
  const index = symtabIndex(object);
  const tables: BuiltSection[] = [
    { name: '.symtab', type: SHT.SYMTAB, bytes: table, link: index + 1, info: locals + 1, align: 8, entsize: 24 },
    { name: '.strtab', type: SHT.STRTAB, bytes: strings.bytes, align: 1 },
  ];
  const named = [...object.sections, ...tables, { name: '.shstrtab', type: SHT.STRTAB, align: 1 }];
  const names = stringTable(named.map(({ name }) => name));
  const all: BuiltSection[] = [...named.slice(0, -1), { ...named.at(-1)!, bytes: names.bytes }];

  const parts: Buffer[] = [Buffer.alloc(64)];
  let size = 64;
  const headers = Buffer.alloc(64 * (all.length + 1));
  all.forEach((section, i) => {
    const bytes = section.bytes ?? new Uint8Array();
    const pad = -size & 7;
    parts.push(Buffer.alloc(pad), Buffer.from(bytes));
    const at = 64 * (i + 1);
    headers.writeUInt32LE(names.offsets[i]!, at);
    headers.writeUInt32LE((section.type ?? SHT.PROGBITS) >>> 0, at + 4);
    headers.writeBigUInt64LE(wrap(section.flags ?? 0), at + 8);
    headers.writeBigUInt64LE(wrap(section.offset ?? size + pad), at + 24);
    headers.writeBigUInt64LE(wrap(section.size ?? bytes.length), at + 32);
    headers.writeUInt32LE((section.link ?? 0) >>> 0, at + 40);
    headers.writeUInt32LE((section.info ?? 0) >>> 0, at + 44);
    headers.writeBigUInt64LE(wrap(section.align ?? 1), at + 48);
    headers.writeBigUInt64LE(wrap(section.entsize ?? 0), at + 56);
    size += pad + bytes.length;
  });
  const pad = -size & 7;
  const bytes = Buffer.concat([...parts, Buffer.alloc(pad), headers]);
  bytes.write('\x7fELF', 0, 'latin1');
  bytes.set([2, 1, 1], 4);
  bytes.writeUInt16LE(object.type ?? 1, 16);
  bytes.writeUInt16LE(object.machine ?? EM.X86_64, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(BigInt(size + pad), 40);
  bytes.writeUInt32LE(object.flags ?? (object.machine === EM.RISCV ? 5 : 0), 48);
  bytes.writeUInt16LE(64, 52);
  bytes.writeUInt16LE(64, 58);
  bytes.writeUInt16LE((all.length + 1) & 0xffff, 60);
  bytes.writeUInt16LE(all.length & 0xffff, 62);
  object.patch?.(bytes, size + pad);
  return bytes;
}

export interface BuiltMember {
  /** As it stands in ar_name, padded to 16: `x.o/`, `/`, `//`, `/0`. */
  readonly name: string;
  readonly bytes?: Uint8Array;
  /** ar_size when it is not the number of bytes. */
  readonly size?: string;
  readonly end?: string;
}

/** An archive of `members`; `thin` changes the magic only. */
export function buildArchive(members: readonly BuiltMember[], thin = false): Buffer {
  const parts: Buffer[] = [Buffer.from(thin ? '!<thin>\n' : '!<arch>\n')];
  for (const { name, bytes = new Uint8Array(), size, end = '`\n' } of members) {
    const numbers = `${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'644'.padEnd(8)}`;
    const header = `${name.padEnd(16).slice(0, 16)}${numbers}${(size ?? String(bytes.length)).padEnd(10)}${end}`;
    parts.push(Buffer.from(header, 'latin1'), Buffer.from(bytes), Buffer.from(bytes.length % 2 === 1 ? '\n' : ''));
  }
  return Buffer.concat(parts);
}

/** A SysV symbol index: big-endian count, offsets, then names. */
export function symbolIndex(
  entries: readonly { readonly name: string; readonly offset: number }[],
  count?: number,
): Buffer {
  const head = Buffer.alloc(4 + 4 * entries.length);
  head.writeUInt32BE((count ?? entries.length) >>> 0, 0);
  entries.forEach(({ offset }, i) => {
    head.writeUInt32BE(offset >>> 0, 4 + 4 * i);
  });
  return Buffer.concat([head, ...entries.map(({ name }) => Buffer.from(`${name}\0`, 'latin1'))]);
}
