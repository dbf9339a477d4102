/**
 * Variables that hold secrets are gone when a guest has ended, whatever ended it, and so is what it freed: the machine's
 * memory, which a file keeps for longer than the machine runs, has none of it. In the same program built without the wipe it is there.
 */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildProject } from '../../pipeline/build.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { bootHvt } from '../../targets/hvt/boot.ts';
import { bootRiscv } from '../../targets/riscv64/boot.ts';
import { project } from '../pipeline/support.ts';
import { builtOnce } from '../support/built-once.ts';
import { isLong } from '../support/long.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { findTool, requireTools } from '../support/tools.ts';

requireTools('clang', 'qemu-system-riscv64');

/** The secrets are made of the command line's first byte: the image has none of them. */
const source = `#include <solo5.h>
#include <casemate/secrets.h>
#define CASEMATE_HEAP_CODE
#include <casemate/heap.h>
static volatile unsigned char key[32];
volatile unsigned char named[24];
static void fill(volatile unsigned char *to, unsigned size, unsigned from) {
    for (unsigned i = 0; i < size; i++) to[i] = (unsigned char)(from * 7 + i * 37 + (i ^ from) * 3);
}
CASEMATE_KEPT int parity(void) { return (key[3] ^ key[9]) & 1; }
CASEMATE_SECRETS(parity, CASEMATE_SECRET_SYMBOL(key, 32), CASEMATE_RESULT(4), CASEMATE_POLICY(0));
int solo5_app_main(const struct solo5_start_info *info) {
    unsigned from = (unsigned char)info->cmdline[0];
    fill(key, sizeof key, from);
    fill(named, sizeof named, from + 1);
    casemate_heap_init((void *)info->heap_start, info->heap_size);
    unsigned char *block = malloc(40);
    if (block == NULL) return 1;
    fill(block, 40, from + 2);
    free(block);
    const char *text = parity() ? "odd\\n" : "even\\n";
    solo5_console_write(text, 4);
    switch (info->cmdline[1]) {
    case 'a': solo5_abort();
    case 't': __builtin_trap();
    case 'e': solo5_exit(0);
    default: return 0;
    }
}
`;

const FIRST = 65;
const bytesOf = (size: number, from: number): Buffer =>
  Buffer.from(Array.from({ length: size }, (_, i) => (from * 7 + i * 37 + (i ^ from) * 3) & 255));
const secrets = { key: bytesOf(32, FIRST), named: bytesOf(24, FIRST + 1), block: bytesOf(40, FIRST + 2) };

type Target = 'hvt' | 'riscv64';

const built = (target: Target, wipe: boolean, harden: boolean): Promise<string> =>
  builtOnce(['secret-variables', target, wipe, harden], async () => {
    const json = { name: 'ends', target, sources: ['main.c'], ...(harden && { harden: {} }) };
    const own = wipe ? { secrets: { wipe, variables: [{ symbol: 'named', bytes: 24 }] } } : {};
    const folder = project({ 'casemate.json': JSON.stringify({ ...json, ...own }), 'main.c': source });
    const progress = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 1e9 });
    return (await buildProject({ folder, lock: 'verify', progress, proofs: {} })).output;
  });

const folder = temporaryFolder('ends');

/** All memory of the machine once the guest has ended; `way`: how it ends. */
async function memoryAfter(target: Target, image: string, way: string): Promise<Buffer> {
  // What an earlier machine had would still be in it.
  const file = join(folder, 'memory');
  rmSync(file, { force: true });
  const keeping: typeof spawn = ((command: string, args: string[], options: object) => {
    const size = args[args.indexOf('-m') + 1]!;
    const backend = `memory-backend-file,id=kept,size=${size},mem-path=${file},share=on`;
    return spawn(command, [...args, '-object', backend, '-machine', 'memory-backend=kept'], options);
  }) as typeof spawn;
  const host = { find: findTool, spawn: keeping, emulator: join(projectRoot, 'dist/hvt-emulator.elf') };
  const options = { image, memory: 32, timeout: 60, args: [`${String.fromCharCode(FIRST)}${way}`] };
  const result =
    target === 'hvt' ? await bootHvt({ ...options, tender: 'emulator' }, host) : await bootRiscv(options, host);
  expect(result).toMatchObject({ outcome: 'halted', status: way === 'a' || way === 't' ? 255 : 0 });
  expect(result.console).toContain(((secrets.key[3]! ^ secrets.key[9]!) & 1) === 1 ? 'odd\n' : 'even');
  if (way === 'a') expect(result.console).toContain('casemate: ABORT');
  return readFileSync(file);
}

/** Which secrets have any eight bytes of theirs, one after another, in memory. */
const foundIn = (memory: Buffer): string[] =>
  Object.entries(secrets).flatMap(([name, bytes]) => {
    const windows = Array.from({ length: bytes.length - 7 }, (_, i) => bytes.subarray(i, i + 8));
    return windows.some((one) => memory.includes(one)) ? [name] : [];
  });

const ways: readonly (readonly [Target, string, boolean])[] = isLong
  ? (['hvt', 'riscv64'] as const).flatMap((target) =>
      [...'aert'].flatMap((way) => [false, true].map((harden) => [target, way, harden] as const)),
    )
  : [['riscv64', 'a', false]];

describe.each(ways)('a guest for %s that ends by %s (hardened: %s)', (target, way, harden) => {
  it('leaves its secrets in memory without the wipe, and none with it', async () => {
    expect(foundIn(await memoryAfter(target, await built(target, false, harden), way))).toEqual(Object.keys(secrets));
    expect(foundIn(await memoryAfter(target, await built(target, true, harden), way))).toEqual([]);
  });
});
