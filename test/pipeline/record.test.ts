import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultOptions, type LinkOptions } from '../../linker/request.ts';
import { parseExpression } from '../../linker/script/parse.ts';
import { linkOptions, recordOptions } from '../../pipeline/link-options.ts';
import { type Manifest, parseManifest } from '../../pipeline/manifest.ts';
import { type RecordedLink, type RecordPlace, recordLink } from '../../pipeline/record.ts';

const link: RecordedLink = {
  inputs: [{ path: 'a.o' }],
  scripts: [],
  options: defaultOptions,
  defsym: [],
  output: 'prog',
};

/** A place where nothing is a symbolic link. */
const place: RecordPlace = {
  manifest: '/home/u/app/casemate.json',
  folder: '/home/u/app',
  temporary: '/tmp',
  realpath: (path) => path,
};

function record(changes: Partial<RecordedLink>, where: Partial<RecordPlace> = {}) {
  const { text, copies } = recordLink({ ...link, ...changes }, { ...place, ...where });
  return { manifest: parseManifest(text, 'casemate.json').manifest, copies };
}

const number = fc.oneof(fc.nat(0x2000), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
const address = fc.oneof(number, fc.integer({ min: -0x80000000, max: -1 }));
const symbols = fc.array(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.$]{0,12}$/), { maxLength: 4 });
const defsyms = fc.array(
  fc.tuple(fc.stringMatching(/^[A-Za-z_]\w{0,8}$/), fc.constantFrom('1', '0x10 + x', 'ALIGN(y, 8)', 'a == b ? 1 : 2')),
  { maxLength: 3 },
);
const options = fc.record(
  {
    entry: fc.stringMatching(/^[A-Za-z_]\w{0,8}$/),
    pie: fc.boolean(),
    machine: fc.constantFrom('x86-64', 'riscv64'),
    gcSections: fc.boolean(),
    undefinedSymbols: symbols,
    requiredSymbols: symbols,
    wrap: symbols,
    buildId: fc.oneof(
      fc.constant({ kind: 'none' }),
      fc.constantFrom('fast', 'md5', 'sha1', 'sha256').map((algorithm) => ({ kind: 'hash', algorithm })),
      fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => ({ kind: 'bytes', bytes })),
    ),
    emitRelocs: fc.boolean(),
    strip: fc.constantFrom('none', 'debug', 'all'),
    discardLocals: fc.constantFrom('none', 'temporary', 'all'),
    relax: fc.boolean(),
    packRelativeRelocs: fc.boolean(),
    ehFrameHeader: fc.boolean(),
    relro: fc.boolean(),
    maxPageSize: number,
    commonPageSize: number,
    stackSize: number,
    executableStack: fc.boolean(),
    sectionStart: fc
      .array(fc.tuple(fc.constantFrom('.text', '.data', '.bss', 'constructor'), address), { maxLength: 3 })
      .map((entries) => new Map(entries)),
    imageBase: address,
    map: fc.boolean(),
    undefinedPolicy: fc.constantFrom('error', 'warn', 'ignore'),
    allowMultipleDefinition: fc.boolean(),
    warnCommon: fc.boolean(),
    fatalWarnings: fc.boolean(),
    orphanHandling: fc.constantFrom('place', 'warn', 'error', 'discard'),
    sortCommon: fc.boolean(),
    sortSection: fc.constantFrom('name', 'alignment'),
  },
  { requiredKeys: [] },
);

describe('recorded options', () => {
  it('come back the same through a valid manifest', () => {
    fc.assert(
      fc.property(options, defsyms, (some, pairs) => {
        const at = (pointer: string): string => pointer;
        const defsym = pairs.map(([name, text], i) => ({ name, value: parseExpression(text, `/link/defsym/${i}`) }));
        const given = { ...defaultOptions, ...some, defsym } as LinkOptions;
        const texts = pairs.map(([name, text]) => `${name}=${text}`);
        const manifest: Manifest = { name: 'a', target: 'elf', objects: ['a.o'], link: recordOptions(given, texts) };
        const replayed = parseManifest(JSON.stringify(manifest), 'casemate.json').manifest;
        expect(linkOptions(replayed.link ?? {}, [], at)).toEqual(given);
      }),
      { seed: 4, numRuns: 200 },
    );
  });

  it('say nothing where the defaults hold', () => {
    expect(recordOptions(defaultOptions, [])).toEqual({});
  });
});

describe('a recorded link', () => {
  it('keeps the inputs in order, with their states and names', () => {
    const { manifest } = record({
      inputs: [
        { path: 'crt1.o' },
        { path: '/home/u/app/lib/x.a', name: 'lib/x.a', whole: true },
        { path: 'a.o' },
        { path: 'a.o' },
        { path: './b.o', name: './b.o' },
      ],
      scripts: ['x.lds', '/home/u/app/y.lds'],
      output: 'out/my prog.elf',
    });
    expect(manifest).toEqual({
      name: 'my-prog',
      target: 'elf',
      link: {
        inputs: ['crt1.o', { path: 'lib/x.a', whole: true }, 'a.o', 'a.o', { path: 'b.o', as: './b.o' }],
        script: ['x.lds', 'y.lds'],
      },
    });
  });

  it('declares the folders of files from elsewhere, each once, relative where the build was', () => {
    const { manifest } = record({
      inputs: [
        { path: '/usr/lib/x86_64-linux-gnu/crt1.o' },
        { path: '/usr/lib/x86_64-linux-gnu/deep/libz.a' },
        { path: '/usr/lib/gcc/libgcc.a' },
        { path: '../vendor/v.o' },
      ],
      reads: ['../vendor/thin/member.o'],
    });
    expect(manifest.roots).toEqual(['../vendor', '/usr/lib/gcc', '/usr/lib/x86_64-linux-gnu']);
    expect(manifest.link?.inputs).toEqual([
      '/usr/lib/x86_64-linux-gnu/crt1.o',
      '/usr/lib/x86_64-linux-gnu/deep/libz.a',
      '/usr/lib/gcc/libgcc.a',
      '../vendor/v.o',
    ]);
  });

  it('follows the manifest into another folder, and keeps the names that scripts matched', () => {
    const { manifest } = record({ inputs: [{ path: 'obj/a.o' }] }, { folder: '/home/u/app/build' });
    expect(manifest.link?.inputs).toEqual([{ path: 'build/obj/a.o', as: 'obj/a.o' }]);
  });

  it('copies objects that the compiler driver is about to delete', () => {
    const { manifest, copies } = record({ inputs: [{ path: '/tmp/ccAbC.o' }, { path: '/tmp/deeper/b.o' }] });
    expect(copies).toEqual([{ from: '/tmp/ccAbC.o', to: 'recorded/0-ccAbC.o' }]);
    expect(manifest.link?.inputs).toEqual([{ path: 'recorded/0-ccAbC.o', as: '/tmp/ccAbC.o' }, '/tmp/deeper/b.o']);
  });

  it('declares where a symbolic link leads, because that is what a build checks', () => {
    const realpath = (path: string): string => path.replace('/usr/lib/libx.a', '/etc/alternatives/libx-2.a');
    const { manifest } = record({ inputs: [{ path: '/usr/lib/libx.a' }] }, { realpath });
    expect(manifest.roots).toEqual(['/etc/alternatives']);
    expect(manifest.link?.inputs).toEqual(['/usr/lib/libx.a']);
  });
});
