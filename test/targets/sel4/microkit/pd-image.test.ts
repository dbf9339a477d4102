import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CasemateError } from '../../../../base/errors.ts';
import { type MicrokitMachine, mapLimitOf, microkitMachine } from '../../../../targets/sel4/microkit/machine.ts';
import {
  brokenPdRules,
  type PdRule,
  requiredSymbols,
  takenByProgram,
} from '../../../../targets/sel4/microkit/pd-image.ts';
import { type BuiltImage, type BuiltSegment, buildImage, ET, PF, PT } from '../../../support/elf-image.ts';
import { kernelOf } from '../../../support/sel4-kernel.ts';

const machines = (['x86-64', 'riscv64', 'aarch64'] as const).map((machine) =>
  microkitMachine(kernelOf(machine, { KERNEL_MCS: true })),
);
const numbers = { 'x86-64': 62, riscv64: 243, aarch64: 183 } as const;
const base = 0x200000;
const stackSize = 0x4000;

const layout = (): BuiltSegment[] => [
  { flags: PF.R | PF.X, address: base, bytes: Buffer.alloc(0x1800) },
  { flags: PF.R, address: base + 0x3000, bytes: Buffer.alloc(0x1000) },
  { flags: PF.R | PF.W, address: base + 0x5000, bytes: Buffer.alloc(0x800), memorySize: 0x2800 },
];
const changed = (i: number, change: Partial<BuiltSegment>): BuiltSegment[] =>
  layout().map((segment, at) => (at === i ? { ...segment, ...change } : segment));

type Symbols = NonNullable<BuiltImage['symbols']>;
/** The tool's symbols in read-only data, and a word that a system sets, in .bss. */
const symbols = (): { name: string; value: number; size: number }[] => [
  ...requiredSymbols.map(([name, size], i) => ({ name, value: base + 0x3000 + 0x80 * i, size: Number(size) })),
  { name: 'heap_start', value: base + 0x7000, size: 8 },
];
const image = (target: MicrokitMachine, changes: Partial<BuiltImage> = {}): Buffer =>
  buildImage({ machine: numbers[target.machine], segments: layout(), symbols: symbols(), ...changes });

const broken = (bytes: Buffer, machine: MicrokitMachine, set = ['heap_start']): { rules: PdRule[]; text: string } => {
  const all = brokenPdRules(bytes, 'pd.elf', { machine, stackSize, set });
  return { rules: [...new Set(all.map(({ rule }) => rule))], text: all.map(({ message }) => message).join('\n') };
};

describe.each(machines)('the program of a protection domain on $machine', (target) => {
  it('breaks no rule when it breaks none', () => {
    expect(broken(image(target), target)).toEqual({ rules: [], text: '' });
  });

  it.each<[string, PdRule, Partial<BuiltImage>, string]>([
    ['of another machine', 'machine', { machine: 40 }, 'made for machine 40; the kernel is for'],
    ['to be relocated', 'type', { type: ET.DYN }, 'file type 3; must be 2 (ET_EXEC)'],
    [
      'with more in the file than in memory',
      'segments',
      { segments: changed(1, { memorySize: 0xfff }) },
      '4096 bytes in the file, 4095',
    ],
    [
      'with nothing to run',
      'segments',
      { segments: [{ type: PT.NOTE, flags: 4, address: 0 }], symbols: symbols() },
      'has no PT_LOAD',
    ],
    [
      'that begins within a page',
      'pages',
      { segments: changed(0, { address: base + 0x10 }) },
      'begins at 0x200010; must begin on a page',
    ],
    [
      'whose segments share a page',
      'pages',
      { segments: changed(1, { address: base + 0x1000 }) },
      'begins at 0x201000, and program header 0 ends at 0x201800; no page may be of two',
    ],
    [
      'with memory that is written and executed',
      'rights',
      { segments: changed(2, { flags: 7 }) },
      'RWX; no memory may be written and executed',
    ],
    [
      'with memory without rights',
      'rights',
      { segments: changed(2, { flags: 0 }) },
      '---; no kernel maps memory like that',
    ],
    [
      'with memory that is only written',
      'rights',
      { segments: changed(2, { flags: PF.W }) },
      '-W-; no kernel maps memory like that',
    ],
    ['that enters in data', 'entry', { entry: base + 0x3000 }, 'enters at 0x203000, in program header 1, R--'],
    ['that enters nowhere', 'entry', { entry: base + 0x1800 }, 'enters at 0x201800, which no segment'],
    [
      'with a segment at 0',
      'address-space',
      { segments: [...layout(), { flags: 4, address: 0, memorySize: 0x1000 }] },
      'begins at 0x0; the first page must stay free',
    ],
    [
      'with an interpreter',
      'relocations',
      { segments: [...layout(), { type: PT.INTERP, flags: 4, address: base }] },
      'program header 3 is for a dynamic linker',
    ],
    [
      'with relocations',
      'relocations',
      { sections: [{ name: '.rela.dyn', type: 4, flags: 2, address: base, size: 24, offset: 4096 }] },
      'section .rela.dyn (type 4) is loaded',
    ],
  ])('is refused %s', (_, rule, changes, words) => {
    const { rules, text } = broken(image(target, changes), target);
    expect(text).toContain(words);
    // Symbols lie nowhere when segments move away from under them.
    expect(
      rules.filter((each) => each !== 'symbols' && each !== 'set-symbols' && (each !== 'entry' || rule === 'entry')),
    ).toEqual([rule]);
  });

  it.each(requiredSymbols)('is refused without exactly one %s of %d bytes in memory', (name, size) => {
    const but = (change: (all: Symbols) => Symbols): string =>
      broken(image(target, { symbols: change(symbols()) }), target).text;
    expect(but((all) => all.filter((each) => each.name !== name))).toBe(
      `0 symbols are called ${name}; must be exactly 1`,
    );
    expect(but((all) => [...all, { name, value: base, size: Number(size) }])).toBe(
      `2 symbols are called ${name}; must be exactly 1`,
    );
    const edited = (change: object): string =>
      but((all) => all.map((each) => (each.name === name ? { ...each, ...change } : each)));
    expect(edited({ size: Number(size) + 1 })).toBe(`symbol ${name} has ${size + 1n} bytes; must have ${size}`);
    expect(edited({ value: base + 0x4000 - Number(size) + 1 })).toContain(`symbol ${name} is at 0x`);
    expect(edited({ value: 0 })).toContain('is at 0x0, which no segment holds');
    expect(edited({ value: base + 0x4000 - Number(size) })).toBe('');
  });

  it('is refused with a symbol to set that is missing, twice there or no word', () => {
    const set = (name: string, all = symbols()): { rules: PdRule[]; text: string } =>
      broken(image(target, { symbols: all }), target, [name]);
    expect(set('heap_end')).toEqual({
      rules: ['set-symbols'],
      text: '0 symbols are called heap_end; must be exactly 1',
    });
    const half = symbols().map((each) => (each.name === 'heap_start' ? { ...each, size: 4 } : each));
    expect(set('heap_start', half).text).toBe('symbol heap_start has 4 bytes; must have 8');
    expect(set('heap_start', [...symbols(), symbols().at(-1)!]).text).toContain('2 symbols are called heap_start');
  });

  it('may keep relocations that nobody loads, and has no interpreter in any place', () => {
    const kept = { name: '.rela.text', type: 4, flags: 0, bytes: Buffer.alloc(24) };
    expect(broken(image(target, { sections: [kept] }), target)).toEqual({ rules: [], text: '' });
    const first = [{ type: PT.INTERP, flags: 4, address: base }, ...layout()];
    expect(broken(image(target, { segments: first, entry: base }), target).text).toContain(
      'program header 0 is for a dynamic linker',
    );
  });

  it('may have segments that touch at the end of a page', () => {
    const touching = changed(0, { bytes: Buffer.alloc(0x3000) });
    expect(broken(image(target, { segments: touching }), target)).toEqual({ rules: [], text: '' });
    const over = changed(0, { bytes: Buffer.alloc(0x3001) });
    expect(broken(image(target, { segments: over }), target).rules).toEqual(['pages']);
  });

  it('is refused when it is stripped', () => {
    const { symbols: _, ...bare } = { machine: numbers[target.machine], segments: layout(), symbols: 0 };
    expect(broken(buildImage(bare), target)).toMatchObject({
      rules: ['symbols'],
      text: expect.stringContaining('do not strip'),
    });
  });

  it('may reach up to its stack', () => {
    const limit = mapLimitOf(target, stackSize);
    const at = (address: bigint): Buffer =>
      image(target, { segments: [...layout(), { flags: 6, address, memorySize: 0x1000 }] });
    expect(broken(at(limit - 0x1000n), target).rules).toEqual([]);
    expect(broken(at(limit), target).text).toContain(
      `ends at 0x${(limit + 0x1000n).toString(16)}; the stack begins at 0x${limit.toString(16)}`,
    );
  });

  it('may have execute-only text exactly where the machine has it', () => {
    const { rules, text } = broken(image(target, { segments: changed(0, { flags: PF.X }) }), target);
    expect(rules).toEqual(target.machine === 'x86-64' ? ['rights'] : []);
    if (target.machine === 'x86-64') expect(text).toContain('it would be mapped without rights');
  });

  it('takes whole pages of its address space', () => {
    expect(takenByProgram(image(target), 'pd.elf').map(({ from, to }) => [from, to])).toEqual([
      [0x200000n, 0x202000n],
      [0x203000n, 0x204000n],
      [0x205000n, 0x208000n],
    ]);
  });

  it('ends in an answer or an error of ours, whatever its bytes are', () => {
    const good = image(target);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, patch) => {
        const bytes = Buffer.from(good);
        // Headers and tables are where it matters: the segments in between are zeros.
        const place = at % 2 === 0 ? at % 300 : bytes.length - 1 - (at % 1200);
        bytes.set(patch.subarray(0, bytes.length - place), place);
        try {
          for (const { message } of brokenPdRules(bytes, 'pd.elf', { machine: target, stackSize, set: ['heap_start'] }))
            expect(message).toMatch(/^[\x20-\x7e]{10,300}$/);
        } catch (error) {
          expect(error).toBeInstanceOf(CasemateError);
        }
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});
