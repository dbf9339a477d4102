/**
 * Finds and reads a kernel's files.
 *
 * A user names a kernel.elf; its configuration and its labels lie where seL4's build, its installation and the Microkit
 * SDK put them, relative to it. The first place that has a file wins, in a fixed order; what is named outright is taken
 * from nowhere else.
 * Sources: seL4's CMakeLists.txt (gen_config/kernel, generated; `install` to bin and libsel4/include) and Microkit's
 * build_sdk.py (board/BOARD/CONFIG/elf/sel4.elf, include/kernel, invocations_all.json, platform_gen.json).
 */
import { dirname, join } from 'node:path';
import { fail, printable } from '../../base/errors.ts';
import { readFile, readFileIfPresent } from '../../base/files.ts';
import { type Kernel, parseKernel } from './kernel.ts';
import type { NamedText } from './kernel-config.ts';

export interface KernelPaths {
  /** A gen_config.json or gen_config.h, when it does not lie beside the kernel. */
  readonly genConfig?: string;
  readonly invocations?: string;
}

/** Larger than any kernel; a file of this size is something else. */
const mostBytes = 64 * 2 ** 20;

const configPlaces = [
  ...['gen_config.json', 'gen_config/kernel/gen_config.json', '../include/kernel/gen_config.json'],
  ...['../libsel4/include/kernel/gen_config.json', 'gen_config.h', 'gen_config/kernel/gen_config.h'],
  ...['../include/kernel/gen_config.h', '../libsel4/include/kernel/gen_config.h'],
];
const platformPlaces = ['platform_gen.json', 'gen_headers/plat/machine/platform_gen.json', '../platform_gen.json'];
const labelPlaces = ['invocations_all.json', 'generated/invocations_all.json', '../invocations_all.json'];

function textOf(path: string, bytes: Uint8Array): NamedText {
  try {
    return { name: path, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return fail('kernel', `${printable(path)}: not UTF-8 text`);
  }
}

function findIfPresent(kernel: string, places: readonly string[]): NamedText | undefined {
  for (const place of places) {
    const path = join(dirname(kernel), place);
    const bytes = readFileIfPresent(path);
    if (bytes !== undefined) return textOf(path, bytes);
  }
  return undefined;
}

function find(kernel: string, named: string | undefined, places: readonly string[], option: string): NamedText {
  if (named !== undefined) return textOf(named, readFile(named));
  const found = findIfPresent(kernel, places);
  if (found !== undefined) return found;
  const where = `${places.length} places around it, ${places[0]} first`;
  return fail('kernel', `${printable(kernel)}: no ${places[0]} found (looked in ${where}); name it with ${option}`);
}

/** Reads the kernel at `path` with its configuration and labels. */
export function readKernel(path: string, paths: KernelPaths = {}): Kernel {
  const elf = readFile(path);
  if (elf.length > mostBytes)
    fail('limit', `${printable(path)}: ${elf.length} bytes; a kernel has at most ${mostBytes}`);
  const platform = findIfPresent(path, platformPlaces);
  return parseKernel({
    name: path,
    elf,
    genConfig: find(path, paths.genConfig, configPlaces, '--gen-config'),
    invocations: find(path, paths.invocations, labelPlaces, '--invocations'),
    ...(platform && { platform }),
  });
}
