/** A recorded link, built again by `casemate build`, gives the bytes that the link gave. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { link } from '../../linker/link.ts';
import { defaultOptions, type LinkOptions } from '../../linker/request.ts';
import { parseExpression, parseScript } from '../../linker/script/parse.ts';
import { buildProject } from '../../pipeline/build.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { type RecordedInput, writeRecording } from '../../pipeline/record.ts';
import { project } from './support.ts';

const progress = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 60_000 });

/** A C library's file as the compiler driver names it. */
const gccFile = (name: string): string =>
  execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();

/** Links as casemate-ld would, from `folder`; the inputs are named as given. */
function linkFrom(folder: string, inputs: readonly RecordedInput[], options: LinkOptions): Uint8Array {
  const files = inputs.map(({ path, name, whole }) => ({
    name: name ?? path,
    bytes: readFileSync(resolve(folder, path)),
    ...(whole ? { wholeArchive: true } : {}),
  }));
  return link({ files, options, readMember: (path) => readFileSync(resolve(folder, path)) }).image.bytes;
}

async function replay(folder: string): Promise<{ output: string; bytes: Buffer }> {
  const { output } = await buildProject({ folder, lock: 'verify', progress });
  return { output, bytes: readFileSync(output) };
}

describe('a recorded link replays to the same bytes', () => {
  it('for a static C program with its C library, whose object the compiler driver deletes', async () => {
    const temporary = project({
      'main.c': '#include <stdio.h>\nint main(void) { return printf("%s\\n", "replayed") - 9; }\n',
    });
    execFileSync('gcc', ['-c', '-g', 'main.c', '-o', 'ccXyz.o'], { cwd: temporary });
    const folder = project();
    const inputs: RecordedInput[] = [
      ...['crt1.o', 'crti.o', 'crtbeginT.o'].map((name) => ({ path: gccFile(name) })),
      { path: join(temporary, 'ccXyz.o') },
      ...['libgcc.a', 'libgcc_eh.a', 'libc.a', 'crtend.o', 'crtn.o'].map((name) => ({ path: gccFile(name) })),
    ];
    const options: LinkOptions = {
      ...defaultOptions,
      buildId: { kind: 'hash', algorithm: 'sha1' },
      ehFrameHeader: true,
      gcSections: true,
      machine: 'x86-64',
    };
    const expected = linkFrom(folder, inputs, options);
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = temporary;
    try {
      writeRecording({ inputs, scripts: [], options, defsym: [], output: 'a.out' }, 'casemate.json', folder);
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
    rmSync(temporary, { recursive: true });
    const { output, bytes } = await replay(folder);
    expect(bytes.equals(expected)).toBe(true);
    expect(execFileSync(output, { encoding: 'utf8' })).toBe('replayed\n');
  });

  it('with a script that sorts by file name, whole and thin archives, wraps and defined symbols', async () => {
    const folder = project({
      'app/x.lds':
        'ENTRY(_start) SECTIONS { . = 0x400000 + SIZEOF_HEADERS; .text : { *(.text*) } .data : { *lib/z.o(.data) *(SORT(.data*)) *(.order) } }',
      'app/main.c':
        'extern char value[]; void f(void); void _start(void) { f(); for (;;) (void)*(volatile char *)value; }',
      'app/wrap.c': 'void __wrap_f(void) {}',
      'app/lib/a.c': '__attribute__((section(".order"), used)) static int a = 1;',
      'app/lib/z.c': 'int z = 2;',
      'app/lib/thin.c': 'void f(void) {}',
    });
    const app = join(folder, 'app');
    for (const name of ['main', 'wrap', 'lib/a', 'lib/z', 'lib/thin']) {
      execFileSync('gcc', ['-c', '-O1', '-fno-pic', `${name}.c`, '-o', `${name}.o`], { cwd: app });
    }
    execFileSync('ar', ['rc', 'lib/whole.a', 'lib/a.o', 'lib/z.o'], { cwd: app });
    execFileSync('ar', ['rcT', 'lib/thin.a', 'lib/thin.o'], { cwd: app });
    const inputs: RecordedInput[] = [
      { path: 'main.o' },
      { path: 'lib/whole.a', whole: true },
      { path: 'wrap.o' },
      { path: './lib/thin.a' },
    ];
    const scriptText = readFileSync(join(app, 'x.lds'), 'utf8');
    const options: LinkOptions = {
      ...defaultOptions,
      wrap: ['f'],
      undefinedSymbols: ['f'],
      defsym: [{ name: 'value', value: parseExpression('0x400000 + 8', 'defsym') }],
      scripts: [parseScript(scriptText, 'x.lds')],
      map: true,
    };
    const expected = linkFrom(app, inputs, options);
    // The manifest lies one folder up: every path changes, the names that patterns match do not.
    const recorded = { inputs, scripts: ['x.lds'], options, defsym: ['value=0x400000 + 8'], output: 'app' };
    writeRecording({ ...recorded, reads: ['lib/thin.o'] }, '../casemate.json', app);
    const { bytes, output } = await replay(folder);
    expect(bytes.equals(expected)).toBe(true);
    expect(existsSync(`${output}.map`)).toBe(true);
  });
});
