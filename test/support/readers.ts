/**
 * Other people's readers of our output: readelf, eu-elflint and elfy.
 *
 * Our own reader cannot judge our own writer. What these tools complain about is compared with what they complain
 * about in GNU ld's output from the same inputs, because they also complain about the inputs and about each other's
 * habits; complaints are normalised so that only indices and offsets, never names or kinds, are ignored.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { run } from './run.ts';
import { requireTool } from './tools.ts';

export interface ProgramHeader {
  readonly offset: number;
  readonly vaddr: number;
  readonly paddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
  /** 'R', 'W' and 'X' in this order. */
  readonly flags: string;
}

/** Indices and offsets differ between two linkers' outputs without meaning anything. */
function normalise(complaint: string): string {
  return complaint
    .replace(/\[ *\d+\]/g, '[]')
    .replace(/\b(symbol|relocation|entry|offset|index|chain|bucket) (0x[0-9a-f]+|\d+)/g, '$1 N')
    .replace(/0x[0-9a-f]+/g, '0xN')
    .trim();
}

/** Everything that `readelf -aW` says which is not a dump: its standard error, and remarks inside the dump. */
export async function readelfComplaints(file: string): Promise<string[]> {
  const { status, stdout, stderr } = await run(requireTool('readelf'), ['-aW', file]);
  const remarks = stdout.split('\n').filter((line) => /warning:|error:|<corrupt|<unknown|: unrecognized/i.test(line));
  const failed = status === 0 ? [] : [`exit status ${status}`];
  return [...new Set([...failed, ...stderr.split('\n').filter(Boolean), ...remarks].map(normalise))].sort();
}

/** Everything that `eu-elflint --gnu-ld` says. */
export async function elflintComplaints(file: string): Promise<string[]> {
  const { stdout, stderr } = await run(requireTool('eu-elflint'), ['--gnu-ld', file]);
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line !== '' && line !== 'No errors');
  return [...new Set(lines.map(normalise))].sort();
}

/** Program headers as readelf prints them. */
export async function readelfProgramHeaders(file: string): Promise<ProgramHeader[]> {
  const { stdout } = await run(requireTool('readelf'), ['-lW', file]);
  const line = /^ {2}\S+ +0x(\w+) 0x(\w+) 0x(\w+) 0x(\w+) 0x(\w+) ([R ][W ][E ]) (?:0x)?(\w+)$/gm;
  return [...stdout.matchAll(line)].map(([, offset, vaddr, paddr, filesz, memsz, flags, align]) => ({
    offset: Number.parseInt(offset!, 16),
    vaddr: Number.parseInt(vaddr!, 16),
    paddr: Number.parseInt(paddr!, 16),
    filesz: Number.parseInt(filesz!, 16),
    memsz: Number.parseInt(memsz!, 16),
    align: Number.parseInt(align!, 16),
    flags: flags!.replaceAll(' ', '').replace('E', 'X'),
  }));
}

interface ElfyFile {
  readonly entry: number;
  readonly body: {
    readonly programs: readonly (Omit<ProgramHeader, 'flags'> & { readonly flags: Readonly<Record<string, true>> })[];
  };
}

/** Entry and program headers as elfy reads them; it is trusted with nothing else (its section reader is wrong). */
export function elfyHeaders(file: string): { readonly entry: number; readonly programs: ProgramHeader[] } {
  const elfy = createRequire(import.meta.url)('elfy') as { parse(bytes: Buffer): ElfyFile };
  const parsed = elfy.parse(readFileSync(file));
  const programs = parsed.body.programs.map(({ offset, vaddr, paddr, filesz, memsz, align, flags }) => ({
    offset,
    vaddr,
    paddr,
    filesz,
    memsz,
    align,
    flags: (flags['r'] ? 'R' : '') + (flags['w'] ? 'W' : '') + (flags['x'] ? 'X' : ''),
  }));
  return { entry: parsed.entry, programs };
}
