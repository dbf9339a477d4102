/** The emulator's own file: the same bytes anywhere, no segment that is writable and executable, clear words. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isLong } from '../../support/long.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { casemateLd } from '../../support/toolchain.ts';
import { host } from './emulator-guest.ts';

interface LinkInputs {
  readonly script: string;
  readonly objects: readonly string[];
  readonly output: string;
  readonly cwd: string;
}

interface BuildScript {
  buildEmulator(options: { outDir: string; link?: (inputs: LinkInputs) => void }): string;
}

// Plain JavaScript without types: the build of the product cannot depend on a built product.
const script: Promise<BuildScript> = import(`${join(projectRoot, 'targets/hvt/emulator/build.mjs')}`);

afterEach(() => {
  vi.unstubAllEnvs();
});

/** As the build of the product does. */
function linkWithCasemate({ script: layout, objects, output, cwd }: LinkInputs): void {
  execFileSync(process.execPath, [casemateLd, '-m', 'elf_x86_64', '-T', layout, '-o', output, ...objects], { cwd });
}

describe('the emulator', () => {
  it('is the same file wherever it is built', async () => {
    const { buildEmulator } = await script;
    const one = readFileSync(host.emulator);
    const outDir = join(temporaryFolder('emulator'), 'folder with blanks');
    const other = readFileSync(buildEmulator({ outDir, link: linkWithCasemate }));
    expect(one.equals(other)).toBe(true);
    expect(one.includes(projectRoot)).toBe(false);
  });

  it('has one segment per permission, none of them writable and executable', () => {
    const elf = readFileSync(host.emulator);
    const at = Number(elf.readBigUInt64LE(32));
    const headers = Array.from({ length: elf.readUInt16LE(56) }, (_, i) => at + 56 * i);
    const loads = headers.filter((header) => elf.readUInt32LE(header) === 1);
    expect(loads.map((header) => elf.readUInt32LE(header + 4))).toEqual([5, 4, 6]);
    // QEMU finds the entry in a note.
    expect(headers.filter((header) => elf.readUInt32LE(header) === 4)).toHaveLength(1);
  });

  // It compiles all of it first.
  it.runIf(isLong)('links by any linker that it is given, else by GNU ld', async () => {
    const { buildEmulator } = await script;
    const byGnu = readFileSync(buildEmulator({ outDir: temporaryFolder('emulator') }));
    expect(byGnu.readUInt32LE(0)).toBe(0x464c457f);
    const link = vi.fn(() => {
      throw new Error('no linker today');
    });
    expect(() => buildEmulator({ outDir: temporaryFolder('emulator'), link })).toThrow('no linker today');
    expect(link).toHaveBeenCalledWith(
      expect.objectContaining({ objects: expect.arrayContaining(['start.o', 'svm.o']) }),
    );
  });

  it('names the package of a compiler that is missing', async () => {
    const { buildEmulator } = await script;
    vi.stubEnv('PATH', temporaryFolder('empty'));
    expect(() => buildEmulator({ outDir: temporaryFolder('emulator') })).toThrow(
      'the hvt emulator needs clang: not found on PATH; install it with: apt-get install clang',
    );
  });
});
