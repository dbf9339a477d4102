/** The example hello, hardened, through Debian's U-Boot in every form that `casemate pack` makes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { run, runOrThrow } from '../support/run.ts';
import { bootByUBoot } from '../targets/riscv64/u-boot.ts';

const casemate = join(projectRoot, 'dist/casemate.js');
const words = (...args: string[]): string[] => [casemate, ...args];

describe('a hardened image through U-Boot', () => {
  it('starts as raw image, uImage and FIT image, each time elsewhere', async () => {
    const cwd = temporaryFolder('u-boot');
    const [plain, hardened] = [join(cwd, 'hello.riscv64'), join(cwd, 'hardened.riscv64')];
    await runOrThrow('node', words('build', 'examples/hello', '--target', 'riscv64', '-q', '-o', plain), {
      cwd: projectRoot,
    });
    await runOrThrow('node', words('harden', plain, '-o', hardened));
    const heaps = new Set<string>();
    for (const format of ['raw', 'uimage', 'fit']) {
      const packed = join(cwd, `hello.${format}`);
      await runOrThrow('node', words('pack', hardened, '-o', packed, '--format', format));
      const said = await bootByUBoot(packed, format === 'raw' ? 'booti' : 'bootm', 'slept:', { arguments: 'Ada' });
      expect(said).toContain('Hello, Ada!');
      heaps.add(/heap: \d+ KiB from (0x[0-9a-f]+)/.exec(said)![1]!);
    }
    expect(heaps.size).toBe(3);
  });
});

describe('casemate pack', () => {
  it.each([
    ['no file to write to', [], '-o FILE is missing'],
    ['a format that there is not', ['-o', 'x', '--format', 'elf'], '--format elf: must be one of raw, uimage, fit'],
    ['an address that is none', ['-o', 'x', '--load', 'here'], '--load here: must be an address'],
    ['an image without a stub', ['-o', 'x'], 'no-elf: is not an ELF file'],
  ])('refuses %s, in one line', async (_, flags, message) => {
    const cwd = temporaryFolder('pack');
    writeFileSync(join(cwd, 'no-elf'), 'x'.repeat(100));
    const { status, stderr } = await run('node', words('pack', 'no-elf', ...flags), { cwd });
    expect(status).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n').length).toBe(1);
  });
});
