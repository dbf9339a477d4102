/**
 * Where the canary is and who would overwrite it, in start-up code like Solo5's, as compilers make it of C.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readElfFile } from '../../../../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../../../../linker/elf-symbols.ts';
import { bytesAt, findCanary } from '../../../../targets/hvt/stage0/canary.ts';
import { temporaryFolder } from '../../../support/paths.ts';
import { runOrThrow } from '../../../support/run.ts';
import { requireTool, type Tool } from '../../../support/tools.ts';

/** The guard is set from two readings of the counter, then functions are called whose results are stored too. */
const startUp = `
typedef unsigned long u64;
u64 __stack_chk_guard = 0x00deadbeef0d0a00;
u64 other;
__attribute__((noinline)) u64 work(u64 x) { __asm__ volatile("" : "+r"(x)); return x + 1; }
static inline u64 counter(void) { unsigned l, h; __asm__ volatile("rdtsc" : "=a"(l), "=d"(h)); return l | (u64)h << 32; }
void _start(void *boot) {
  u64 first = counter();
  __stack_chk_guard = ((first << 32) | counter()) & ~0xff00ul;
  other = work((u64)boot);
  for (;;) __asm__ volatile("hlt");
}`;

async function built(compiler: Tool, source: string, stripped: boolean) {
  const folder = temporaryFolder('canary');
  writeFileSync(join(folder, 'a.c'), source);
  const flags = [
    '-O2',
    '-ffreestanding',
    '-fno-stack-protector',
    '-fno-pic',
    '-mno-red-zone',
    '-c',
    'a.c',
    '-o',
    'a.o',
  ];
  await runOrThrow(requireTool(compiler), flags, { cwd: folder });
  const link = [...(stripped ? ['-s'] : []), '-z', 'max-page-size=4096', '-Ttext=0x100000', '-o', 'a', 'a.o'];
  await runOrThrow(requireTool('ld'), link, { cwd: folder });
  const bytes = readFileSync(join(folder, 'a'));
  const file = readElfFile(bytes, 'a');
  return { file, bytes, canary: findCanary(file, bytes, 'a') };
}

describe('start-up code that sets the guard from the counter', () => {
  it.each(['gcc', 'clang'] as const)('is found in what %s makes of it, with and without symbols', async (compiler) => {
    const named = await built(compiler, startUp, false);
    const symbols = symbolTables(named.file).flatMap((table) => readElfSymbols(named.file, table, 'a'));
    const guard = Number(symbols.find(({ name }) => name === '__stack_chk_guard')!.value);
    expect(named.canary).toMatchObject({ address: guard, reason: '' });
    expect(named.canary.store).toBeDefined();
    const stripped = await built(compiler, startUp, true);
    expect(stripped.canary).toEqual(named.canary);
  });

  it('is left alone when it stores the value in two places', async () => {
    const twice = startUp.replace('other = work', 'other = first; __asm__ volatile("" ::: "memory"); other = work');
    const { canary } = await built('gcc', twice, true);
    expect(canary).toMatchObject({ address: 0, reason: expect.stringContaining('no symbol __stack_chk_guard') });
  });

  it('is not seen in code that reads the counter once, or stores before', async () => {
    const once = startUp.replace('(first << 32) | counter()', 'first');
    expect((await built('gcc', once, true)).canary.address).toBe(0);
    const named = await built('gcc', once, false);
    expect(named.canary.address).toBeGreaterThan(0);
    expect(named.canary.store).toBeUndefined();
  });
});

describe('bytesAt', () => {
  it('gives what a segment loads, and no more than there is', async () => {
    const { file, bytes } = await built('gcc', startUp, false);
    const entry = Number(file.header.entry);
    expect(bytesAt(file, bytes, entry, 4)).toHaveLength(4);
    expect(bytesAt(file, bytes, 0x10, 4)).toHaveLength(0);
  });
});
