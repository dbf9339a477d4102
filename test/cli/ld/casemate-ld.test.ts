/**
 * The bundled casemate-ld as a process: what it writes, prints and leaves behind.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../support/paths.ts';
import { run } from '../../support/run.ts';
import { casemateLd, compile, execute, link, x86 } from '../../support/toolchain.ts';
import { requireTools } from '../../support/tools.ts';

requireTools('gcc', 'make');

const folder = temporaryFolder('casemate-ld');
const at = (name: string) => join(folder, name);
const ld = (...args: string[]) => run(casemateLd, args, { cwd: folder });

beforeAll(async () => {
  // A whole program without a C library: exits with the value of `answer`.
  writeFileSync(
    at('start.c'),
    'extern int answer(void);\nvoid _start(void) { __asm__ volatile("syscall" : : "a"(60), "D"(answer())); __builtin_unreachable(); }\n',
  );
  writeFileSync(at('answer.c'), 'int answer(void) { return 42; }\nint unused(void) { return 1; }\n');
  writeFileSync(at('needy.c'), 'extern int nowhere(void);\nint answer(void) { return nowhere(); }\n');
  const flags = ['-O1', '-ffunction-sections', '-fno-asynchronous-unwind-tables'];
  for (const name of ['start', 'answer', 'needy']) await compile('gcc', at(`${name}.c`), at(`${name}.o`), flags);
});

describe('a link', () => {
  it('writes an executable, as the umask allows', async () => {
    const result = await ld('start.o', 'answer.o', '-o', 'plain');
    expect(result).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(statSync(at('plain')).mode & 0o777).toBe(0o777 & ~process.umask());
    expect((await execute(x86, at('plain'))).status).toBe(42);
  });

  it('goes to a.out, or where a script says', async () => {
    expect((await ld('start.o', 'answer.o')).status).toBe(0);
    expect(existsSync(at('a.out'))).toBe(true);
    writeFileSync(at('out.ld'), 'OUTPUT(named) INPUT(start.o answer.o)');
    expect((await ld('out.ld')).stderr).toBe('');
    expect((await execute(x86, at('named'))).status).toBe(42);
  });

  it('takes its arguments from a response file', async () => {
    writeFileSync(at('args'), 'start.o "answer.o"\n-o from\\ file');
    expect((await ld('@args')).stderr).toBe('');
    expect((await execute(x86, at('from file'))).status).toBe(42);
  });

  it.each(['start.o "', 'start.o -- ""'])('blames the response file for an empty name: %s', async (text) => {
    writeFileSync(at('open'), text);
    writeFileSync(at('outer'), '@open');
    expect((await ld('@outer')).stderr).toBe('casemate-ld: error: @open: an empty file name; close its quotes\n');
    expect((await ld('start.o', '')).stderr).toBe('casemate-ld: error: an empty file name\n');
  });

  it('leaves a device as it is', async () => {
    expect((await ld('start.o', 'answer.o', '-o', '/dev/null')).status).toBe(0);
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('writes a map to a file, into a folder or to standard output', async () => {
    mkdirSync(at('maps'), { recursive: true });
    await ld('start.o', 'answer.o', '-o', 'mapped', '-Map=one.map');
    await ld('start.o', 'answer.o', '-o', 'mapped', '-Map=maps');
    const { stdout } = await ld('start.o', 'answer.o', '-o', 'mapped', '-M');
    expect(stdout).toContain('answer');
    expect(readFileSync(at('one.map'), 'utf8')).toBe(stdout);
    expect(readFileSync(at('maps/mapped.map'), 'utf8')).toBe(stdout);
  });

  it('writes a rule that make understands', async () => {
    await ld('start.o', 'answer.o', '-o', 'made', '--dependency-file=made.d');
    writeFileSync(at('Makefile'), 'all: made\ninclude made.d\nmade:\n\t@echo linked from $^\n');
    const { stdout } = await run('make', ['-B', '-s', '-r'], { cwd: folder });
    expect(stdout).toBe('linked from start.o answer.o\n');
  });

  it('prints its inputs with -t and its version with -v', async () => {
    const { stdout } = await ld('-v', '-t', 'start.o', 'answer.o', '-o', 'traced');
    expect(stdout).toMatch(/^casemate-ld [\d.]+ \(compatible with GNU ld\)\nstart\.o\nanswer\.o\n$/);
    expect(await ld('-v')).toMatchObject({ status: 0, stderr: '' });
  });

  it('says what --gc-sections left out', async () => {
    const { status, stderr } = await ld('--gc-sections', '--print-gc-sections', 'start.o', 'answer.o', '-o', 'gc');
    expect(status).toBe(0);
    expect(stderr).toBe('casemate-ld: removing unused section answer.o:(.text.unused)\n');
  });

  it('records itself as a manifest', async () => {
    const { stderr } = await ld(
      'start.o',
      'answer.o',
      '--defsym',
      'x=4',
      '-e_start',
      '-o',
      'recorded.elf',
      '--record',
      'casemate.json',
    );
    expect(stderr).toBe('');
    expect(JSON.parse(readFileSync(at('casemate.json'), 'utf8'))).toMatchObject({
      name: 'recorded',
      link: { inputs: ['start.o', 'answer.o'], defsym: ['x=4'], entry: '_start' },
    });
  });
});

describe('a failure', () => {
  it('is one line and status 1, and no output is left, not even an older one', async () => {
    expect((await ld('start.o', 'answer.o', '-o', 'old')).status).toBe(0);
    const before = readdirSync(folder).filter((name) => name !== 'old');
    const result = await ld('start.o', 'needy.o', '-o', 'old');
    expect(result.status).toBe(1);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(/^casemate-ld: error: [^\n]*undefined[^\n]*nowhere/);
    expect(readdirSync(folder)).toEqual(before);
  });

  it('never removes or overwrites an input', async () => {
    const bytes = readFileSync(at('answer.o'));
    for (const args of [
      ['start.o', 'answer.o', '-o', 'answer.o'],
      ['answer.o', 'missing.o', '-o', 'answer.o'],
      ['answer.o', 'needy.o', '-o', './answer.o'],
    ]) {
      expect((await ld(...args)).status).toBe(1);
      expect(readFileSync(at('answer.o')).equals(bytes)).toBe(true);
    }
  });

  it('to write names the place', async () => {
    const result = await ld('start.o', 'answer.o', '-o', 'no/such/folder/x');
    expect(result).toMatchObject({ status: 1 });
    expect(result.stderr).toMatch(/^casemate-ld: error: no\/such\/folder\/x: cannot write: [^\n]+\n$/);
    expect((await ld('start.o', 'answer.o', '-o', '.')).stderr).toMatch(/is a folder/);
  });

  it('comes of warnings when they are fatal', async () => {
    const args = ['start.o', 'answer.o', '-z', 'frob', '-o', 'warned'];
    const mild = await ld(...args);
    expect(mild).toMatchObject({
      status: 0,
      stderr: 'casemate-ld: warning: -z frob is not known and has no effect\n',
    });
    expect((await ld(...args, '-w')).stderr).toBe('');
    const fatal = await ld(...args, '--fatal-warnings');
    expect(fatal.status).toBe(1);
    expect(fatal.stderr).toMatch(/casemate-ld: error: 1 warning with --fatal-warnings\n$/);
    expect(existsSync(at('warned'))).toBe(false);
  });
});

describe('questions', () => {
  it.each([
    [['--version'], /^casemate-ld [\d.]+ \(compatible with GNU ld\)\n$/],
    [['--print-output-format', '-melf64lriscv'], /^elf64-littleriscv\n$/],
    [['--print-sysroot', '--sysroot=/x'], /^\/x\n$/],
    [['--help'], /^Usage: casemate-ld [\s\S]*--gc-sections[\s\S]*Refused:[\s\S]*-shared/],
  ])('%j', async (args, expected) => {
    const result = await ld(...args);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toMatch(expected);
    expect(Math.max(...result.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
  });
});

it('serves a compiler driver as its linker', async () => {
  writeFileSync(
    at('hello.c'),
    '#include <stdio.h>\n#include <math.h>\nint main(int n, char **v) { printf("%.3f\\n", sqrt(n + 1)); return 0; }\n',
  );
  for (const mode of ['-static', '-static-pie']) {
    await link(x86, 'gcc', [mode, at('hello.c'), '-lm', '-o', at('hello')], 'casemate');
    expect(await execute(x86, at('hello'))).toMatchObject({ status: 0, stdout: '1.414\n' });
  }
});

it('starts without the command framework and the schema library', () => {
  // casemate-ld.js only starts the bundle beside it.
  const bundle = readFileSync(casemateLd.replace(/\.js$/, '.bundle.js'), 'utf8');
  expect(bundle).toContain('readSectionPattern');
  // Names of modules vanish when a bundle is made small; words of their own messages do not.
  expect(bundle).not.toMatch(/commander\.|\bajv\b/i);
});
