/** `casemate-ld --record` through gcc, then `casemate build`: the step in which an existing build moves over. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { project } from '../pipeline/support.ts';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

describe('a build by gcc, recorded', () => {
  it.each([
    ['a static program with libm and a library of its own', ['-static', '-Wl,--gc-sections', '-Wl,--build-id=sha256']],
    ['a static PIE', ['-static-pie', '-fPIE', '-Wl,-z,pack-relative-relocs']],
    [
      'one with wrapped and defined symbols and kept relocations',
      ['-static', '-Wl,--wrap=twice', '-DLIMIT', '-Wl,--defsym=limit=40+2', '-Wl,-q'],
    ],
  ])('is built again to the same bytes: %s', (_, flags) => {
    const folder = project({
      'app/main.c':
        '#include <stdio.h>\n#include <math.h>\nint twice(int);\n#ifdef LIMIT\nextern char limit[];\n#else\nstatic char *limit = (char *)42;\n#endif\n' +
        'int __wrap_twice(int a) { return 3 * a; }\n' +
        'int main(int n, char **v) { (void)v; printf("%d %.3f %d\\n", twice(n), sin(n), (int)(long)limit); return 0; }\n',
      'lib/twice.c': 'int twice(int a) { return 2 * a; }\n',
    });
    const app = join(folder, 'app');
    symlinkSync(join(dist, 'casemate-ld.js'), join(folder, 'ld'));
    execFileSync('gcc', ['-c', '-g', ...flags.filter((flag) => flag.startsWith('-f')), 'twice.c'], {
      cwd: join(folder, 'lib'),
    });
    execFileSync('ar', ['rc', 'libtwice.a', 'twice.o'], { cwd: join(folder, 'lib') });
    const inputs = ['-B..', '-g', 'main.c', '-L../lib', '-ltwice', '-lm'];
    execFileSync('gcc', [...flags, ...inputs, '-Wl,--record,casemate.json', '-o', 'prog'], { cwd: app });

    const built = spawnSync(process.execPath, [join(dist, 'casemate.js'), 'build', '.'], {
      cwd: app,
      encoding: 'utf8',
    });
    expect([built.status, built.stderr]).toEqual([0, '']);
    expect(readFileSync(join(app, 'build/prog')).equals(readFileSync(join(app, 'prog')))).toBe(true);
    expect(execFileSync(join(app, 'build/prog'), { encoding: 'utf8' })).toMatch(/^[23] 0\.841 42\n$/);
    const manifest = JSON.parse(readFileSync(join(app, 'casemate.json'), 'utf8')) as { roots: string[] };
    expect(manifest.roots).toContain('../lib');
  });
});
