import { describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import { dependencyRule } from '../../../cli/ld/dependencies.ts';
import { loadInputs } from '../../../cli/ld/inputs.ts';
import { parseCommandLine } from '../../../cli/ld/parse.ts';

const elf = Buffer.from('\x7fELF\x02\x01\x01'.padEnd(18, '\0') + '\x3e\0'.padEnd(46, '\0'), 'latin1');
const riscvElf = Buffer.from('\x7fELF\x02\x01\x01'.padEnd(18, '\0') + '\xf3\0'.padEnd(46, '\0'), 'latin1');
const archive = Buffer.from('!<arch>\n');

/** Loads a command line over a made-up disk. */
function load(line: string, disk: Record<string, string | Uint8Array>) {
  return loadInputs(parseCommandLine(line.split(' ')), {
    read: (path) => (Object.hasOwn(disk, path) ? Buffer.from(disk[path] as string) : undefined),
    exists: (path) => Object.hasOwn(disk, path),
  });
}
const names = (line: string, disk: Record<string, string | Uint8Array>) => load(line, disk).files.map((f) => f.name);

function failure(line: string, disk: Record<string, string | Uint8Array>): string {
  try {
    load(line, disk);
  } catch (error) {
    expect(error).toBeInstanceOf(CasemateError);
    return `${(error as CasemateError).code}: ${(error as CasemateError).message}`;
  }
  return 'no failure';
}

describe('libraries', () => {
  it('are searched in the order of -L, wherever it stands', () => {
    const disk = { 'b/libx.a': archive, 'c/libx.a': archive, 'c/crt.a': archive };
    expect(names('-lx -l:crt.a -La -Lb -Lc', disk)).toEqual(['b/libx.a', 'c/crt.a']);
  });

  it('are searched below the sysroot where a path begins with = or $SYSROOT', () => {
    const disk = { '/sys/l/libx.a': archive, '/sys/m/liby.a': archive, 'plain/libz.a': archive };
    expect(names('-lx -ly -lz --sysroot=/sys -L=/l -L$SYSROOT/m -Lplain', disk)).toEqual([
      '/sys/l/libx.a',
      '/sys/m/liby.a',
      'plain/libz.a',
    ]);
  });

  it('are found in the folders of the machine of the first object', () => {
    const disk = {
      'a.o': elf,
      'r.o': riscvElf,
      '/usr/lib/x86_64-linux-gnu/libc.a': archive,
      '/usr/riscv64-linux-gnu/lib/libc.a': archive,
    };
    expect(names('a.o -lc', disk)).toEqual(['a.o', '/usr/lib/x86_64-linux-gnu/libc.a']);
    expect(names('r.o -lc', disk)).toEqual(['r.o', '/usr/riscv64-linux-gnu/lib/libc.a']);
    expect(names('-m elf64lriscv -lc', disk)).toEqual(['/usr/riscv64-linux-gnu/lib/libc.a']);
    expect(failure('a.o -lc -nostdlib', disk)).toMatch(/^io: cannot find -lc/);
  });

  it('that are shared only are refused with the reason', () => {
    expect(failure('-lx -Ld', { 'd/libx.so': elf })).toBe(
      'io: cannot find -lx: d has libx.so only, and casemate links statically; install or build libx.a',
    );
    expect(failure('-lx -Ld -nostdlib', {})).toBe(
      'io: cannot find -lx: no libx.a in 1 folders; name its folder with -L',
    );
  });

  it('named several times stand at their first place; one whole mention makes all whole', () => {
    const { files } = load('a.o libx.a b.o --whole-archive libx.a --no-whole-archive libx.a', {
      'a.o': elf,
      'b.o': elf,
      'libx.a': archive,
    });
    expect(files.map((f) => [f.name, f.wholeArchive ?? false])).toEqual([
      ['a.o', false],
      ['libx.a', true],
      ['b.o', false],
    ]);
  });
});

describe('text inputs', () => {
  it('stand for what they name: beside them, here, in the search path', () => {
    const disk = {
      'lib/libm.a': 'OUTPUT_FORMAT(elf64-x86-64) GROUP ( /abs/libm-2.a libmvec.a here.o -lq AS_NEEDED ( libq.so.6 ) )',
      '/abs/libm-2.a': archive,
      'lib/libmvec.a': archive,
      'libmvec.a': archive,
      'here.o': elf,
      'lib/libq.a': archive,
    };
    const loaded = load('-Llib -lm', disk);
    expect(loaded.files.map((f) => f.name)).toEqual(['/abs/libm-2.a', 'lib/libmvec.a', 'here.o', 'lib/libq.a']);
    expect(loaded.scripts).toEqual([]);
    expect(loaded.reads[0]).toBe('lib/libm.a');
  });

  it('in the sysroot name absolute paths below it', () => {
    const disk = { '/s/lib/libm.a': 'INPUT(/lib/x.a)', '/s/lib/x.a': archive, '/lib/x.a': archive };
    expect(names('--sysroot=/s -L=/lib -lm', disk)).toEqual(['/s/lib/x.a']);
  });

  it('under --whole-archive make their archives whole', () => {
    const { files } = load('--whole-archive g', { g: 'INPUT(x.a)', 'x.a': archive });
    expect(files).toMatchObject([{ name: 'x.a', wholeArchive: true }]);
  });

  it('that lay out join the scripts', () => {
    const loaded = load('a.o extra.ld', { 'a.o': elf, 'extra.ld': 'x = 5;' });
    expect(loaded.scripts).toMatchObject([{ commands: [{ target: 'x' }] }]);
    expect(loaded.scriptPaths).toEqual(['extra.ld']);
  });

  it('that name themselves end in an error', () => {
    expect(failure('a', { a: 'INPUT(b)', b: 'INPUT(a)' })).toMatch(/^script: .*more than 16 deep/);
  });

  it('are told from damaged objects by their bytes', () => {
    expect(failure('a.o', { 'a.o': 'ELF\0\0' })).toBe(
      'unsupported-input: a.o: is neither an ELF object, nor an archive, nor a linker script',
    );
    expect(failure('a.o', { 'a.o': '' })).toMatch(/is neither an ELF object/);
    expect(failure('a.o', { 'a.o': 'int main(void);' })).toMatch(/^script: a.o:1: /);
  });
});

describe('scripts of -T', () => {
  const disk = {
    'a.o': elf,
    'dir/s.ld': 'SEARCH_DIR(more) OUTPUT(prog) STARTUP(crt.o) INPUT(-lx) INCLUDE common.ld SECTIONS { }',
    'dir/common.ld': 'ENTRY(go)',
    'crt.o': elf,
    'more/libx.a': archive,
    'more/liby.a': archive,
    'default.ld': 'SECTIONS { .d : { } }',
    'insert.ld': 'SECTIONS { .i : { } } INSERT AFTER .text;',
  };

  it('are searched with -L, extend the search and name inputs and output', () => {
    const loaded = load('-ly a.o -Ldir -T s.ld', disk);
    expect(loaded.files.map((f) => f.name)).toEqual(['more/liby.a', 'a.o', 'crt.o', 'more/libx.a']);
    expect(loaded.output).toBe('prog');
    expect(loaded.scripts).toMatchObject([{ entry: 'go', hasSections: true }]);
    expect(loaded.reads).toEqual(['dir/s.ld', 'dir/common.ld', 'more/liby.a', 'a.o', 'crt.o', 'more/libx.a']);
  });

  it('leave no standard folders, unless they only insert', () => {
    const more = { ...disk, '/usr/lib/libq.a': archive };
    expect(failure('a.o -T default.ld -lq', more)).toMatch(/cannot find -lq/);
    expect(names('a.o -T insert.ld -lq', more)).toEqual(['a.o', '/usr/lib/libq.a']);
  });

  it('take the place of -dT when they lay out', () => {
    expect(load('a.o -dT default.ld', disk).scriptPaths).toEqual(['default.ld']);
    expect(load('a.o -dT default.ld -T insert.ld', disk).scriptPaths).toEqual(['insert.ld', 'default.ld']);
    expect(load('a.o -dT default.ld -T dir/s.ld', { ...disk, 'common.ld': '' }).scriptPaths).toEqual(['dir/s.ld']);
  });

  it('must exist and name a format of ours', () => {
    expect(failure('a.o -T no.ld', disk)).toBe('io: -T no.ld: no such file here or in the folders of -L');
    expect(failure('a.o -T b.ld', { 'a.o': elf, 'b.ld': 'OUTPUT_FORMAT(binary)' })).toMatch(
      /^script: b.ld: OUTPUT_FORMAT\(binary\): casemate writes elf64-x86-64, elf64-littleriscv, elf64-littleaarch64;/,
    );
  });
});

it('a dependency rule names each file once and survives a vanished one', () => {
  expect(dependencyRule('out put', ['a.o', 'lib#x.a', 'a.o', '$b\\c'])).toBe(
    'out\\ put: \\\n  a.o \\\n  lib\\#x.a \\\n  $$b\\\\c\n\na.o:\n\nlib\\#x.a:\n\n$$b\\\\c:\n',
  );
});
