/** TypeScript in a build: proved, lowered and linked beside C, or an error that names the line and leaves nothing behind. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { verifiedText } from '../../cli/build.ts';
import { readElfFile } from '../../linker/elf-file.ts';
import { noteAssembly } from '../../lowering/c/note.ts';
import { auditImage } from '../../pipeline/audit.ts';
import { type BuildResult, buildProject } from '../../pipeline/build.ts';
import { sha256 } from '../../pipeline/lock.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { openProverFor } from '../../pipeline/prove.ts';
import type { ProofOptions } from '../../pipeline/verified.ts';
import { noteText } from '../../pipeline/verified-record.ts';
import { defaultSteps } from '../../proofs/smt/steps.ts';
import { temporaryFolder } from '../support/paths.ts';
import { project, rejectionOf } from './support.ts';

/** A program for Linux that needs no C library: exits with the value of answer(). */
const startSource = `
int answer(void);
void _start(void) {
  __asm__ volatile("andq $-16, %rsp");
  __asm__ volatile("syscall" : : "a"(60), "D"(answer()));
  __builtin_trap();
}
`;

const callerSource = 'unsigned char half(unsigned char n);\nint answer(void);\nint answer(void) { return half(84); }\n';
const halfSource = `import type { u8 } from 'casemate';
/** @ensures result <= 127 */
export function half(n: u8): u8 { return n >>> 1; }
`;
const brokenSource = `import type { u8 } from 'casemate';

/** @ensures result < 10 */
export function half(n: u8): u8 {
  return n >>> 1;
}
`;

interface Shape {
  readonly manifest?: object;
  readonly files: Record<string, string | Uint8Array>;
}

/** It is compiled once: most builds have it as an object. */
const startObject = join(temporaryFolder('start'), 'start.o');
execFileSync('clang', ['-O2', '-ffreestanding', '-c', '-x', 'c', '-', '-o', startObject], { input: startSource });
const start = readFileSync(startObject);

/** A manifest that names sources of its own names start.c as the first. */
function projectOf({ manifest, files }: Shape): string {
  const sources = Object.keys(files).filter((name) => /^[\w-]+\.(ts|c)$/.test(name));
  const own = manifest !== undefined && 'sources' in manifest ? {} : { sources, objects: ['start.o'] };
  const json = { name: 'prog', target: 'elf', ...own, ...manifest };
  return project({ 'casemate.json': JSON.stringify(json), 'start.c': startSource, 'start.o': start, ...files });
}

/** One for all builds, so that the solvers start once, and are asked what they have not been. */
const cache = { folder: mkdtempSync(join(tmpdir(), 'casemate-proofs-')), secret: randomBytes(32) };
const prover = openProverFor({ budget: defaultSteps, crossCheck: false, cache });
afterAll(() => {
  prover.close();
  rmSync(cache.folder, { recursive: true });
});

function build(folder: string, notes: string[] = [], proofs: ProofOptions = { prover }) {
  const write = (text: string): number => notes.push(text);
  const progress = createProgress({ write, terminal: false, verbose: false, now: () => 0, patience: 60_000 });
  return buildProject({ folder, lock: 'verify', progress, proofs });
}

/** What is known of each function in the image. */
const statuses = (verified: BuildResult['verified']) =>
  Object.fromEntries(verified!.functions.map(({ function: name, status }) => [name, status]));

const everything = (folder: string): string[] => (readdirSync(folder, { recursive: true }) as string[]).sort();

function statusOf(program: string): number {
  try {
    execFileSync(program);
    return 0;
  } catch (error) {
    return (error as { status: number }).status;
  }
}

/** The error of a build that has left its folder as it was, and what it told. */
async function refusal(shape: Shape, proofs?: ProofOptions) {
  const folder = projectOf(shape);
  const before = everything(folder);
  const notes: string[] = [];
  const error = await rejectionOf(build(folder, notes, proofs));
  expect(everything(folder)).toEqual(before);
  return { code: error.code, message: error.message, notes: notes.join('') };
}

describe('TypeScript with contracts', () => {
  it('is proved, lowered, and called by C through its header', async () => {
    const caller = callerSource.replace('unsigned char half(unsigned char n);', '#include "verified.h"');
    // The C library's stdint.h is foreign.
    const manifest = { roots: ['/usr/include'] };
    const folder = projectOf({ manifest, files: { 'half.ts': halfSource, 'caller.c': caller } });
    const { output, verified } = await build(folder);
    expect(statuses(verified)).toEqual({ 'half.ts:half': 'proved' });
    expect(statusOf(output)).toBe(42);
  });

  it('is a program when it exports main, which calls functions of C that it declares', async () => {
    const main = `import type { u8 } from 'casemate';
import { next } from './lib/next';
/** @trusted */
export declare function keep(status: u8): void;
/** @verified */
export function main(): void { keep(next(41)); }
`;
    const files = {
      'main.ts': main,
      'lib/next.ts': `
import type { u8 } from 'casemate';
/** @verified */
export function next(n: u8): u8 { return (n + 1) & 255; }
`,
      'keep.c': `
void keep(unsigned char status);
struct solo5_start_info;
int solo5_app_main(const struct solo5_start_info *info);
static int kept;
void keep(unsigned char status) { kept = status; }
int answer(void);
int answer(void) { return solo5_app_main(0) + kept; }
`,
    };
    const folder = projectOf({ files });
    const { output, verified } = await build(folder);
    // What the compiler made part of its caller has no code of its own.
    expect(statuses(verified)).toEqual({ 'main.ts:main': 'relying', 'lib/next.ts:next': 'absent' });
    expect(verified!.functions.map(({ relies }) => relies)).toEqual([['main.ts:keep'], undefined]);
    expect(verified!.trusted).toEqual(['main.ts:keep']);
    expect(verified!.assumptions[0]).toBe('main.ts: keep is trusted');
    expect(statusOf(output)).toBe(42);
    // Only what C may call has a symbol of its own.
    const symbols = execFileSync('nm', [output], { encoding: 'utf8' });
    expect(symbols).toMatch(/T solo5_app_main/);
    expect(symbols).not.toMatch(/T (main|v_main|next)\b/);
  });

  it('may come from a declared root, and the lock holds it then', async () => {
    const outside = project({ 'half.ts': `export * from './impl';\n${halfSource}`, 'impl.ts': 'export {};' });
    const manifest = { roots: [outside], sources: ['start.c', join(outside, 'half.ts'), 'caller.c'] };
    const folder = projectOf({ manifest, files: { 'caller.c': callerSource } });
    expect(statusOf((await build(folder)).output)).toBe(42);
    const lock = JSON.parse(readFileSync(join(folder, 'casemate.lock'), 'utf8')) as { inputs: object };
    expect(Object.keys(lock.inputs)).toEqual([join(outside, 'half.ts'), join(outside, 'impl.ts')]);
  });
});

describe('an unproved function', () => {
  it('stops the build, with its place, clause and values', async () => {
    const { code, message, notes } = await refusal({ files: { 'half.ts': brokenSource, 'caller.c': callerSource } });
    expect(code).toBe('unproved');
    expect(message).toMatch(/^half\.ts:5:3: half: ensures: result < 10: is not proved; .*waive half\.ts:half/);
    expect(notes).toMatch(/confirmed bug/);
  });

  it('stops the build where no solver decides, too', async () => {
    const hard = `
/** @ensures a * a * a + b * b * b !== c * c * c + 3 || a * b === 0 || c > 100 */
export function half(a: number, b: number, c: number): void {}
`.replaceAll(': number', ": import('casemate').u16");
    const { code, message } = await refusal({ files: { 'half.ts': hard } }, { budget: 1 });
    expect(code).toBe('undecided');
    expect(message).toMatch(/^half\.ts:3:\d+: half: ensures: .* no solver decides it/);
  });

  it('is built and warned of when the manifest waives it by name', async () => {
    const files = { 'half.ts': brokenSource, 'caller.c': callerSource };
    const manifest = { waive: [{ function: 'half.ts:half', reason: 'an old client' }] };
    const notes: string[] = [];
    const { output, verified } = await build(projectOf({ manifest, files }), notes);
    expect(notes).toEqual(['casemate: warning: half.ts:half: not proved, waived: an old client\n']);
    expect(statuses(verified)).toEqual({ 'half.ts:half': 'waived' });
    expect(statusOf(output)).toBe(42);
  });

  it('is not waived by a waiver of something else', async () => {
    const files = { 'half.ts': brokenSource, 'caller.c': callerSource };
    const waive = [{ function: 'half.ts:whole', reason: 'x' }];
    expect(await refusal({ manifest: { waive }, files })).toMatchObject({
      code: 'manifest',
      message: expect.stringMatching(
        /waive\[0\]\.function: there is no function half\.ts:whole; there are half\.ts:half/,
      ),
    });
    const twice = [...waive, ...waive];
    expect((await refusal({ manifest: { waive: twice }, files })).message).toMatch(/again; waive a function once/);
    expect((await refusal({ manifest: { waive }, files: { 'caller.c': '' } })).message).toMatch(/nothing to waive/);
  });
});

describe('what is proved from a waived function', () => {
  const text = `import { ghost, type u8 } from 'casemate';
/** @ensures result < 10 */ export function half(n: u8): u8 { return n >>> 1; }
/** @requires n < 10 */ function low(n: u8): u8 { return n; }
/** @verified */ function middle(n: u8): u8 { return low(half(n)); }
/** @verified */ export function top(n: u8): u8 { return middle(n); }
/** @ensures false */ function lemma(n: u8): void {}
/** @ensures result === 7 */ export function absurd(n: u8): u8 { ghost(() => lemma(n)); return n; }
/** @requires n < 100 */ export function plain(n: u8): u8 { return n + 1; }
`;
  const caller =
    'unsigned char top(unsigned char n), absurd(unsigned char n), plain(unsigned char n);\nint answer(void);\nint answer(void) { return plain(absurd(top(N) + 1)); }\n';
  const waive = ['half', 'lemma'].map((name) => ({ function: `a.ts:${name}`, reason: 'old' }));
  const shape = (n: number, manifest: object = {}): Shape => ({
    manifest: { cflags: [`-DN=${n}`], waive, ...manifest },
    files: { 'a.ts': text, 'c.c': caller },
  });

  it('is said to rely on it, through callees and lemmas too: in what is told, the record, the note and the summary', async () => {
    const notes: string[] = [];
    const { output, verified } = await build(projectOf(shape(4)), notes);
    expect(statusOf(output)).toBe(4);
    const verdicts = verified!.functions.map(({ function: name, verdict, relies }) => [name, verdict, relies]);
    expect(verdicts).toEqual([
      ['a.ts:half', 'waived', undefined],
      ['a.ts:low', 'proved', undefined],
      ['a.ts:middle', 'relying', ['a.ts:half']],
      ['a.ts:top', 'relying', ['a.ts:half']],
      ['a.ts:absurd', 'relying', ['a.ts:lemma']],
      ['a.ts:plain', 'proved', undefined],
    ]);
    expect(statuses(verified)).toMatchObject({
      'a.ts:top': 'relying',
      'a.ts:absurd': 'relying',
      'a.ts:plain': 'proved',
    });
    expect(notes).toContain('casemate: warning: a.ts:top: proved, relying on a.ts:half\n');
    const { sections } = readElfFile(readFileSync(output), 'image');
    const note = Buffer.from(sections.find(({ name }) => name === '.note.casemate')!.data).toString();
    expect(note).toMatch(/"function":"a\.ts:absurd",[^}]*"verdict":"relying","relies":\["a\.ts:lemma"\]/);
    expect(note.match(/"verdict":"proved"/g)).toHaveLength(2);
    const shown = verifiedText(verified!);
    expect(shown).toMatch(/^verified: 1 function proved in the image, \d proved as far as what they rely on/);
    expect(shown).toContain('\na.ts:absurd: proved, relying on a.ts:lemma\n');
  });

  it('calls what is proved as C does, so that a broken promise ends the program', async () => {
    // half(84) is 42, which low does not allow.
    expect(statusOf((await build(projectOf(shape(84)))).output)).toBe(null);
  });

  it('is refused by a strict build, until it is waived itself', async () => {
    const { message, notes } = await refusal(shape(4, { strict: true }));
    expect(message).toMatch(/^a\.ts:middle: proved, relying on a\.ts:half .*strict build.*waive a\.ts:middle/);
    expect(notes).toContain('a.ts:absurd: proved, relying on a.ts:lemma\n');
    const all = ['half', 'lemma', 'middle', 'top', 'absurd'];
    const named = all.map((name) => ({ function: `a.ts:${name}`, reason: 'old' }));
    const { verified } = await build(projectOf(shape(4, { strict: true, waive: named })));
    expect(statuses(verified)).toMatchObject({ 'a.ts:top': 'relying' });
  });
});

describe('what is proved', () => {
  const lost = async (manifest: object, files: Record<string, string> = {}) => {
    const notes: string[] = [];
    const shape = { manifest, files: { 'half.ts': halfSource, 'caller.c': callerSource, ...files } };
    const { verified, output } = await build(projectOf(shape), notes);
    const [{ status, reason }] = verified!.functions;
    expect(notes.join('')).toContain(`half.ts:half: what is proved does not hold in the image: ${reason}`);
    return { status, reason, exit: statusOf(output) };
  };
  const other = 'unsigned char other(unsigned char n);\nunsigned char other(unsigned char n) { return n; }\n';

  it('is lost where an option leads calls elsewhere', async () => {
    expect(await lost({ link: { wrap: ['half'] } }, { 'w.c': other.replaceAll('other', '__wrap_half') })).toEqual({
      ...{ status: 'lost', reason: '"wrap" leads calls of half to __wrap_half', exit: 84 },
    });
    const files = { 'half.ts': halfSource, 'caller.c': callerSource, 'x.c': other };
    const strict = await refusal({ manifest: { strict: true, link: { defsym: ['half=other'] } }, files });
    expect(strict).toMatchObject({
      code: 'unproved',
      message: expect.stringMatching(/^half\.ts:half: .*strict build/),
    });
  });

  it('stays proved behind a veneer that keeps its result, and its code there is what is looked at', async () => {
    const files = { 'half.ts': halfSource, 'caller.c': callerSource };
    const { verified, output, image } = await build(projectOf({ manifest: { link: { wipe: ['half'] } }, files }));
    expect(verified!.functions).toMatchObject([{ status: 'proved', places: [{ symbol: '__unwiped_half' }] }]);
    expect(verified!.assumptions.join()).not.toContain('half of ');
    expect(statusOf(output)).toBe(42);
    const [{ address }] = verified!.functions[0].places;
    const [text] = image.segments.filter(({ address: at, fileSize }) => at <= address && address < at + fileSize);
    const bytes = image.bytes.slice();
    bytes[address - text.address + text.offset] ^= 1;
    const { functions } = verified!;
    const job = { functions, object: 'verified.c.o', image, wrap: [], trusts: new Map() };
    const returns = new Map([['half.ts:half', 1]]);
    const veneers = { wiped: [], object: 'casemate-wipe.o' };
    // What stands there is a veneer only by what the build itself knows of it.
    expect(auditImage({ ...job, returns, veneers, bytes: image.bytes }).functions[0]).toMatchObject({
      ...{ status: 'lost', reason: 'half is defined by casemate-wipe.o' },
    });
    const wiped = (await build(projectOf({ manifest: { link: { wipe: ['half'] } }, files }))).wiped!;
    expect(auditImage({ ...job, returns, veneers: { ...veneers, wiped }, bytes }).functions[0]).toMatchObject({
      ...{ status: 'lost', reason: expect.stringContaining('has not the code of __unwiped_half') },
    });
  });

  it('is lost behind a veneer that clears its result', async () => {
    expect(await lost({ link: { wipe: ['half=none'] } })).toEqual({
      ...{ status: 'lost', reason: 'the veneer that wipes after half clears what it returns in rax', exit: 0 },
    });
  });

  it('is lost where an input is called as the veneers are, and stands in front', async () => {
    const manifest = {
      ...{ sources: ['start.c', 'half.ts', 'caller.c'], objects: ['casemate-wipe.o'] },
      link: { allowMultipleDefinition: true, wipe: ['answer'] },
    };
    const folder = projectOf({ files: { 'x.c': other.replaceAll('other', 'half') } });
    execFileSync('clang', ['-c', '-O1', join(folder, 'x.c'), '-o', join(folder, 'casemate-wipe.o')]);
    const object = readFileSync(join(folder, 'casemate-wipe.o'));
    const files = { 'half.ts': halfSource, 'caller.c': callerSource, 'casemate-wipe.o': object };
    const { verified } = await build(projectOf({ manifest, files }));
    expect(verified!.functions).toMatchObject([{ status: 'lost', reason: 'half is defined by casemate-wipe.o, too' }]);
  });

  it('is lost where another object is first to define the name', async () => {
    const manifest = { sources: ['start.c', 'x.c', 'half.ts', 'caller.c'], link: { allowMultipleDefinition: true } };
    expect(await lost(manifest, { 'x.c': other.replaceAll('other', 'half') })).toEqual({
      ...{ status: 'lost', reason: 'half is defined by x.c.o', exit: 84 },
    });
  });

  it('is lost where the link gives the name another value', async () => {
    expect(await lost({ link: { defsym: ['half=other'] } }, { 'x.c': other })).toEqual({
      ...{ status: 'lost', reason: "half is given a value by the link's options or script", exit: 84 },
    });
  });

  it('is lost where several objects define the name, though the link takes ours', async () => {
    const weak = other.replace('unsigned char other', '__attribute__((weak)) unsigned char other');
    expect(await lost({}, { 'x.c': weak.replaceAll('other', 'half') })).toEqual({
      ...{ status: 'lost', reason: 'half is defined by x.c.o, too', exit: 42 },
    });
  });

  it('is lost where what the compiler calls, or a failed test ends in, is led elsewhere', async () => {
    const text = halfSource
      .replace('/** @ensures', '/**\n * @requires n < 200\n * @ensures')
      .replace('127 */', '127\n */');
    const name = 'casemate_precondition_failed';
    const files = { 'half.ts': text, 'w.c': `void __wrap_${name}(void);\nvoid __wrap_${name}(void) {}\n` };
    expect(await lost({ link: { wrap: [name] } }, files)).toEqual({
      ...{ status: 'lost', reason: `"wrap" leads calls of ${name} to __wrap_${name}`, exit: 42 },
    });
  });

  describe('from a trusted function', () => {
    const files = {
      'a.ts': `import type { u8 } from 'casemate';
/** @trusted */ export declare function digit(n: u8): u8;
/** @verified */ function inner(n: u8): u8 { return digit(n); }
/** @verified */ export function twice(n: u8): u8 { return inner(n >>> 1); }
/** @verified */ export function apart(n: u8): u8 { return n; }`,
      'c.c': `unsigned char digit(unsigned char n), twice(unsigned char n), apart(unsigned char n);
unsigned char digit(unsigned char n) { return n % 10; }
int answer(void);
int answer(void) { return apart(twice(7)); }`,
    };
    const audited = async (manifest: object, more: Record<string, string> = {}) => {
      const { verified } = await build(projectOf({ manifest, files: { ...files, ...more } }));
      return Object.fromEntries(
        verified!.functions.map(({ function: name, status, reason }) => [name, reason ?? status]),
      );
    };

    it.each([
      [
        'an option leads its name elsewhere',
        { link: { wrap: ['digit'] } },
        {
          'x.c':
            'unsigned char __wrap_digit(unsigned char n);\nunsigned char __wrap_digit(unsigned char n) { return n; }',
        },
        '"wrap" leads calls of digit to __wrap_digit',
      ],
      [
        'its name is given a value',
        { link: { defsym: ['digit=other'] } },
        { 'x.c': other },
        "digit is given a value by the link's options or script",
      ],
      [
        'a weak definition stands beside it',
        {},
        { 'x.c': '__attribute__((weak)) int digit(int n);\nint digit(int n) { return n; }' },
        'digit is defined by c.c.o and by x.c.o',
      ],
    ])('is lost where %s', async (_, manifest, more, reason) => {
      const text = `it relies on a.ts:digit, and ${reason}`;
      expect(await audited(manifest, more)).toEqual({ 'a.ts:inner': text, 'a.ts:twice': text, 'a.ts:apart': 'proved' });
    });

    it('is refused by a strict build where it is lost', async () => {
      const waive = [{ function: 'a.ts:digit', reason: 'read' }];
      const { code, message } = await refusal({
        manifest: { strict: true, waive, link: { defsym: ['digit=other'] } },
        files: { ...files, 'x.c': other },
      });
      expect([code, message]).toEqual(['unproved', expect.stringMatching(/^a\.ts:inner: .* relies on a\.ts:digit/)]);
    });
  });

  describe('is not what a note of another object says:', () => {
    /** C that puts the claim of a build into an object. */
    const claim = (section: string, kind = '%note'): string =>
      noteAssembly(
        noteText([
          { function: 'x.c:x', symbol: 'x', code: 'x', verdict: 'proved', source: '', contract: '', proof: '' },
        ]),
      )
        .replace('.note.casemate', section)
        .replace('%note', kind);
    const notesIn = (path: string): string[] =>
      readElfFile(readFileSync(path), 'image').sections.flatMap(
        ({ data }) =>
          Buffer.from(data)
            .toString('latin1')
            .match(/"function":"[^"]*"/g) ?? [],
      );

    it('beside our own it is left out, with a warning', async () => {
      const files = { 'half.ts': halfSource, 'caller.c': callerSource, 'x.c': claim('.note.casemate') };
      const notes: string[] = [];
      const { verified, output } = await build(projectOf({ files }), notes);
      expect(notes.join('')).toContain('x.c.o: its note on verified code is not of this build, and is left out');
      expect(notesIn(output)).toEqual(['"function":"half.ts:half"']);
      expect(statuses(verified)).toEqual({ 'half.ts:half': 'proved' });
    });

    it('of a program without verified code it is left out, too', async () => {
      const notes: string[] = [];
      const files = { 'x.c': `${claim('.note.casemate')}\nint answer(void);\nint answer(void) { return 3; }` };
      const { output } = await build(projectOf({ files }), notes);
      expect(notesIn(output)).toEqual([]);
      expect(notes.join('')).toContain('x.c.o: its note on verified code');
      expect(statusOf(output)).toBe(3);
    });

    it('under another name, or in a section that is called so by the layout, it stops the build', async () => {
      const files = { 'half.ts': halfSource, 'caller.c': callerSource, 'x.c': claim('.note.other') };
      expect(await refusal({ files })).toMatchObject({
        code: 'image',
        message: expect.stringMatching(
          /^\.note\.other, at 0x0: holds a note on verified code that is not of this build/,
        ),
      });
      const script =
        'SECTIONS { . = 0x400000; .text : { *(.text .text.*) } .data : { *(.data .bss) } .note.casemate : { *(.hidden) } }';
      const hidden = { ...files, 'x.c': claim('.hidden', '%progbits'), 'layout.ld': script };
      expect((await refusal({ manifest: { link: { script: 'layout.ld' } }, files: hidden })).message).toMatch(
        /^\.note\.casemate, at 0x\w+: holds a note on verified code/,
      );
    });

    it('and no object has the name of ours', async () => {
      const named = { 'half.ts': halfSource, 'caller.c': callerSource, 'verified.c': '' };
      expect((await refusal({ files: named })).message).toMatch(/^verified\.c\.o: an input is called as/);
    });
  });

  it('is said in a note of its object, and the image is the same in any folder, with debug information in it', async () => {
    const shape = { manifest: { cflags: ['-g'] }, files: { 'half.ts': halfSource, 'caller.c': callerSource } };
    const [{ output, verified, image }, other] = [await build(projectOf(shape)), await build(projectOf(shape))];
    expect(Buffer.compare(readFileSync(output), readFileSync(other.output))).toBe(0);
    const { sections } = readElfFile(readFileSync(output), 'image');
    const { data, flags } = sections.find(({ name }) => name === '.note.casemate')!;
    expect(flags & 2).toBe(0);
    expect(Buffer.from(data.subarray(12, 20)).toString()).toBe('casemate');
    const length = new DataView(data.buffer, data.byteOffset).getUint32(4, true);
    const { functions } = JSON.parse(Buffer.from(data.subarray(24, 24 + length)).toString()) as { functions: object[] };
    expect(functions).toEqual([
      {
        ...{ function: 'half.ts:half', symbol: 'half', code: 'half_inner', verdict: 'proved' },
        source: sha256(Buffer.from(halfSource)),
        contract: sha256(Buffer.from('half(n: u8): u8\nensures result <= 127\n')),
        // Its types imply all of it.
        proof: sha256(Buffer.from('')),
      },
    ]);
    expect(verified!.functions[0]).toMatchObject(functions[0]);
    // A byte of the code that is another one is seen.
    const { address, size } = verified!.functions[0].places.at(-1)!;
    const [text] = image.segments.filter(
      ({ address: start, fileSize }) => start <= address && address < start + fileSize,
    );
    const bytes = image.bytes.slice();
    bytes[address + size - 1 - text.address + text.offset] ^= 1;
    const audited = auditImage({
      functions: verified!.functions,
      object: 'verified.c.o',
      image,
      bytes,
      wrap: [],
      trusts: new Map(),
      returns: new Map(),
    });
    expect(audited.functions[0]).toMatchObject({
      status: 'lost',
      reason: expect.stringMatching(/has not the code of half/),
    });
  });
});

it('what reads constants is lost when the image has others; and what other objects do is believed by name', async () => {
  const files = {
    'half.ts': `import type { u8 } from 'casemate';
const halves = new Uint8Array([0, 40, 41, 42, 43, 44, 45, 46]);
/** @requires n < 8 */
export function half(n: u8): u8 { return halves[n]; }
`,
    'caller.c': callerSource.replace('84', '3'),
  };
  const { output, verified, image } = await build(projectOf({ files }));
  expect(statusOf(output)).toBe(42);
  expect(statuses(verified)).toEqual({ 'half.ts:half': 'proved' });
  expect(verified!.assumptions.at(-1)).toMatch(/^casemate_precondition_failed of \S+\/trap\.c\.o does what /);
  const bytes = Buffer.from(image.bytes);
  const at = bytes.indexOf(Buffer.from([0, 40, 41, 42, 43, 44, 45, 46]));
  bytes[at + 3] = 99;
  const { functions } = auditImage({
    ...{ functions: verified!.functions, object: 'verified.c.o', image, bytes, wrap: [] },
    ...{ trusts: new Map(), returns: new Map() },
  });
  expect(functions[0]).toMatchObject({
    status: 'lost',
    reason: expect.stringMatching(/has not the constants of \.rodata/),
  });
});

describe('a strict build', () => {
  const files = {
    'a.ts': `import type { u8 } from 'casemate';
/** @pure */ function spec(b: bigint): boolean { return b >= 0n; }
/** @trusted */ export declare function put(n: u8): void;
/** @requires spec(BigInt(n)) */ export function half(n: u8): void { put(n); }`,
    'c.c':
      'void put(unsigned char n);\nvoid put(unsigned char n) { (void)n; }\nvoid half(unsigned char n);\nint answer(void) { half(84); return 42; }\n',
  };

  it('stops at what is assumed, and goes on where the manifest names it', async () => {
    const { message, notes } = await refusal({ manifest: { strict: true }, files });
    expect(message).toMatch(/^a\.ts:put: is trusted: .* \(and 1 more above\); .* waive a\.ts:put and say why/);
    expect(notes).toMatch(/a\.ts:half: requires spec\(BigInt\(n\)\), which nothing tests .*: spec has no form in C/);
    const waive = ['put', 'half'].map((name) => ({ function: `a.ts:${name}`, reason: 'reviewed' }));
    const told: string[] = [];
    const { verified } = await build(projectOf({ manifest: { strict: true, waive }, files }), told);
    expect(told.join('')).toContain('a.ts:put: trusted, waived: reviewed');
    expect(verified!.assumptions[0]).toMatch(/^a\.ts:half: callers in C meet spec/);
  });
});

describe('an error at its line:', () => {
  const main = '/** @verified */ export function main(): void {}';

  it.each([
    [
      'a type error',
      { 'a.ts': '/** @verified */\nexport function f(): boolean { return 1; }' },
      'compile',
      /^a\.ts:2:/,
    ],
    [
      'a construct that is not in the language',
      { 'a.ts': '/** @verified */\nexport function f(): void { eval("1"); }' },
      'compile',
      /^a\.ts:2:/,
    ],
    [
      'a construct that is not lowered',
      {
        'a.ts': "/** @throws {Error} n > 5 */\nexport function f(n: number): void { if (n > 5) throw new Error('n'); }",
      },
      'compile',
      /^a\.ts:2:17: f throws, which is not lowered/,
    ],
    [
      'two programs',
      { 'a.ts': main, 'b.ts': main },
      'compile',
      /^b\.ts:1:34: main is exported here and at a\.ts:1:34;/,
    ],
    [
      'a program in TypeScript and one in C',
      { 'a.ts': main, 'b.c': 'int solo5_app_main(const void *i) { return i == 0; } int answer(void) { return 0; }' },
      'duplicate-symbol',
      /solo5_app_main.*verified\.c\.o.*b\.c\.o/,
    ],
    [
      'a program without a contract',
      { 'a.ts': 'export function main(): void {}\n/** @verified */ export function f(): void {}' },
      'compile',
      /^a\.ts:1:17: main has no contract/,
    ],
    [
      'a program with a precondition',
      { 'a.ts': 'const N = 3;\n/** @requires N > 2 */ export function main(): void {}' },
      'compile',
      /^a\.ts:2:40: main has a precondition/,
    ],
    [
      'a program with a result',
      { 'a.ts': '/** @verified */ export function main(): boolean { return true; }' },
      'compile',
      /main returns a value/,
    ],
    ['a file without a contract', { 'a.ts': 'export const a = 1;' }, 'compile', /^a\.ts: no exported function/],
    [
      'a function of C whose name C does not allow',
      {
        'a.ts':
          '/** @trusted */ export declare function $x(): void;\n/** @verified */ export function f(): void { $x(); }',
      },
      'compile',
      /^a\.ts:1:41: \$x has no body, and C cannot have a function of that name/,
    ],
    ['a declaration file', { 'a.ts': main, 'a.d.ts': '' }, 'manifest', /sources\[2\]: found "a\.d\.ts"/],
  ])('%s', async (name, files, code, message) => {
    const manifest = name === 'a declaration file' ? { sources: ['start.c', 'a.ts', 'a.d.ts'] } : {};
    expect(await refusal({ manifest, files })).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('what is imported from outside the project', async () => {
    const outside = project({ 'half.ts': halfSource });
    const text = `import { half } from '${join('..', outside.split('/').at(-1)!, 'half')}';
/** @verified */ export function f(): u8 { return half(4); }`;
    const { code, message } = await refusal({ files: { 'a.ts': text } });
    expect([code, message]).toEqual(['compile', expect.stringMatching(/^a\.ts:/)]);
  });

  it('a compiler that is missing, before anything is proved', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '/nowhere';
    try {
      expect(await refusal({ files: { 'half.ts': brokenSource } })).toMatchObject({ code: 'tool', notes: '' });
    } finally {
      process.env['PATH'] = path;
    }
  });
});
