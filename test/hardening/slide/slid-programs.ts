/**
 * Programs that are linked in this process, slid and run on the host: what runs the same in every layout was moved
 * correctly, whatever our own checks think.
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runLinker } from '../../../cli/ld/main.ts';
import { slideInfoFromLink } from '../../../hardening/slide/from-link.ts';
import type { SlideInfo } from '../../../hardening/slide/slide-info.ts';
import { type ElfFile, readElfFile } from '../../../linker/elf-file.ts';
import type { LinkedImage } from '../../../linker/image.ts';
import { link } from '../../../linker/link.ts';
import { writeElfFile } from '../../../linker/write-elf-file.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { type RunResult, run, runOrThrow } from '../../support/run.ts';
import { requireTool, type Tool } from '../../support/tools.ts';

/** The arguments that a compiler driver gives its linker for `args`. */
export async function linkerArguments(driver: Tool, args: readonly string[]): Promise<string[]> {
  const folder = temporaryFolder('capture');
  const record = join(folder, 'arguments');
  writeFileSync(join(folder, 'ld'), `#!/bin/sh\nprintf '%s\\n' "$@" > '${record}'\n`);
  chmodSync(join(folder, 'ld'), 0o755);
  await runOrThrow(requireTool(driver), [`-B${folder}/`, ...args]);
  const all = readFileSync(record, 'utf8').split('\n').slice(0, -1);
  return all.filter((arg, i) => arg !== '-o' && all[i - 1] !== '-o');
}

/** Links in this process. */
export function linkImage(args: readonly string[]): LinkedImage {
  let image: LinkedImage | undefined;
  let stderr = '';
  const output = join(temporaryFolder('linked'), 'out');
  runLinker(
    [...args, '-o', output],
    (request) => {
      const result = link(request);
      image = result.image;
      return { bytes: image.bytes, warnings: result.warnings, notes: [], mapText: undefined };
    },
    {
      out: () => {},
      error: (text) => {
        stderr += text;
      },
    },
  );
  if (!image) throw new Error(stderr);
  return image;
}

export interface Linked {
  readonly image: LinkedImage;
  readonly file: ElfFile;
  readonly info: SlideInfo;
}

export function linkedProgram(args: readonly string[]): Linked {
  const image = linkImage(args);
  return { image, file: readElfFile(image.bytes, 'base'), info: slideInfoFromLink(image) };
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Loaded bytes, by address of the segment; headers of the file left out where a segment holds them. */
export function loadedBytes(file: ElfFile): { address: bigint; data: Uint8Array }[] {
  const bytes = writeElfFile(file);
  const headers = file.header.programHeadersOffset + file.segments.length * 56;
  return file.segments
    .filter(({ type, memorySize }) => type === 1 && memorySize > 0)
    .map(({ address, offset, fileSize }) => {
      const data = bytes.slice(offset, offset + fileSize);
      if (offset === 0) data.fill(0, 0, Math.min(headers, fileSize));
      return { address, data };
    });
}

export async function runElf(file: ElfFile, args: readonly string[] = []): Promise<RunResult> {
  const folder = temporaryFolder('slid');
  const path = join(folder, 'program');
  writeFileSync(path, writeElfFile(file));
  chmodSync(path, 0o755);
  return run(path, args, { cwd: folder, timeout: 90_000 });
}
