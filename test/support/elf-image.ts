/**
 * Writes small ELF images field by field: program headers and what they load, and no sections unless asked for.
 *
 * The counterpart of elf-builder.ts for finished images. Every field can be chosen, so that a test can break one rule of
 * a loader and keep the others.
 */
export const PT = { NULL: 0, LOAD: 1, DYNAMIC: 2, INTERP: 3, NOTE: 4, TLS: 7, GNU_STACK: 0x6474e551 } as const;
export const PF = { X: 1, W: 2, R: 4 } as const;
export const ET = { REL: 1, EXEC: 2, DYN: 3 } as const;

export interface BuiltSegment {
  /** Default: PT_LOAD. */
  readonly type?: number;
  readonly flags: number;
  readonly address: number | bigint;
  /** Default: the same as the address. */
  readonly loadAddress?: number | bigint;
  readonly bytes?: Uint8Array;
  /** p_filesz and p_memsz when they are not the number of bytes. */
  readonly fileSize?: number | bigint;
  readonly memorySize?: number | bigint;
  readonly offset?: number | bigint;
  readonly align?: number | bigint;
}

export interface BuiltImage {
  readonly machine: number;
  readonly type?: number;
  readonly flags?: number;
  readonly entry?: number | bigint;
  readonly segments: readonly BuiltSegment[];
  /** Symbols of a .symtab; sections are only written when there are some, or `sections`. */
  readonly symbols?: readonly { readonly name: string; readonly value?: number | bigint; readonly size?: number }[];
  readonly sections?: readonly {
    readonly name: string;
    readonly type: number;
    readonly flags?: number;
    readonly address?: number | bigint;
    readonly bytes?: Uint8Array;
    /** Offset in the file when the section lies in a segment; its bytes are then not written again. */
    readonly offset?: number;
    readonly size?: number;
  }[];
  readonly patch?: (bytes: Buffer) => void;
}

const wrap = (value: number | bigint): bigint => BigInt.asUintN(64, BigInt(value));

/** Where the contents of segment `i` lie: each on a page of its own. */
export const segmentOffset = (image: Pick<BuiltImage, 'segments'>, i: number): number => {
  let at = 4096;
  for (const { bytes } of image.segments.slice(0, i)) at += Math.ceil((bytes?.length ?? 0) / 4096) * 4096;
  return at;
};

function sectionsOf(image: BuiltImage, start: number): { bytes: Buffer; offset: number; count: number } | undefined {
  const { symbols, sections = [] } = image;
  if (symbols === undefined && sections.length === 0) return undefined;
  let strings = '\0';
  const table = Buffer.alloc(24 * ((symbols?.length ?? 0) + 1));
  symbols?.forEach(({ name, value = 0, size = 0 }, i) => {
    const at = 24 * (i + 1);
    table.writeUInt32LE(strings.length, at);
    table.writeUInt8(0x11, at + 4);
    table.writeUInt16LE(0xfff1, at + 6);
    table.writeBigUInt64LE(wrap(value), at + 8);
    table.writeBigUInt64LE(BigInt(size), at + 16);
    strings += `${name}\0`;
  });
  const all: {
    name: string;
    type: number;
    flags?: number;
    address?: number | bigint;
    offset?: number;
    size?: number;
    bytes?: Uint8Array;
    link?: number;
    info?: number;
    entsize?: number;
  }[] = [...sections];
  if (symbols !== undefined) {
    all.push({ name: '.symtab', type: 2, bytes: table, link: all.length + 2, info: 1, entsize: 24 });
    all.push({ name: '.strtab', type: 3, bytes: Buffer.from(strings, 'latin1') });
  }
  const names = `\0${[...all.map(({ name }) => name), '.shstrtab'].join('\0')}\0`;
  all.push({ name: '.shstrtab', type: 3, bytes: Buffer.from(names, 'latin1') });
  const headers = Buffer.alloc(64 * (all.length + 1));
  const parts: Buffer[] = [];
  let at = start;
  all.forEach(({ name, type, flags = 0, address = 0, offset, size, bytes, link = 0, info = 0, entsize = 0 }, i) => {
    const header = 64 * (i + 1);
    headers.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, header);
    headers.writeUInt32LE(type, header + 4);
    headers.writeBigUInt64LE(BigInt(flags), header + 8);
    headers.writeBigUInt64LE(wrap(address), header + 16);
    headers.writeBigUInt64LE(BigInt(offset ?? at), header + 24);
    headers.writeBigUInt64LE(BigInt(size ?? bytes?.length ?? 0), header + 32);
    headers.writeUInt32LE(link, header + 40);
    headers.writeUInt32LE(info, header + 44);
    headers.writeBigUInt64LE(1n, header + 48);
    headers.writeBigUInt64LE(BigInt(entsize), header + 56);
    if (offset === undefined && bytes !== undefined) {
      parts.push(Buffer.from(bytes));
      at += bytes.length;
    }
  });
  const pad = -at & 7;
  return { bytes: Buffer.concat([...parts, Buffer.alloc(pad), headers]), offset: at + pad, count: all.length + 1 };
}

/** The image's bytes: header, program headers, then each segment's contents on a page of its own, then sections. */
export function buildImage(image: BuiltImage): Buffer {
  const { segments } = image;
  const end = segmentOffset(image, segments.length);
  const sections = sectionsOf(image, end);
  const bytes = Buffer.concat([Buffer.alloc(end), sections?.bytes ?? Buffer.alloc(0)]);
  bytes.write('\x7fELF', 0, 'latin1');
  bytes.set([2, 1, 1], 4);
  bytes.writeUInt16LE(image.type ?? ET.EXEC, 16);
  bytes.writeUInt16LE(image.machine, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(wrap(image.entry ?? segments[0]?.address ?? 0), 24);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt32LE(image.flags ?? 0, 48);
  for (const [at, value] of [
    [52, 64],
    [54, 56],
    [56, segments.length],
    [58, 64],
  ] as const) {
    bytes.writeUInt16LE(value, at);
  }
  if (sections !== undefined) {
    bytes.writeBigUInt64LE(BigInt(sections.offset), 40);
    bytes.writeUInt16LE(sections.count, 60);
    bytes.writeUInt16LE(sections.count - 1, 62);
  }
  segments.forEach((segment, i) => {
    const at = 64 + 56 * i;
    const content = segment.bytes ?? new Uint8Array(0);
    const offset = segmentOffset(image, i);
    bytes.set(content, offset);
    bytes.writeUInt32LE((segment.type ?? PT.LOAD) >>> 0, at);
    bytes.writeUInt32LE(segment.flags, at + 4);
    bytes.writeBigUInt64LE(wrap(segment.offset ?? offset), at + 8);
    bytes.writeBigUInt64LE(wrap(segment.address), at + 16);
    bytes.writeBigUInt64LE(wrap(segment.loadAddress ?? segment.address), at + 24);
    bytes.writeBigUInt64LE(wrap(segment.fileSize ?? content.length), at + 32);
    bytes.writeBigUInt64LE(wrap(segment.memorySize ?? content.length), at + 40);
    bytes.writeBigUInt64LE(wrap(segment.align ?? 4096), at + 48);
  });
  image.patch?.(bytes);
  return bytes;
}
