/**
 * The images of the slide benchmark: programs that nobody here wrote, with megabytes of code, linked as hvt images.
 *
 * They are the linker's cases `openssl` and `command` with static glibc, at hvt's address and with the tender's notes. No
 * tender would run them to their end, since they make system calls; but they are linked completely, every reference has
 * its definition, and what lld makes of the same objects is run on the host, where that address is free as well.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runLinker } from '../../cli/ld/main.ts';
import { withSlideSection } from '../../hardening/slide/attach.ts';
import * as elf from '../../linker/elf.ts';
import { readElfFile } from '../../linker/elf-file.ts';
import type { LinkedImage } from '../../linker/image.ts';
import { link } from '../../linker/link.ts';
import { defaultHardening, hardenImage } from '../../targets/hvt/harden.ts';
import { movableParts } from '../../targets/hvt/movable.ts';
import { hvtNotesObject } from '../../targets/hvt/notes.ts';
import { hvtPlatform } from '../../targets/hvt/platform.ts';
import { textPlan } from '../../targets/hvt/text-plan.ts';
import { cacheFolder } from '../../test/support/paths.ts';
import { type BenchCase, benchCases } from './cases.ts';

export interface SlideCase {
  readonly name: string;
  /** Linker arguments without the program name and without -o, the same for every linker. */
  readonly args: readonly string[];
  readonly verify: BenchCase['verify'];
  /** Paths of the image as linked, with its slide section, and hardened. */
  readonly stock: string;
  readonly hardened: string;
  /** Bytes of all PT_LOADs of the hardened image in memory. */
  readonly loadedBytes: number;
  /** Units of code that change places, and fields that hold addresses or distances. */
  readonly units: number;
  readonly fields: number;
}

/** Links in this process, as casemate-ld would, with room for the stub's program headers. */
function linkHvt(args: readonly string[], output: string): LinkedImage {
  let image: LinkedImage | undefined;
  let messages = '';
  runLinker(
    [...args, '-o', output],
    (request) => {
      const result = link({ ...request, options: { ...request.options, spareSegments: 2 } });
      image = result.image;
      return { bytes: image.bytes, warnings: result.warnings, notes: [], mapText: undefined };
    },
    {
      out: () => {},
      error: (text) => {
        messages += text;
      },
    },
  );
  if (image === undefined) throw new Error(messages);
  return image;
}

function makeCase({ name, args, verify }: BenchCase): SlideCase {
  const folder = cacheFolder('bench/slide');
  const short = name.split(':')[0]!;
  const notes = join(folder, 'notes.o');
  writeFileSync(notes, hvtNotesObject([]));
  const hvtArgs = [
    ...args,
    notes,
    `--image-base=${hvtPlatform.imageBase}`,
    '-z',
    'max-page-size=4096',
    '--build-id=none',
    '--strip-debug',
  ];
  const stock = join(folder, `${short}.hvt`);
  writeFileSync(stock, withSlideSection(linkHvt(hvtArgs, stock), stock));
  const hardened = join(folder, `${short}-hardened.hvt`);
  writeFileSync(hardened, hardenImage(readFileSync(stock), stock, defaultHardening).bytes);
  const file = readElfFile(readFileSync(hardened), hardened);
  const { info, reason } = movableParts(file, hardened);
  if (info === undefined) throw new Error(`${hardened}: ${reason}`);
  return {
    name,
    args: hvtArgs,
    verify,
    stock,
    hardened,
    loadedBytes: file.segments.reduce((sum, { type, memorySize }) => sum + (type === elf.PT_LOAD ? memorySize : 0), 0),
    units: textPlan(info)?.shuffled.length ?? 0,
    fields: info.groups.reduce((sum, { offsets }) => sum + offsets.length, 0),
  };
}

/** The cases in the order of the table. */
export async function slideCases(): Promise<SlideCase[]> {
  return (await benchCases('openssl,command')).map(makeCase);
}
