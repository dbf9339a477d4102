import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import { parseCommandLine } from '../../../cli/ld/parse.ts';
import { splitArguments } from '../../../cli/ld/response.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { run } from '../../support/run.ts';
import { requireTool, requireTools, type Tool } from '../../support/tools.ts';

requireTools('gcc', 'g++', 'clang', 'ld', 'riscv64-linux-gnu-gcc', 'riscv64-unknown-elf-gcc');

const parse = (line: string) => parseCommandLine(line.split(' '));
const options = (line: string) => parse(`${line} a.o`).options;

function failure(argv: readonly string[]): string {
  try {
    parseCommandLine(argv);
  } catch (error) {
    expect(error).toBeInstanceOf(CasemateError);
    expect((error as CasemateError).message).not.toMatch(/\n/);
    return `${(error as CasemateError).code}: ${(error as CasemateError).message}`;
  }
  return 'no failure';
}

describe('spellings', () => {
  it.each(['--gc-sections', '-gc-sections', '--gc-sec'])('%s', (flag) => expect(options(flag).gcSections).toBe(true));

  it.each(['-z max-page-size=0x1000', '-zmax-page-size=0x1000', '-z max-page-size=4096', '-z max-page-size=010000'])(
    '%s',
    (flags) => expect(options(flags).maxPageSize).toBe(0x1000),
  );

  it.each(['-e go', '-ego', '--entry go', '--entry=go', '-entry go', '-entry=go'])('%s', (flags) =>
    expect(options(flags).entry).toBe('go'),
  );

  it.each([
    ['-o prog', 'prog'],
    ['-oprog', 'prog'],
    ['--output=prog', 'prog'],
    ['--output prog', 'prog'],
    ['-omagic', 'magic'],
    ['-orphan-handling=error', 'rphan-handling=error'],
  ])('%s', (flags, output) => expect(parse(`${flags} a.o`).output).toBe(output));

  it('tell a long name from a letter with a joined value', () => {
    expect(parse('-Tscript.ld a.o').inputs[0]).toEqual({ kind: 'script', name: 'script.ld' });
    expect([...options('-Ttext=0x1000 -Tdata 2000 -section-start .x=ffffffff80000000').sectionStart]).toEqual([
      ['.text', 0x1000],
      ['.data', 0x2000],
      ['.x', -0x80000000],
    ]);
    expect(options('-Ttext-segment=0x200000').imageBase).toBe(0x200000);
    expect(parse('-static -lstatic a.o').inputs).toMatchObject([{ kind: 'library', name: 'static' }, { name: 'a.o' }]);
  });

  it('run letters together only when none takes a value', () => {
    expect(options('-sq')).toMatchObject({ strip: 'all', emitRelocs: true });
    expect(failure(['-gc-sectoins', 'a.o'])).toBe(
      "usage: unrecognized option '-gc-sectoins': did you mean --gc-sections?",
    );
  });

  it('take everything after -- as files', () => {
    expect(parse('-- -s a.o').inputs).toMatchObject([{ name: '-s' }, { name: 'a.o' }]);
  });
});

describe('inputs keep their order and state', () => {
  it('libraries, files and scripts', () => {
    expect(parse('a.o -lx -l:libz.a --library=y -l w b.o -T s.ld').inputs).toEqual([
      { kind: 'file', name: 'a.o', whole: false },
      { kind: 'library', name: 'x', whole: false },
      { kind: 'library', name: ':libz.a', whole: false },
      { kind: 'library', name: 'y', whole: false },
      { kind: 'library', name: 'w', whole: false },
      { kind: 'file', name: 'b.o', whole: false },
      { kind: 'script', name: 's.ld' },
    ]);
  });

  it('whole archives, saved and restored', () => {
    const { inputs } = parse(
      'a.a --push-state --whole-archive b.a --push-state --no-whole-archive c.a --pop-state d.a --pop-state e.a',
    );
    expect(inputs.map((input) => input.kind === 'file' && input.whole)).toEqual([false, true, false, true, false]);
    expect(failure(['--pop-state', 'a.o'])).toMatch(/no --push-state/);
  });

  it('groups must end after they begin', () => {
    expect(parse('-( a.a -) --start-group b.a --end-group').warnings).toEqual([]);
    expect(parse('-( a.a').warnings).toEqual(['--start-group has no --end-group']);
    expect(failure(['a.a', '-)'])).toMatch(/no --start-group/);
  });
});

describe('options', () => {
  it.each([
    ['--build-id', { kind: 'hash', algorithm: 'fast' }],
    ['--build-id=sha1', { kind: 'hash', algorithm: 'sha1' }],
    ['--build-id=md5', { kind: 'hash', algorithm: 'md5' }],
    ['--build-id=uuid', { kind: 'hash', algorithm: 'sha1' }],
    ['--build-id=none', { kind: 'none' }],
    ['--build-id=0xAB-cd:01', { kind: 'bytes', bytes: Uint8Array.of(0xab, 0xcd, 1) }],
    ['--build-id --build-id=none', { kind: 'none' }],
  ])('%s', (flags, buildId) => expect(options(flags).buildId).toEqual(buildId));

  it.each([
    ['-pie', { pie: true }],
    ['-pie -no-pie', { pie: false }],
    ['-static -pie --no-dynamic-linker -z text', { pie: true }],
    ['-dynamic-linker /lib64/ld-linux-x86-64.so.2', { pie: false }],
    ['-s', { strip: 'all' }],
    ['-s -S', { strip: 'all' }],
    ['-S', { strip: 'debug' }],
    ['-x', { discardLocals: 'all' }],
    ['-X', { discardLocals: 'temporary' }],
    ['--no-relax', { relax: false }],
    ['-melf64lriscv', { machine: 'riscv64' }],
    ['-m elf_x86_64', { machine: 'x86-64' }],
    ['-z norelro', { relro: false }],
    ['-z execstack', { executableStack: true }],
    ['-z noexecstack', { executableStack: false }],
    ['-z stack-size=65536', { stackSize: 65536 }],
    ['-z common-page-size=4096', { commonPageSize: 4096 }],
    ['-z pack-relative-relocs', { packRelativeRelocs: true }],
    ['--pack-dyn-relocs=relr', { packRelativeRelocs: true }],
    ['--eh-frame-hdr', { ehFrameHeader: true }],
    ['-q', { emitRelocs: true }],
    ['--orphan-handling=error', { orphanHandling: 'error' }],
    ['--unresolved-symbols=ignore-all', { undefinedPolicy: 'ignore' }],
    ['--warn-unresolved-symbols', { undefinedPolicy: 'warn' }],
    ['-z undefs -z defs', { undefinedPolicy: 'error' }],
    ['-z muldefs', { allowMultipleDefinition: true }],
    ['--sort-common=descending', { sortCommon: true }],
    ['--sort-section=alignment', { sortSection: 'alignment' }],
    ['-u a --undefined=b --require-defined c', { undefinedSymbols: ['a', 'b'], requiredSymbols: ['c'] }],
    ['--wrap malloc --wrap=free', { wrap: ['malloc', 'free'] }],
    ['-M', { map: true }],
    ['-Map=x.map', { map: true }],
  ])('%s', (flags, expected) => expect(options(flags)).toMatchObject(expected));

  it('--defsym parses its expression and keeps its text', () => {
    const { options: found, defsymTexts } = parse('--defsym a=b+4 --defsym=c=0x10K a.o');
    expect(found.defsym).toMatchObject([
      { name: 'a', value: { kind: 'binary', operator: '+' } },
      { name: 'c', value: { kind: 'number', value: 0x4000n } },
    ]);
    expect(defsymTexts).toEqual(['a=b+4', 'c=0x10K']);
  });
});

describe('what cannot be done is refused by name', () => {
  it.each([
    ['-shared a.o', /^usage: -shared: casemate makes static programs/],
    ['-r a.o', /^usage: -r: casemate makes final programs/],
    ['-pie -dynamic-linker /lib/ld.so a.o', /give the compiler -static-pie, or -static/],
    ['--oformat=binary a.o', /objcopy/],
    ['-b binary a.o', /^usage: -b binary: /],
    ['-m elf_i386 a.o', /^usage: -m elf_i386: casemate links elf_x86_64, elf64lriscv/],
    ['--gc-sections=yes a.o', /--gc-sections takes no value/],
    ['a.o -o', /-o needs a value: -o FILE/],
    ['--frobnicate a.o', /^usage: unrecognized option '--frobnicate': see --help/],
    ['--no-warn a.o', /beginning of several options: --no-warn/],
    ['-z max-page-size=12345 a.o', /12345 is not a power of two/],
    ['-z relro=1 a.o', /write -z relro/],
    ['-z max-page-size a.o', /write -z max-page-size=SIZE/],
    ['--defsym 4 a.o', /'4' is not NAME=EXPRESSION/],
    ['--defsym a=1+ a.o', /^script: --defsym:1: expected an expression/],
    ['-Ttext=0xfff0000000000000f a.o', /not a hexadecimal address/],
    ['-Ttext=0x4000000000000000 a.o', /further than 2\^53/],
    ['--build-id=0x123 a.o', /not an even number of hexadecimal digits/],
    ['--gc-sections', /no input files/],
  ])('%s', (line, message) => expect(failure(line.split(' '))).toMatch(message));

  it('without control characters in the message', () => {
    expect(failure(['--\u001b[31m\nx'])).toMatch(/\\x1b\[31m\\x0ax/);
  });
});

it('warns of what is dropped, and of unknown keywords', () => {
  expect(parse('-N -z frob --package-metadata={} a.o').warnings).toEqual([
    '-N has no effect: text stays read-only',
    '-z frob is not known and has no effect',
    '--package-metadata has no effect: the note is not written',
  ]);
});

it('knows every ELF option that GNU ld lists', () => {
  const help = execFileSync(requireTool('ld'), ['--help'], { encoding: 'utf8' });
  // The part about Windows' PE format is not for us.
  const [elf] = help.split(/^i386pe/m);
  const found = new Set<string>();
  for (const line of elf.split('\n')) {
    const head = /^ {2}(-.*?)(?: {2,}|\t|$)/.exec(line)?.[1];
    for (const option of head?.split(', ') ?? []) {
      const [, name] = /^(--?[A-Za-z][\w-]*)/.exec(option) ?? [];
      if (name !== undefined) found.add(name);
    }
  }
  expect(found.size).toBeGreaterThan(200);
  const unknown = [...found].filter((name) => {
    // Each with a value; those that take none say so, and then know their name.
    const message = name.startsWith('--') ? failure([`${name}=none`, 'a.o']) : failure([name, '0', 'a.o']);
    return message.includes('unrecognized');
  });
  expect(unknown).toEqual([]);
});

describe('command lines that compilers make', () => {
  const folder = temporaryFolder('ld-parse');
  writeFileSync(join(folder, 'x.c'), 'int main(void) { return 0; }\n');
  writeFileSync(join(folder, 'x.cc'), 'int main() { return 0; }\n');

  /** What the compiler would pass to its linker. */
  async function linkLine(compiler: Tool, flags: readonly string[], source = 'x.c'): Promise<string[]> {
    const { stderr } = await run(requireTool(compiler), [...flags, '-###', join(folder, source)]);
    const line = stderr.split('\n').find((each) => /^ "?\S*(collect2|\/ld)"? /.test(each));
    if (line === undefined) throw new Error(`no link line from ${compiler}:\n${stderr}`);
    return splitArguments(line).slice(1);
  }

  it.each([
    ['gcc', ['-static'], { pie: false, machine: 'x86-64' }],
    ['gcc', ['-static-pie'], { pie: true, machine: 'x86-64', ehFrameHeader: true }],
    ['gcc', ['-static', '-s', '-Wl,--gc-sections', '-nostdlib'], { strip: 'all', gcSections: true }],
    ['clang', ['-static'], { pie: false, machine: 'x86-64' }],
    ['clang', ['-static-pie'], { pie: true, machine: 'x86-64' }],
    ['riscv64-linux-gnu-gcc', ['-static'], { pie: false, machine: 'riscv64' }],
  ] as const)('%s %j', async (compiler, flags, expected) => {
    const command = parseCommandLine(await linkLine(compiler, flags));
    expect(command.options).toMatchObject(expected);
    expect(command.options.buildId).toEqual({ kind: 'hash', algorithm: 'fast' });
    expect(command.warnings).toEqual([]);
    const files = command.inputs.filter((input) => input.kind === 'file').map((input) => input.name);
    expect(files.every((name) => name.endsWith('.o'))).toBe(true);
    if (!(flags as readonly string[]).includes('-nostdlib')) {
      expect(files.at(0)).toMatch(/crt1\.o$/);
      expect(files.at(-1)).toMatch(/crtn\.o$/);
      expect(command.inputs.filter((input) => input.kind === 'library').map((input) => input.name)).toEqual(
        expect.arrayContaining(['gcc', 'gcc_eh', 'c']),
      );
      expect(command.libraryDirs.length).toBeGreaterThan(3);
    }
  });

  it('g++ -static -pthread', async () => {
    const command = parseCommandLine(await linkLine('g++', ['-static', '-pthread'], 'x.cc'));
    const names = command.inputs.filter((input) => input.kind === 'library').map((input) => input.name);
    expect(names).toEqual(expect.arrayContaining(['stdc++', 'm', 'c']));
  });

  it('picolibc on bare metal', async () => {
    const command = parseCommandLine(
      await linkLine('riscv64-unknown-elf-gcc', ['--specs=picolibc.specs', '-Wl,--defsym=__flash=0x80000000']),
    );
    expect(command.inputs).toContainEqual({ kind: 'script', name: 'picolibc.ld' });
    expect(command.options).toMatchObject({ machine: 'riscv64', gcSections: true, defsym: [{ name: '__flash' }] });
  });

  it('a dynamic program is refused, saying which flag to give', async () => {
    expect(failure(await linkLine('gcc', []))).toMatch(/give the compiler -static-pie, or -static/);
  });
});

it('any arguments end in a command or a usage error', () => {
  const word = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      '-z',
      '-T',
      '-',
      '--',
      '-l',
      '-(',
      '--defsym',
      '--wrap=',
      '-o',
      '--build-id=',
      '-Ttext',
      '@x',
      '-m',
    ),
    fc.string({ maxLength: 6 }).map((text) => `-${text}`),
    fc.string({ maxLength: 6 }).map((text) => `--${text}`),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), (argv) => {
      expect(failure(argv)).toMatch(/^(no failure|usage: .|script: .)/);
    }),
    { numRuns: 3000 },
  );
});
