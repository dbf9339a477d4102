/** The bundled command as a user runs it: output, exit status, and what it leaves behind when it is stopped. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fail } from '../../base/errors.ts';
import { failureStatus, failureText } from '../../cli/failure.ts';
import { project } from '../pipeline/support.ts';

const casemate = fileURLToPath(new URL('../../dist/casemate.js', import.meta.url));

function run(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [casemate, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  // On a busy machine a step may take the second after which it is told about.
  return { status, stdout, stderr: stderr.replace(/^casemate: [a-z]+( \d+\/\d+)? \.\.\.\n/gm, '') };
}

const start = 'void _start(void) { for (;;); }\n';
const manifest = JSON.stringify({ name: 'prog', target: 'elf', sources: ['start.c'] });
const good = (): string => project({ 'casemate.json': manifest, 'start.c': start });

describe('casemate', () => {
  it('builds, and sums up what is where in memory', () => {
    const folder = good();
    const { status, stdout, stderr } = run(['build', folder]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/build\/prog: \d+(\.\d)? (B|KiB), entry 0x[0-9a-f]+\n/);
    expect(stdout).toMatch(/load +r-x +0x[0-9a-f]+ .*\.text/);
    expect(stdout).toContain('casemate.lock: written');
    expect(run(['build', folder]).stdout).not.toContain('casemate.lock');
    expect(run(['build', folder, '--quiet']).stdout).toBe('');
    expect(run(['build', folder, '--verbose']).stderr).toMatch(/compiling: \d+ ms[\s\S]*linking: \d+ ms/);
  });

  it('writes the image where -o says, and nowhere else', () => {
    const folder = good();
    const output = join(project(), 'x.elf');
    expect(run(['build', folder, '-o', output]).status).toBe(0);
    expect(readFileSync(output).subarray(1, 4).toString()).toBe('ELF');
    expect(existsSync(join(folder, 'build'))).toBe(false);
  });

  it('answers wrong usage, manifests and inputs with one line and 2', () => {
    const broken = project({ 'casemate.json': '{' });
    const wrong = project({ 'casemate.json': manifest, 'start.c': 'int f( {' });
    for (const [args, line] of [
      [['bild'], /^casemate: error: unknown command 'bild'\n\(Did you mean build\?\)\n$/],
      [['build'], /^casemate: error: missing required argument 'DIR'\n$/],
      [['build', '--nonsense', broken], /^casemate: error: unknown option '--nonsense'\n$/],
      [
        ['build', good(), '--update-lock', '--frozen-lock'],
        /^casemate: error: --update-lock and --frozen-lock exclude/,
      ],
      [['build', 'no/such/folder'], /^casemate: error: no\/such\/folder: no such folder\n$/],
      [['build', project()], /^casemate: error: .*casemate\.json: no such file; a project has one\n$/],
      [
        ['build', broken],
        /^casemate: error: .*casemate\.json:1: expected a key in double quotes, found the end of the file\n$/,
      ],
      [['build', good(), '-o', 'no/such/x'], /^casemate: error: -o no\/such\/x: the folder no\/such does not exist\n$/],
      [['build', wrong], /start\.c:1:8: error: [\s\S]*\ncasemate: error: start\.c: does not compile; .* above\n$/],
    ] as const) {
      const { status, stdout, stderr } = run(args);
      expect(stderr).toMatch(line);
      expect(stderr).not.toContain('    at ');
      expect([status, stdout]).toEqual([2, '']);
    }
  });

  it('answers 3 when a program that it needs is missing, and names its package', () => {
    const { status, stderr } = run(['build', good()], { PATH: project() });
    expect(stderr).toBe('casemate: error: clang: not found on PATH; install it with: apt-get install clang\n');
    expect(status).toBe(3);
  });

  it('calls trouble with the file system by its name, not a defect', () => {
    const folder = good();
    const { status, stderr } = run(['build', folder], { TMPDIR: '/no/such/folder' });
    expect([status, stderr]).toEqual([
      2,
      'casemate: error: /no/such/folder: cannot make a temporary folder: no such file or directory; set TMPDIR to another\n',
    ]);
    symlinkSync('loop', join(folder, 'loop'));
    expect(run(['build', join(folder, 'loop')]).stderr).toMatch(/^casemate: error: .*loop: too many symbolic links/);
  });

  it('explains itself: every command has help with an example, and answers 0', () => {
    expect(run(['--version'])).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' });
    for (const command of ['build', 'boot']) {
      const { status, stdout } = run([command, '--help']);
      expect(status).toBe(0);
      expect(stdout).toContain('Examples:');
      expect(stdout).toContain(`casemate ${command} `);
    }
  });

  it('stopped by Ctrl-C leaves no compiler, no temporary file and no output', async () => {
    const slow = Array.from(
      { length: 60_000 },
      (_, i) => `int f${i}(int a) { return a * ${i} + f${Math.max(0, i - 1)}(a); }`,
    );
    const folder = project({ 'casemate.json': manifest, 'start.c': `${slow.join('\n')}\n${start}` });
    const temporary = project();
    const child = spawn(process.execPath, [casemate, 'build', folder], { env: { ...process.env, TMPDIR: temporary } });
    const compilers = (): string[] =>
      readdirSync('/proc')
        .filter((pid) => /^\d+$/.test(pid))
        .filter((pid) => {
          try {
            return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(temporary);
          } catch {
            return false;
          }
        });
    while (compilers().length === 0 && child.exitCode === null) await new Promise((done) => setTimeout(done, 20));
    expect(readdirSync(temporary)).toHaveLength(1);
    child.kill('SIGINT');
    const status = await new Promise((done) => child.on('close', done));
    expect(status).toBe(130);
    for (let i = 0; i < 100 && compilers().length > 0; i++) await new Promise((done) => setTimeout(done, 20));
    expect(compilers()).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
    expect(readdirSync(folder).sort()).toEqual(['casemate.json', 'start.c']);
  });
});

describe('a failure', () => {
  const failureOf = (work: () => unknown): unknown => {
    try {
      work();
    } catch (error) {
      return error;
    }
    return undefined;
  };

  it('of a check is 1, of input 2, of a missing program 3', () => {
    const statuses = (['image', 'assertion', 'manifest', 'malformed-elf', 'usage', 'tool'] as const).map((code) =>
      failureStatus(failureOf(() => fail(code, 'x'))),
    );
    expect(statuses).toEqual([1, 1, 2, 2, 2, 3]);
  });

  it('of ours is called a defect, with the trace that a report needs', () => {
    const error = failureOf(() => (undefined as unknown as { x: string }).x);
    expect(failureStatus(error)).toBe(3);
    expect(failureText(error)).toMatch(/^casemate: internal error: this is a defect in casemate; please report it/);
    expect(failureText(error)).toContain('casemate.test.ts');
  });
});

describe('the linker’s bundle', () => {
  it('loads no JSON-schema and no command-line library', () => {
    const bundle = fileURLToPath(new URL('../../dist/casemate-ld.js', import.meta.url));
    const text = readFileSync(bundle, 'utf8');
    expect(text).not.toMatch(/node_modules\/(ajv|commander)\//);
  });
});

it('starts without the TypeScript compiler where nothing is proved', () => {
  const holdsCompiler = (name: string): boolean =>
    readFileSync(casemate.replace(/\w+\.js$/, `${name}.bundle.js`), 'utf8').includes('getPreEmitDiagnostics');
  expect(['casemate', 'casemate-slide', 'casemate-prove'].map(holdsCompiler)).toEqual([false, false, true]);
});
