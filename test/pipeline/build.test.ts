import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyLayout } from '../../hardening/slide/apply.ts';
import { identityLayout } from '../../hardening/slide/slide-info.ts';
import { readSlideInfo } from '../../hardening/slide/slide-section.ts';
import { checkSlide } from '../../hardening/slide/verify.ts';
import { readElfFile } from '../../linker/elf-file.ts';
import { writeElfFile } from '../../linker/write-elf-file.ts';
import { buildProject } from '../../pipeline/build.ts';
import { type LockMode, sha256 } from '../../pipeline/lock.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { hardenImage } from '../../targets/hvt/harden.ts';
import { readHvtImage } from '../../targets/hvt/image.ts';
import { project, rejectionOf } from './support.ts';

/** A program for Linux that needs no C library: exits with the value of answer(). */
const startSource = `
int answer(void);
void _start(void) {
  __asm__ volatile("syscall" : : "a"(60), "D"(answer()));
}
`;
const answerSource = 'int answer(void) { return 42; }\n';

interface Shape {
  readonly manifest?: object;
  readonly files?: Record<string, string | Uint8Array>;
}

function projectOf({ manifest, files }: Shape): string {
  const json = { name: 'prog', target: 'elf', sources: ['start.c', 'answer.c'], ...manifest };
  return project({
    'casemate.json': JSON.stringify(json, null, 1),
    'start.c': startSource,
    'answer.c': answerSource,
    ...files,
  });
}

function build(folder: string, lock: LockMode = 'verify', notes: string[] = [], afresh = false) {
  const progress = createProgress({
    write: (text) => notes.push(text),
    terminal: false,
    verbose: false,
    now: () => 0,
    patience: 60_000,
  });
  return buildProject({ folder, lock, afresh, progress });
}

function statusOf(program: string): number {
  try {
    execFileSync(program);
    return 0;
  } catch (error) {
    return (error as { status: number }).status;
  }
}

/** An object or archive made outside the project, as a vendor would. */
function compileTo(output: string, source: string): void {
  execFileSync('clang', ['-c', '-x', 'c', '-', '-o', output], { input: source });
}

const everything = (folder: string): string[] => (readdirSync(folder, { recursive: true }) as string[]).sort();

describe('casemate build', () => {
  it('compiles, links and writes an executable that runs', async () => {
    const folder = projectOf({});
    const result = await build(folder);
    expect(result.output).toBe(join(folder, 'build/prog'));
    expect(statusOf(result.output)).toBe(42);
  });

  it('gives the same image and lock in any folder, with debug information in it', async () => {
    const shape = { manifest: { cflags: ['-g', '-DFILE=__FILE__'] } };
    const [a, b] = await Promise.all([build(projectOf(shape)), build(projectOf(shape))]);
    expect(a.output).not.toBe(b.output);
    expect(Buffer.compare(readFileSync(a.output), readFileSync(b.output))).toBe(0);
    const lock = (output: string): string => readFileSync(join(output, '../../casemate.lock'), 'utf8');
    expect(lock(a.output)).toBe(lock(b.output));
  });

  it('links sources, objects, archives and inputs in this order', async () => {
    const marker = (name: string): string =>
      `__attribute__((section(".order"), used)) const char m_${name} = '${name}';`;
    const folder = projectOf({
      manifest: { sources: ['start.c', 'answer.c', 's.c'], objects: ['o.o'], link: { inputs: ['i.o', 'j.o'] } },
      files: { 's.c': marker('s') },
    });
    for (const name of ['o', 'i', 'j']) compileTo(join(folder, `${name}.o`), marker(name));
    const { output } = await build(folder);
    expect(readFileSync(output).includes('soij')).toBe(true);
  });

  it('takes one member of an archive when needed, or all of them when asked', async () => {
    for (const whole of [false, true]) {
      const folder = projectOf({ manifest: { sources: ['start.c'], link: { inputs: [{ path: 'x.a', whole }] } } });
      compileTo(join(folder, 'a.o'), answerSource);
      compileTo(join(folder, 'b.o'), 'const char text[] = "only when whole";');
      execFileSync('ar', ['rc', 'x.a', 'a.o', 'b.o'], { cwd: folder });
      const { output } = await build(folder);
      expect(readFileSync(output).includes('only when whole')).toBe(whole);
    }
  });

  it('reads a text archive that names others, as libm.a does', async () => {
    const folder = projectOf({
      manifest: { sources: ['start.c'], archives: ['lib/libm.a'] },
      files: { 'lib/libm.a': '/* GNU ld script */\nGROUP ( libm-2.a )\n' },
    });
    compileTo(join(folder, 'a.o'), answerSource);
    execFileSync('ar', ['rc', 'lib/libm-2.a', 'a.o'], { cwd: folder });
    expect(statusOf((await build(folder)).output)).toBe(42);
    const lock = JSON.parse(readFileSync(join(folder, 'casemate.lock'), 'utf8')) as { inputs: object };
    expect(Object.keys(lock.inputs)).toEqual(['lib/libm-2.a', 'lib/libm.a']);
  });

  it('leaves the folder as it was when it fails', async () => {
    const folder = projectOf({ files: { 'answer.c': 'int other;' } });
    const before = everything(folder);
    expect((await rejectionOf(build(folder))).code).toBe('undefined-symbol');
    writeFileSync(join(folder, 'answer.c'), 'nonsense');
    expect((await rejectionOf(build(folder))).code).toBe('compile');
    expect(everything(folder)).toEqual(before);
  });

  it('keeps the old image when a later build fails', async () => {
    const folder = projectOf({});
    const { output } = await build(folder);
    const before = readFileSync(output);
    writeFileSync(join(folder, 'answer.c'), 'int other;');
    await rejectionOf(build(folder));
    expect(readFileSync(output).equals(before)).toBe(true);
  });

  it('shows compiler warnings', async () => {
    const notes: string[] = [];
    await build(
      projectOf({ files: { 'answer.c': '#warning take care\nint answer(void) { return 1; }' } }),
      'verify',
      notes,
    );
    expect(notes.join('')).toContain('answer.c:1:2: warning: take care');
  });
});

describe('the lock', () => {
  it('stops a changed object with both hashes, until the change is accepted', async () => {
    const folder = projectOf({ manifest: { sources: ['start.c'], objects: ['vendor/a.o'] } });
    mkdirSync(join(folder, 'vendor'));
    const object = join(folder, 'vendor/a.o');
    compileTo(object, answerSource);
    expect((await build(folder)).lock.state).toBe('written');
    expect((await build(folder, 'frozen')).lock.state).toBe('kept');
    const before = sha256(readFileSync(object));
    compileTo(object, 'int answer(void) { return 7; }');
    const after = sha256(readFileSync(object));
    for (const mode of ['verify', 'frozen'] as const) {
      const { message } = await rejectionOf(build(folder, mode));
      expect(message).toContain(`vendor/a.o: SHA-256 is ${after}, the lock says ${before}`);
      expect(message).toContain('--update-lock');
    }
    expect((await build(folder, 'update')).lock).toEqual({ state: 'updated', changes: ['changed vendor/a.o'] });
    expect(statusOf((await build(folder)).output)).toBe(7);
  });

  it('holds headers and sources from a declared root, and not the project’s own', async () => {
    const vendor = project({ 'inc/deep/v.h': '#define ANSWER 42\n', 'src/more.c': 'int more;' });
    const folder = projectOf({
      manifest: {
        sources: ['start.c', 'answer.c', join(vendor, 'src/more.c')],
        include: ['own', join(vendor, 'inc')],
        roots: [vendor],
      },
      files: {
        'answer.c': '#include "own.h"\n',
        'own/own.h': '#include <deep/v.h>\nint answer(void) { return ANSWER; }\n',
      },
    });
    await build(folder);
    const lock = JSON.parse(readFileSync(join(folder, 'casemate.lock'), 'utf8')) as { inputs: object };
    expect(Object.keys(lock.inputs)).toEqual([join(vendor, 'inc/deep/v.h'), join(vendor, 'src/more.c')].sort());
    writeFileSync(join(vendor, 'inc/deep/v.h'), '#define ANSWER 43\n');
    expect((await rejectionOf(build(folder))).message).toContain('deep/v.h: SHA-256 is');
  });

  it('holds the members of a thin archive', async () => {
    const folder = projectOf({ manifest: { sources: ['start.c'], archives: ['lib/x.a'] } });
    mkdirSync(join(folder, 'lib'));
    compileTo(join(folder, 'lib/a.o'), answerSource);
    execFileSync('ar', ['rcT', 'lib/x.a', 'lib/a.o'], { cwd: folder });
    await build(folder);
    compileTo(join(folder, 'lib/a.o'), 'int answer(void) { return 7; }');
    expect((await rejectionOf(build(folder))).message).toContain('lib/a.o: SHA-256 is');
  });
});

describe('a hostile project', () => {
  it('reads no object, source, header or archive member from elsewhere', async () => {
    const away = project({ 'secret.h': '#define ANSWER 42\n', 'secret.c': answerSource });
    compileTo(join(away, 'secret.o'), answerSource);
    const outside = /outside (of )?the project/;
    const refuse = async (shape: Shape, prepare: (folder: string) => void = () => {}): Promise<void> => {
      const folder = projectOf(shape);
      prepare(folder);
      const error = await rejectionOf(build(folder));
      expect(error.code).toBe('manifest');
      expect(error.message).toMatch(outside);
      expect(existsSync(join(folder, 'casemate.lock'))).toBe(false);
    };
    await refuse({ manifest: { objects: [join(away, 'secret.o')] } });
    await refuse({ manifest: { objects: ['link.o'] } }, (folder) =>
      symlinkSync(join(away, 'secret.o'), join(folder, 'link.o')),
    );
    await refuse({ manifest: { sources: ['link.c'] } }, (folder) =>
      symlinkSync(join(away, 'secret.c'), join(folder, 'link.c')),
    );
    await refuse({ manifest: { include: [away] } });
    await refuse({ files: { 'answer.c': `#include "${away}/secret.h"\nint answer(void) { return ANSWER; }` } });
    await refuse({ manifest: { link: { script: `${away}/secret.h` } } });
    await refuse({ manifest: { archives: ['x.a'] }, files: { 'x.a': `GROUP(${away}/secret.o)` } });
    await refuse({ manifest: { sources: ['start.c'], archives: ['x.a'] } }, (folder) =>
      execFileSync('ar', ['rcT', 'x.a', join(away, 'secret.o')], { cwd: folder }),
    );
  });

  it('does not get its image written through a link to elsewhere', async () => {
    const away = project();
    const folder = projectOf({});
    symlinkSync(away, join(folder, 'build'));
    expect((await rejectionOf(build(folder))).message).toContain('outside the project');
    expect(everything(away)).toEqual([]);
  });

  it('does not hang on a pipe in the place of its files', async () => {
    for (const name of ['casemate.json', 'casemate.lock', 'start.c']) {
      const folder = projectOf({});
      rmSync(join(folder, name), { force: true });
      execFileSync('mkfifo', [join(folder, name)]);
      expect((await rejectionOf(build(folder))).message).toContain('not a regular file');
    }
  });

  it('does not make scripts that name one another go round for ever', async () => {
    const folder = projectOf({
      manifest: { archives: ['a.a'] },
      files: { 'a.a': 'INPUT(b.a)', 'b.a': 'INPUT(a.a)' },
    });
    expect((await rejectionOf(build(folder))).message).toContain('scripts that name one another');
  });

  it('gets a clear answer for inputs that are no inputs', async () => {
    for (const [content, code] of [
      ['', 'unsupported-input'],
      ['\u0000\u0001', 'unsupported-input'],
      ['hello world', 'script'],
      ['\u007fELF', 'malformed-elf'],
      ['!<arch>\nnonsense', 'malformed-archive'],
    ] as const) {
      const folder = projectOf({ manifest: { objects: ['x.o'] }, files: { 'x.o': content } });
      const error = await rejectionOf(build(folder));
      expect([content, error.code]).toEqual([content, code]);
      expect(error.message).toContain('x.o');
    }
  });
});

describe('an hvt image', () => {
  const app = `
#include "solo5.h"
int solo5_app_main(const struct solo5_start_info *si) {
  (void)si;
  solo5_console_write("hi\\n", 3);
  return SOLO5_EXIT_SUCCESS;
}
`;
  it('carries the platform layer and both notes, and is the same in any folder', async () => {
    const shape = {
      manifest: {
        target: 'hvt',
        sources: ['app.c'],
        cflags: ['-g'],
        devices: [{ name: 'disk0', type: 'block' }],
      },
      files: { 'app.c': app },
    };
    // Of objects compiled here, and of those that another build kept, if any has, which were compiled elsewhere.
    const [a, b] = await Promise.all([true, false].map((afresh) => build(projectOf(shape), 'verify', [], afresh)));
    expect(a.output.endsWith('build/prog.hvt')).toBe(true);
    const image = readFileSync(a.output);
    expect(image.equals(readFileSync(b.output))).toBe(true);
    const notes = execFileSync('readelf', ['-n', '-W', a.output], { encoding: 'utf8' });
    expect(notes.match(/Solo5/g)).toHaveLength(2);
    expect(image.includes('disk0')).toBe(true);
    expect(image.includes('casemate-test-')).toBe(false);
    const lock = JSON.parse(readFileSync(join(a.output, '../../casemate.lock'), 'utf8')) as { inputs: object };
    expect(lock.inputs).toEqual({});
  });

  it('carries what a launch needs to slide it, and what cannot be slid says why', async () => {
    const { output } = await build(
      projectOf({ manifest: { target: 'hvt', sources: ['app.c'] }, files: { 'app.c': app } }),
    );
    const file = readElfFile(readFileSync(output), output);
    const info = readSlideInfo(file, output)!;
    expect(info.units.offset.length).toBeGreaterThan(20);
    const segmentAddress = info.segments.map(({ address }) => address + 0x200000);
    const slid = applyLayout(file, info, { ...identityLayout(info), segmentAddress });
    checkSlide(file, slid, info);
    expect(readHvtImage(writeElfFile(slid), output).entry).toBe(
      readHvtImage(readFileSync(output), output).entry + 0x200000n,
    );

    const table = 'long table[2] = {1, 2};';
    const script = 'SECTIONS { .extra : { QUAD(table) } } INSERT AFTER .data;';
    const notes: string[] = [];
    const shape = {
      manifest: { target: 'hvt', sources: ['app.c'], link: { script: 'l.ld' } },
      files: { 'app.c': `${app}\n${table}`, 'l.ld': script },
    };
    const stuck = await build(projectOf(shape), 'update', notes);
    expect(readSlideInfo(readElfFile(readFileSync(stuck.output), 'stuck'), 'stuck')).toBeUndefined();
    expect(notes.join('\n')).toMatch(
      /warning: prog\.hvt: cannot be slid at launch: .*l\.ld:1: section \.extra stores a value/,
    );
  });

  it('is hardened when the manifest asks for it, as casemate harden does, with warnings for what cannot be', async () => {
    const manifest = { target: 'hvt', sources: ['app.c'] };
    const plain = await build(projectOf({ manifest, files: { 'app.c': app } }));
    const harden = { require: ['xom'], stack: 256 };
    const notes: string[] = [];
    const hardened = await build(
      projectOf({ manifest: { ...manifest, harden }, files: { 'app.c': app } }),
      'update',
      notes,
    );
    const options = { require: ['xom'], stack: 256 << 10, executeOnly: 'auto' } as const;
    const { bytes, protections } = hardenImage(readFileSync(plain.output), 'prog.hvt', options);
    expect(protections.every(({ enforced }) => enforced)).toBe(true);
    expect(readFileSync(hardened.output).equals(bytes)).toBe(true);
    expect(notes).toEqual([]);
    const never = { ...manifest, harden: { executeOnly: 'never' } };
    await build(projectOf({ manifest: never, files: { 'app.c': app } }), 'update', notes);
    expect(notes.join('')).toBe(
      'casemate: warning: prog.hvt: not enforced: execute-only text: not wanted (--execute-only never)\n',
    );
  });

  it('must fit in the memory that the manifest promises', async () => {
    const big = `${app.replace('(void)si;', 'big[1] = 0;').replace('int solo5_app', 'static volatile char big[2 << 20];\nint solo5_app')}`;
    const folder = projectOf({
      manifest: { target: 'hvt', sources: ['app.c'], cflags: ['-Wno-everything'], memory: 2 },
      files: { 'app.c': big },
    });
    const error = await rejectionOf(build(folder));
    expect(error.code).toBe('image');
    expect(error.message).toMatch(/^prog\.hvt: needs 0x3[0-9a-f]{5} bytes of memory; the guest has 0x200000$/);
    expect(existsSync(join(folder, 'build'))).toBe(false);
  });

  it('that brings its own start-up code is checked against the tender’s rules all the same', async () => {
    const folder = projectOf({ manifest: { target: 'hvt', platform: 'none' } });
    const error = await rejectionOf(build(folder));
    expect(error.code).toBe('image');
    expect(error.message).toBe('prog.hvt: no Solo5 ABI note (ABI1): not a Solo5 image');
  });
});
