/** The bundled linker as a user runs it: what it prints arrives whole, and its exit status too. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { buildObject, EM, SHF, SHT } from '../support/elf-builder.ts';
import { temporaryFolder } from '../support/paths.ts';
import { casemateLd } from '../support/toolchain.ts';

const folder = temporaryFolder('casemate-ld');

describe('casemate-ld', () => {
  it('prints a map that is longer than a pipe, to a reader that is slow', async () => {
    const sections = Array.from({ length: 3000 }, (_, i) => ({
      name: `.text.function_with_a_long_name_${i}`,
      type: SHT.PROGBITS,
      flags: SHF.ALLOC | SHF.EXEC,
      data: Buffer.alloc(4),
    }));
    writeFileSync(join(folder, 'many.o'), buildObject({ machine: EM.X86_64, sections }));
    const child = spawn(process.execPath, [casemateLd, '-e0', '-Map=-', 'many.o', '-o', 'out'], { cwd: folder });
    const exited = new Promise<number | null>((done) => child.on('exit', done));
    await setTimeout(500);
    let text = '';
    for await (const chunk of child.stdout) text += chunk;
    expect(await exited).toBe(0);
    expect(text.length).toBeGreaterThan(3 * 65536);
    expect(text).toContain('function_with_a_long_name_2999');
  });

  it('fails with status 1, one line and no output', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [casemateLd, 'absent.o', '-o', 'none'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toBe('casemate-ld: error: cannot find absent.o: no such file\n');
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });
});
