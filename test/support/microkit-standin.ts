/**
 * Our stand-in for Microkit's tool and initialiser (test/microkit-standin): a generated system becomes a root task for a
 * real kernel that makes its protection domain as Microkit would.
 *
 * Of the tool it does what concerns one domain: it reads the system file, writes the symbols that it must set into the program,
 * and lists what to map. It follows the tool's source and nothing of ours but the readers of ELF and XML.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as elf from '../../linker/elf.ts';
import { type ElfFile, readElfFile } from '../../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../../linker/elf-symbols.ts';
import { manifestNoteObject } from '../../targets/hvt/notes.ts';
import { drawAddresses } from '../../targets/sel4/addresses.ts';
import { rootImage } from '../../targets/sel4/image.ts';
import type { Kernel } from '../../targets/sel4/kernel.ts';
import { sel4Layout } from '../../targets/sel4/layout.ts';
import { sel4Platform } from '../../targets/sel4/platform.ts';
import { projectRoot, temporaryFolder } from './paths.ts';
import { inParallel, runOrThrow } from './run.ts';
import { casemateLd } from './toolchain.ts';
import { requireTool } from './tools.ts';
import { readXml, type Xml } from './xml.ts';

const folder = join(projectRoot, 'test/microkit-standin');

interface Piece {
  readonly address: bigint;
  readonly size: number;
  readonly rights: string;
  readonly contents?: Uint8Array;
  readonly isLarge?: boolean;
  readonly isDevice?: boolean;
}

const attribute = (xml: Xml, name: string): string => xml.attributes.get(name) ?? '';
const children = (xml: Xml, name: string): Xml[] => xml.children.filter((each) => each.name === name);

/** Writes words into a program by the names of symbols, as patch_symbols does. */
function patched(program: Uint8Array, file: ElfFile, values: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const bytes = program.slice();
  const symbols = readElfSymbols(file, symbolTables(file)[0]!, 'program');
  for (const [name, value] of values) {
    const found = symbols.filter((symbol) => symbol.name === name);
    if (found.length !== 1) throw new Error(`${found.length} symbols ${name}`);
    const { value: at, size } = found[0]!;
    if (value.length > Number(size)) throw new Error(`${name} has ${size} bytes, not ${value.length}`);
    const segment = file.segments.find(
      ({ address, fileSize }) => at >= address && at + size <= address + BigInt(fileSize),
    );
    if (segment === undefined) throw new Error(`${name} lies in no segment's contents`);
    bytes.set(value, segment.offset + Number(at - segment.address));
  }
  return bytes;
}

const word = (value: bigint): Uint8Array => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};

/** What a region holds at first: its file, or for x86-64's clock what an initialiser would find in BootInfo. */
function contentsOf(region: Xml, system: string): Uint8Array | undefined {
  const path = region.attributes.get('prefill_path');
  if (path !== undefined) return readFileSync(join(system, path));
  return region.attributes.get('prefill_bootinfo') === 'x86_tsc_freq' ? Uint8Array.from([0xe8, 3, 0, 0]) : undefined;
}

/** The domain's program with its symbols set, and all that is to be mapped for it. */
function planOf(system: string, name: string): { pieces: Piece[]; entry: bigint } {
  const root = readXml(readFileSync(join(system, `${name}.system`), 'utf8'));
  const [domain] = children(root, 'protection_domain');
  const regions = new Map(children(root, 'memory_region').map((each) => [attribute(each, 'name'), each]));
  const program = readFileSync(join(system, attribute(children(domain!, 'program_image')[0]!, 'path')));
  const file = readElfFile(program, 'program');
  const values = new Map<string, Uint8Array>([['microkit_name', Buffer.from(attribute(domain!, 'name'))]]);
  const pieces: Piece[] = [];
  for (const map of children(domain!, 'map')) {
    const region = regions.get(attribute(map, 'mr'))!;
    const size = Number(attribute(region, 'size'));
    const address = BigInt(attribute(map, 'vaddr'));
    const contents = contentsOf(region, system);
    pieces.push({
      ...{ address, size, rights: attribute(map, 'perms'), isLarge: attribute(region, 'page_size') === '0x200000' },
      ...(contents && { contents }),
    });
    for (const [key, value] of [
      ['setvar_vaddr', address],
      ['setvar_size', BigInt(size)],
    ] as const)
      if (map.attributes.has(key)) values.set(attribute(map, key), word(value));
  }
  const set = patched(program, file, values);
  for (const { type, flags, address, offset, fileSize, memorySize } of file.segments) {
    if (type !== elf.PT_LOAD) continue;
    const rights = `${flags & 4 ? 'r' : ''}${flags & 2 ? 'w' : ''}${flags & 1 ? 'x' : ''}`;
    pieces.push({ address, size: memorySize, rights, contents: set.subarray(offset, offset + fileSize) });
  }
  return { pieces, entry: file.header.entry };
}

/** The table in C, with contents from files beside it. */
function tableOf({ pieces, entry }: ReturnType<typeof planOf>, to: string): string {
  const rows: string[] = [];
  const blobs = pieces.map(({ address, size, rights, contents, isLarge, isDevice }, i) => {
    const path = join(to, `piece${i}`);
    writeFileSync(path, contents ?? new Uint8Array(0));
    const flags = ['r', 'w', 'x'].map((right) => rights.includes(right)).concat([isLarge === true, isDevice === true]);
    rows.push(`{${address}u, ${size}u, piece${i}, ${contents?.length ?? 0}u, ${flags.join(', ')}}`);
    return `__asm__(".section .rodata.piece${i},\\"a\\"\\n.globl piece${i}\\npiece${i}: .incbin \\"${path}\\"\\n.previous");\nextern const char piece${i}[];`;
  });
  const table = `const struct piece pieces[] = {${rows.join(',\n')}};\nconst size_t piece_count = ${rows.length};`;
  return `#include "pieces.h"\n${blobs.join('\n')}\n${table}\nconst uint64_t program_entry = ${entry}u;\n`;
}

const emulations = { 'x86-64': 'elf_x86_64', riscv64: 'elf64lriscv', aarch64: 'aarch64linux' } as const;
const noteMachines = {
  'x86-64': { machine: elf.EM_X86_64, flags: 0 },
  riscv64: { machine: elf.EM_RISCV, flags: elf.EF_RISCV_RVC | elf.EF_RISCV_FLOAT_ABI_DOUBLE },
  aarch64: { machine: elf.EM_AARCH64, flags: 0 },
} as const;

/** A root image that makes the domain of the system NAME.system in a folder; its path. */
export async function standInFor(kernel: Kernel, system: string, name: string): Promise<string> {
  const to = temporaryFolder('microkit-standin');
  const platform = sel4Platform(kernel);
  writeFileSync(join(to, 'table.c'), tableOf(planOf(system, name), to));
  const theirs = platform.sources.filter((file) => !file.endsWith('/stage0.c')).map((file) => join(projectRoot, file));
  const watch = join(projectRoot, 'targets/sel4/first-stage/watch.c');
  const sources = [...theirs, watch, join(folder, 'initialiser.c'), join(to, 'table.c')];
  const includes = [platform.include, ...platform.headers].map((each) => `-I${join(projectRoot, each)}`);
  const flags = [...platform.cflags, ...platform.platformCflags, ...includes, `-I${folder}`, '-mcmodel=medany'];
  const clang = requireTool('clang');
  const own = kernel.machine === 'riscv64' ? flags : flags.filter((flag) => flag !== '-mcmodel=medany');
  const objects = await inParallel(
    sources.map((source, i) => async () => {
      const object = join(to, `${i}-${basename(source)}.o`);
      await runOrThrow(clang, [...own, '-c', source, '-o', object]);
      return object;
    }),
  );
  const notes = join(to, 'notes.o');
  writeFileSync(notes, manifestNoteObject([], noteMachines[kernel.machine]));
  const addresses = drawAddresses(Buffer.alloc(32, 9), kernel.userTop);
  const script = join(to, 'layout.ld');
  writeFileSync(script, sel4Layout({ base: addresses.image, stack: 1 << 16 }));
  const linked = join(to, 'linked.elf');
  const options = [
    '-m',
    emulations[kernel.machine],
    '-T',
    script,
    '-e',
    '_start',
    '--gc-sections',
    '-z',
    'max-page-size=4096',
  ];
  await runOrThrow(process.execPath, [casemateLd, ...options, '-o', linked, ...objects, notes]);
  const request = { kernel, addresses, heapSize: 2 ** 21, executeOnly: 'never', aslr: 'build' } as const;
  const image = join(to, 'initialiser.sel4');
  writeFileSync(image, rootImage(readFileSync(linked), 'initialiser', request).bytes);
  return image;
}
