/**
 * casemate harden on images of ours and of others: what it puts in, what it says, what it refuses. What the result
 * enforces is in test/probes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import * as elf from '../../../linker/elf.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { defaultHardening, type HardenOptions, hardenImage } from '../../../targets/hvt/harden.ts';
import { readHvtImage } from '../../../targets/hvt/image.ts';
import type { Requirement } from '../../../targets/hvt/stage0/config.ts';
import { findStub } from '../../../targets/hvt/stage0/stub.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { run, runOrThrow } from '../../support/run.ts';
import { requireTool } from '../../support/tools.ts';
import { bootGuest, buildTestGuest } from './emulator-guest.ts';
import { boot, buildExample, buildGuest } from './guest.ts';

let foreign: string;
let own: string;
beforeAll(async () => {
  foreign = await buildTestGuest('probe');
  own = await buildExample('hello');
});

function hardened(path: string, options: Partial<HardenOptions> = {}): { path: string; bytes: Uint8Array } {
  const { bytes } = hardenImage(readFileSync(path), path, { ...defaultHardening, ...options });
  const output = join(temporaryFolder('harden'), 'hardened.hvt');
  writeFileSync(output, bytes);
  return { path: output, bytes };
}

function refusal(bytes: Uint8Array, name = 'x.hvt'): string {
  try {
    hardenImage(bytes, name, defaultHardening);
  } catch (error) {
    return (error as Error).message;
  }
  return 'hardened';
}

/** Bytes that PT_LOADs take in memory. */
function loaded(bytes: Uint8Array): number {
  return readElfFile(bytes, 'x').segments.reduce((sum, s) => sum + (s.type === elf.PT_LOAD ? s.memorySize : 0), 0);
}

function protection(path: string, name: string) {
  return hardenImage(readFileSync(path), path, defaultHardening).protections.find((each) => each.name === name)!;
}

describe('a hardened image', () => {
  it('has the same bytes every time', () => {
    for (const path of [foreign, own]) expect(hardened(path).bytes).toEqual(hardened(path).bytes);
  });

  it('loads at most 32 KiB more', () => {
    for (const path of [foreign, own]) {
      expect(loaded(hardened(path).bytes) - loaded(readFileSync(path))).toBeLessThanOrEqual(32 << 10);
    }
  });

  it('is what readelf reads without complaint', async () => {
    for (const path of [foreign, own]) {
      const { stdout, stderr } = await run(requireTool('readelf'), ['-aW', hardened(path).path]);
      expect(stderr).toBe('');
      expect(stdout).toContain('.casemate.stage0');
    }
  });

  it('keeps its program headers where a program looks for them', () => {
    const [before, after] = [readFileSync(own), hardened(own).bytes].map((bytes) => readElfFile(bytes, 'x'));
    expect(after!.header.programHeadersOffset).toBe(before!.header.programHeadersOffset);
  });

  it('has its stub below it where it can move, else behind it', () => {
    const [moved, fixed] = [hardened(own), hardened(foreign)].map(({ bytes }) => {
      const file = readElfFile(bytes, 'x');
      return { stub: findStub(file, bytes, 'x')!, image: readHvtImage(bytes, 'x') };
    });
    expect(moved!.stub.base).toBe(0x100000);
    expect(moved!.stub.config.wipe.size).toBe(0);
    expect(moved!.image.segments[0]).toMatchObject({ address: 0x100000n, executable: true, writable: false });
    expect(fixed!.stub.base).toBe(fixed!.stub.config.top);
    expect(fixed!.stub.config.wipe).toEqual({ start: fixed!.stub.base, size: 0x2000 });
  });

  it('tells of regions in which no page is writable and executable', () => {
    const file = readElfFile(hardened(own).bytes, 'x');
    const kinds = findStub(file, hardened(own).bytes, 'x')!.config.regions.map(({ kind }) => kind);
    expect(kinds).toEqual(['read', 'read', 'execute', 'read', 'write']);
  });
});

describe('the report', () => {
  it('says that an image without relocations gets no new layout', () => {
    expect(protection(foreign, 'new layout at every launch')).toMatchObject({
      enforced: false,
      detail: expect.stringContaining('keeps no relocations'),
    });
    expect(protection(own, 'new layout at every launch')).toMatchObject({ enforced: true });
  });

  it('says where the canary is, or why it is not known', async () => {
    expect(protection(own, 'random stack canary')).toMatchObject({ enforced: true });
    const stripped = join(temporaryFolder('stripped'), 'guest.hvt');
    await runOrThrow(requireTool('objcopy'), ['--strip-all', foreign, stripped]);
    expect(protection(stripped, 'random stack canary')).toMatchObject({
      enforced: false,
      detail: 'no symbol __stack_chk_guard, and no start-up code that is known to set it',
    });
  });

  it('leaves text readable that shares its segment with data, and names the data', async () => {
    const folder = temporaryFolder('one-segment');
    const objects = ['start.o', 'main.o', 'notes.o'].map((name) => join(foreign, '..', name));
    const script = join(folder, 'guest.ld');
    // Read-only data in the segment of text, as linkers laid out before -z separate-code.
    writeFileSync(
      script,
      `ENTRY(_start)
       PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); abi PT_NOTE; manifest PT_NOTE; }
       SECTIONS { . = 0x100000; .text : { *(.text*) } :text .rodata : { *(.rodata*) }
         .note.solo5.abi : { *(.note.solo5.abi) } :text :abi
         .note.solo5.manifest : { *(.note.solo5.manifest) } :text :manifest
         . = ALIGN(4096); .data : { *(.data*) } :data .bss : { *(.bss*) *(COMMON) } _end = .; }`,
    );
    const image = join(folder, 'guest.hvt');
    await runOrThrow(requireTool('ld'), ['-z', 'max-page-size=4096', '-T', script, '-o', image, ...objects]);
    expect(protection(image, 'execute-only text')).toMatchObject({
      enforced: false,
      detail: expect.stringContaining('section .rodata: '),
    });
    const result = await bootGuest(hardened(image).path, 'read-text');
    expect(result).toMatchObject({ outcome: 'halted', status: 0 });
  });
});

describe('what is refused', () => {
  it('an image that is hardened already, by name', () => {
    for (const path of [foreign, own]) {
      expect(refusal(hardened(path).bytes)).toBe(
        'x.hvt: is hardened already; harden the original, or give the hardened image a new layout: casemate slide',
      );
    }
  });

  it('an image whose stub was changed', () => {
    const bytes = hardened(own).bytes.slice();
    const at = readElfFile(bytes, 'x').segments[0]!.offset;
    bytes[at + 5]! ^= 1;
    expect(refusal(bytes)).toMatch(/^x\.hvt: the stub's code at 0x10000[0-9a-f] is not this casemate's/);
  });

  it('what no tender would run, and what is no ELF file', () => {
    const bytes = readFileSync(own);
    expect(refusal(bytes.subarray(0, 40))).toMatch(/^x\.hvt: 40 bytes/);
    const writableText = new Uint8Array(bytes);
    const file = readElfFile(writableText, 'x');
    const text = file.segments.findIndex(({ flags }) => (flags & elf.PF_X) !== 0);
    new DataView(writableText.buffer).setUint32(file.header.programHeadersOffset + 56 * text + 4, 7, true);
    expect(refusal(writableText)).toMatch(/^x\.hvt: program header 1: writable and executable/);
  });

  it('segments that share a page and may not do the same', () => {
    const bytes = new Uint8Array(readFileSync(foreign));
    const file = readElfFile(bytes, 'x');
    const last = file.segments.findLastIndex(({ type }) => type === elf.PT_LOAD);
    const before = file.segments[last - 1]!;
    const view = new DataView(bytes.buffer);
    const at = file.header.programHeadersOffset + 56 * last;
    // A .bss that the tender's loader skips may lie anywhere.
    view.setBigUint64(at + 16, before.address, true);
    view.setBigUint64(at + 32, 0n, true);
    expect(refusal(bytes)).toMatch(/program headers \d \(\w+\) and \d \(\w+\) share the page at 0x[0-9a-f]+; link/);
  });
});

describe('at boot', () => {
  it.each<[Requirement, string, string]>([
    ['xom', 'qemu64', 'execute-only text is required, and this machine has neither PKU nor SMAP'],
    ['pku', 'EPYC', 'protection keys are required, and this machine has none (PKU)'],
    ['entropy', 'qemu64', 'entropy is required, and this machine has neither RDSEED nor RDRAND that works'],
  ])('halts with a message where %s is required and missing', async (requirement, cpu, message) => {
    for (const path of [foreign, own]) {
      const result = await boot(hardened(path, { require: [requirement] }).path, { cpu });
      expect(result).toMatchObject({ outcome: 'halted', status: 255 });
      expect(result.console).toBe(`casemate: ABORT: stage 0: ${message}\n`);
    }
  });

  it('goes on where all that is required is there', async () => {
    const { path } = hardened(own, { require: ['xom', 'pku', 'entropy'] });
    expect(await boot(path, { cpu: 'EPYC-Milan' })).toMatchObject({ outcome: 'halted', status: 0 });
  });

  it('halts with a message in a guest too small for stack, tables and a heap', async () => {
    const image = await buildGuest(
      'big',
      '#include <solo5.h>\nchar big[800000];\nint solo5_app_main(const struct solo5_start_info *i) { (void)i; return big[7]; }\n',
    );
    const { path } = hardened(image);
    const result = await boot(path, { memory: 2 });
    expect(result).toMatchObject({ outcome: 'halted', status: 255 });
    expect(result.console).toMatch(/^casemate: ABORT: stage 0: not enough memory: give the guest more/);
    expect(await boot(path, { memory: 4 })).toMatchObject({ outcome: 'halted', status: 0 });
  });

  it('gives the program a canary of its own at each start, where the stub seeds it', async () => {
    const source = `#include <solo5.h>
      extern unsigned long __stack_chk_guard;
      int solo5_app_main(const struct solo5_start_info *i) {
        char text[18] = "0x0000000000000000"; (void)i;
        for (int d = 0; d < 16; d++) text[17 - d] = "0123456789abcdef"[__stack_chk_guard >> 4 * d & 15];
        solo5_console_write(text, 18);
        return 0;
      }`;
    const { path } = hardened(await buildGuest('canary', source));
    const seen = new Set<string>();
    for (let i = 0; i < 3; i++) seen.add((await boot(path)).console);
    expect(seen.size).toBe(3);
    for (const canary of seen) expect(canary).toMatch(/^0x[0-9a-f]{14}00$/);
  });

  it('puts stack and tables elsewhere at each start', async () => {
    const source = `#include <solo5.h>
      int solo5_app_main(const struct solo5_start_info *i) {
        char text[18] = "0x0000000000000000"; unsigned long at = (unsigned long)text; (void)i;
        for (int d = 0; d < 16; d++) text[17 - d] = "0123456789abcdef"[at >> 4 * d & 15];
        solo5_console_write(text, 18);
        return 0;
      }`;
    const { path } = hardened(await buildGuest('stack', source));
    const seen = new Set<string>();
    for (let i = 0; i < 6; i++) seen.add((await boot(path)).console);
    expect(seen.size).toBeGreaterThanOrEqual(5);
  });
});
