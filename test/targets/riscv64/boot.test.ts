/**
 * The stub in QEMU: what the program finds when it starts, and what it cannot do then.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { rawImage } from '../../../targets/riscv64/harden.ts';
import type { Mode } from '../../../targets/riscv64/stage0/config.ts';
import { isLong as long } from '../../support/long.ts';
import { requireTools } from '../../support/tools.ts';
import { boot, guestProgram, harden, type Machine, type Said, shown } from './stub-guest.ts';

requireTools('clang', 'ld.lld', 'qemu-system-riscv64');

/** scause: instruction, load and store page fault. */
const fetch = 0xc;
const load = 0xd;
const store = 0xf;

const probes: Record<string, number> = {
  'read text': load,
  'write text': store,
  'read null': load,
  'execute null': fetch,
  'write rodata': store,
  'execute rodata': fetch,
  'write relro': store,
  'execute data': fetch,
  'execute stack': fetch,
  'execute heap': fetch,
  'stack overflow': store,
  'below the stack': load,
  'above the stack': load,
  'below the heap': load,
  'above the heap': load,
  'around the trap stack': load,
  'write boot block': store,
  'write tree': store,
  'read stub': load,
  'execute stub': fetch,
  'read firmware': load,
  'read physical heap': load,
  'write page tables': store,
  'read page tables': load,
};

const modes = { sv39: 8n, sv48: 9n, sv57: 10n } as const;

let program: Uint8Array;
beforeAll(async () => {
  program = await guestProgram();
});

/** QEMU's serial port of sifive_u loses characters on a busy host: a boot that lost some is repeated. */
async function patiently(once: () => Promise<Said>, on?: Machine): Promise<Said> {
  for (let tries = on?.machine === 'sifive_u' ? 4 : 0; ; tries--) {
    const said = await once();
    if (tries <= 0 || /^(survived|trap: |casemate: )/.test(said.lines.at(-1) ?? '')) return said;
  }
}

/** The cause that a probe's guest trapped with; else what it said. */
async function causeOf(image: Uint8Array, probe: string, on?: Machine): Promise<number | string> {
  const { lines, timedOut } = await patiently(() => boot(image, `probe=${probe};`, on), on);
  const last = lines.at(-1) ?? '';
  const match = /^trap: scause (0x[0-9a-f]+) stval 0x[0-9a-f]+ sepc 0x[0-9a-f]+$/.exec(last);
  const clean = lines.length === 2 && lines[0] === 'try 0x0' && !timedOut;
  return match !== null && clean ? Number(match[1]) : lines.join('\n');
}

/** Every probe's cause, two boots at a time. */
async function causes(image: Uint8Array, names: readonly string[], on?: Machine): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  const left = [...names];
  const worker = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) found[name] = await causeOf(image, name, on);
  };
  await Promise.all([worker(), worker()]);
  return found;
}

describe.each(Object.keys(modes) as Mode[])('in %s', (mode) => {
  it('the program finds everything as the boot block says', async () => {
    const said = await boot(harden(program, { mode }), 'show;probe=none;');
    expect(said.lines.filter((line) => line.startsWith('wrong'))).toEqual([]);
    expect(said.lines.at(-1)).toBe('survived');
    const { mode: used, entropy } = shown(said);
    expect([used, entropy]).toEqual([[modes[mode]], [1n]]);
  });

  const names = mode === 'sv39' || long ? Object.keys(probes) : ['read text', 'stack overflow', 'execute stub'];
  it(`${names.length} attempts end in the right fault`, async () => {
    const expected = Object.fromEntries(names.map((name) => [name, probes[name]]));
    expect(await causes(harden(program, { mode }), names)).toEqual(expected);
  });
});

describe('without a mode asked for', () => {
  it('takes the best that the processor has', async () => {
    const { mode } = shown(await boot(harden(program), 'show;probe=none;'));
    expect(mode).toEqual([10n]);
  });

  it('starts with RELA relocations as with RELR ones', async () => {
    const said = await boot(harden(await guestProgram('rela')), 'probe=none;');
    expect(said.lines).toEqual(['try 0x0', 'survived']);
  });

  it('starts from the raw image', async () => {
    const said = await boot(rawImage(harden(program), 'guest.elf'), 'probe=none;');
    expect(said.lines).toEqual(['try 0x0', 'survived']);
  });
});

describe('every boot', () => {
  const boots = long ? 100 : 10;

  it(`of ${boots} has a base, stack, heap, canary and seed of its own, none of which tells of another`, async () => {
    const image = harden(program, { mode: 'sv39' });
    const found: Record<string, bigint[]>[] = [];
    for (let i = 0; i < boots; i += 2)
      found.push(...(await Promise.all([0, 1].map(() => boot(image, 'show;probe=none;')))).map(shown));
    for (const name of ['base', 'stack', 'trap', 'heap', 'info', 'canary', 'seed'])
      expect(new Set(found.map((each) => each[name]?.[0])).size, name).toBe(boots);
    const distances = found.map((each) => each['stack']![0]! - each['base']![0]!);
    expect(new Set(distances).size).toBe(boots);
  });
});

describe.each<[string, Machine]>([
  ['virt with APLIC and IMSIC', { machine: 'virt,aia=aplic-imsic' }],
  ['virt with 4 GiB', { memory: '4G' }],
  ['virt with 16 MiB', { memory: '16M' }],
  ['virt with four harts', { args: ['-smp', '4'] }],
  ['sifive_u', { machine: 'sifive_u' }],
])('%s', (_, on) => {
  const sifive = on.machine === 'sifive_u';

  it('starts the program, and tells it whether there was entropy', async () => {
    const said = await patiently(() => boot(harden(program), 'show;probe=none;', on), on);
    expect(said.lines.filter((line) => line.startsWith('wrong'))).toEqual([]);
    expect(said.lines.at(-1)).toBe('survived');
    expect(shown(said)['entropy']).toEqual([sifive ? 0n : 1n]);
  });

  const names = long ? Object.keys(probes) : ['read text', 'stack overflow'];
  it(`${names.length} attempts end in the right fault`, async () => {
    const expected = Object.fromEntries(names.map((name) => [name, probes[name]]));
    expect(await causes(harden(program), names, on)).toEqual(expected);
  });
});

describe('a machine that lacks what is needed', () => {
  const abort = (text: string): string[] => [`casemate: ABORT: stage 0: ${text}`];

  it('without an entropy source halts when one is required', async () => {
    const image = harden(program, { require: ['entropy'] });
    const on = { machine: 'sifive_u' };
    const said = await patiently(() => boot(image, 'probe=none;', on), on);
    expect(said.lines).toEqual(abort('entropy is required, and this machine offers none (/chosen/rng-seed)'));
  });

  it('with an entropy source starts when one is required', async () => {
    const said = await boot(harden(program, { require: ['entropy', 'xom'] }), 'probe=none;');
    expect(said.lines).toEqual(['try 0x0', 'survived']);
  });
});
