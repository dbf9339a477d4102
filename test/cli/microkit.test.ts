/**
 * `casemate microkit` as a user runs it: programs that are built for kernels with MCS become protection domains, and an
 * image becomes the guest of a monitor; what is written keeps every rule of Microkit's tool, read back.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { readElfFile } from '../../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../../linker/elf-symbols.ts';
import type { SeL4Machine } from '../../targets/sel4/kernel.ts';
import { microkitMachine } from '../../targets/sel4/microkit/machine.ts';
import { brokenPdRules, requiredSymbols } from '../../targets/sel4/microkit/pd-image.ts';
import { writtenSymbols } from '../../targets/sel4/microkit/platform.ts';
import { buildImage, PF } from '../support/elf-image.ts';
import { isLong } from '../support/long.ts';
import { temporaryFolder } from '../support/paths.ts';
import { kernelElf, kernelFiles, kernelOf, machines } from '../support/sel4-kernel.ts';
import { readXml, type Xml } from '../support/xml.ts';

const casemate = fileURLToPath(new URL('../../dist/casemate.js', import.meta.url));
const home = temporaryFolder('microkit');

function run(...args: string[]): { status: number | null; text: string } {
  const env = { ...process.env, XDG_CACHE_HOME: join(home, 'cache') };
  const { status, stdout, stderr } = spawnSync(process.execPath, [casemate, ...args], {
    env,
    encoding: 'utf8',
    cwd: home,
  });
  return { status, text: stdout + stderr };
}

/** A kernel's files in a folder of their own; the path of kernel.elf. */
function writeKernel(
  name: string,
  machine: SeL4Machine,
  changes: Record<string, string | boolean>,
  own?: Uint8Array,
): string {
  const folder = temporaryFolder(`kernel-${name}`);
  const { elf, genConfig, invocations } = kernelFiles(machine, changes);
  writeFileSync(join(folder, 'kernel.elf'), own ?? elf);
  writeFileSync(join(folder, 'gen_config.json'), genConfig.text);
  writeFileSync(join(folder, 'invocations_all.json'), invocations.text);
  return join(folder, 'kernel.elf');
}

const mcs: Record<string, string | boolean> = { KERNEL_MCS: true, ARM_TLS_REG_TPIDRU: true };

function program(machine: SeL4Machine): { folder: string; image: string; kernel: string } {
  const folder = temporaryFolder(`pd-${machine}`);
  const manifest = {
    name: 'prog',
    target: 'sel4',
    sources: ['main.c'],
    memory: 4,
    sel4: { form: 'protection-domain' },
  };
  writeFileSync(join(folder, 'casemate.json'), JSON.stringify(manifest));
  writeFileSync(
    join(folder, 'main.c'),
    '#include <solo5.h>\nint kept = 1;\nint solo5_app_main(const struct solo5_start_info *info) {\n' +
      '    solo5_console_write(info->cmdline, 1);\n    return kept;\n}\n',
  );
  return { folder, image: join(folder, 'build/prog.pd'), kernel: writeKernel(machine, machine, mcs) };
}

const elements = (xml: Xml, name: string): Xml[] => [
  ...(xml.name === name ? [xml] : []),
  ...xml.children.flatMap((child) => elements(child, name)),
];
const attribute = (xml: Xml, name: string): string => xml.attributes.get(name) ?? '';
const systemOf = (folder: string, name: string): Xml => readXml(readFileSync(join(folder, `${name}.system`), 'utf8'));

/** AArch64's build differs from RISC-V's in nothing that is looked at here. */
const tried = isLong ? machines : machines.filter((machine) => machine !== 'aarch64');

describe.each(tried)('a program as a protection domain on %s', (machine) => {
  const { folder, image, kernel } = program(machine);
  const out = join(folder, 'system');
  const tree = join(folder, 'board.dtb');
  writeFileSync(tree, Buffer.alloc(5000, 7));
  const devices =
    machine === 'x86-64' ? [] : ['--device-tree', tree, '--registers', '0x10000000', '--registers', '0x101000:0x2000'];
  let built: ReturnType<typeof run>;
  beforeAll(() => {
    built = run('build', folder, '--kernel', kernel);
  }, 60_000);

  it('is built with the symbols that the tool writes to, and guard pages that nobody maps', () => {
    expect(built).toMatchObject({ status: 0, text: expect.stringContaining('prog.pd') });
    const bytes = readFileSync(image);
    const target = microkitMachine(kernelOf(machine, mcs));
    expect(
      brokenPdRules(bytes, 'prog.pd', { machine: target, stackSize: 0x1000, set: [...writtenSymbols.slice(6)] }),
    ).toEqual([]);
    const file = readElfFile(bytes, 'prog.pd');
    const symbols = readElfSymbols(file, symbolTables(file)[0], 'prog.pd');
    const symbolAt = (name: string): bigint => symbols.find((each) => each.name === name)!.value;
    const mapped = (address: bigint): boolean =>
      file.segments.some((each) => address >= each.address && address < each.address + BigInt(each.memorySize));
    const [low, top] = [symbolAt('sel4_stack_low'), symbolAt('sel4_stack_top')];
    expect([low - 1n, low - 4096n, low, top - 1n, top].map(mapped)).toEqual([false, false, true, true, false]);
    // What the tool writes cannot be changed by the program.
    for (const [name] of requiredSymbols) {
      const segment = file.segments.find(
        ({ address, memorySize }) => symbolAt(name) >= address && symbolAt(name) < address + BigInt(memorySize),
      );
      expect(segment!.flags).toBe(PF.R);
    }
  });

  it('is described with a region for all that it needs', () => {
    const { status, text } = run('microkit', image, '-o', out, '--kernel', kernel, ...devices);
    expect({ status, text }).toMatchObject({ status: 0, text: expect.stringContaining('a protection domain') });
    expect(readFileSync(join(out, 'prog.elf'))).toEqual(readFileSync(image));
    const system = systemOf(out, 'prog');
    const [domain] = elements(system, 'protection_domain');
    expect(attribute(elements(domain, 'program_image')[0], 'path')).toBe('prog.elf');
    const maps = elements(domain, 'map').map((map) =>
      `${attribute(map, 'mr')} ${attribute(map, 'perms')} ${attribute(map, 'cached')}`.trim(),
    );
    expect(maps).toEqual(
      machine === 'x86-64'
        ? ['prog_heap rw', 'prog_clock r']
        : ['prog_heap rw', 'prog_window0 rw false', 'prog_window1 rw false', 'prog_tree r'],
    );
    // Every symbol that is set is one that the program has.
    const set = [...elements(domain, 'setvar').map((each) => attribute(each, 'symbol'))];
    for (const each of [...elements(domain, 'map'), ...elements(domain, 'ioport')])
      for (const [key, value] of each.attributes) if (key.startsWith('setvar_')) set.push(value);
    for (const symbol of set) expect(writtenSymbols).toContain(symbol);
    expect(set.length).toBe(machine === 'x86-64' ? 3 : 9);
    if (machine !== 'x86-64') expect(readFileSync(join(out, 'prog.dtb'))).toEqual(readFileSync(tree));
  });

  it('is the same twice, and not booted by casemate', () => {
    const again = join(folder, 'again');
    expect(run('microkit', image, '-o', again, '--kernel', kernel, ...devices).status).toBe(0);
    for (const name of readdirSync(out)) expect(readFileSync(join(again, name))).toEqual(readFileSync(join(out, name)));
    const boot = run('boot', image, '--kernel', kernel);
    expect(boot).toMatchObject({ status: 2, text: expect.stringContaining('which Microkit starts') });
    const pack = run(
      'pack',
      image,
      '--kernel',
      kernel,
      '-o',
      join(folder, 'packed'),
      '--module',
      join(folder, 'module'),
    );
    expect(pack).toMatchObject({ status: 2, text: expect.stringContaining('which Microkit starts') });
  });

  it('is judged as what Microkit makes of it, not as a root task', () => {
    const { text } = run('check', image, '--kernel', kernel);
    expect(text).toContain('Microkit takes it as it is, as a protection domain');
    expect(text).toMatch(/sel4-protection +declared +mappings that stay: Microkit gives the domain no capability/);
    expect(text).not.toMatch(/enforced +(sealed|text and read-only)|capability space|the kernel loads it/);
    expect(text.includes('no-execute does not exist')).toBe(machine === 'x86-64');
  });

  it('is refused for another kernel, without what it needs, and with too much; nothing is written', () => {
    const other = writeKernel(`other-${machine}`, machine, mcs, kernelElf(machine, ['refill_new', 'another']));
    const plain = writeKernel(`plain-${machine}`, machine, { ...mcs, KERNEL_MCS: false });
    const nowhere = join(folder, 'nowhere');
    const refused = (...args: string[]): string => {
      const { status, text } = run('microkit', image, '-o', nowhere, ...args);
      expect(status).not.toBe(0);
      return text;
    };
    expect(refused('--kernel', other, ...devices)).toContain('made for the kernel with SHA-256');
    expect(refused('--kernel', plain, ...devices)).toContain('KERNEL_MCS is false');
    expect(refused()).toContain('--kernel is missing');
    expect(refused('--kernel', kernel, ...devices, '--monitor', image)).toContain('--monitor belongs to guests');
    expect(refused('--kernel', kernel, ...devices, '--priority', '255')).toContain('priority 255; must be 0 to 254');
    if (machine === 'x86-64')
      expect(refused('--kernel', kernel, '--device-tree', tree)).toContain('x86-64 programs read none');
    else {
      expect(refused('--kernel', kernel)).toContain('--device-tree is missing');
      const nine = Array.from({ length: 9 }, (_, i) => ['--registers', `0x${(i + 1).toString(16)}000`]).flat();
      expect(refused('--kernel', kernel, '--device-tree', tree, ...nine)).toContain(
        '9 times --registers; a program has 8',
      );
      expect(refused('--kernel', kernel, ...devices, '--registers', '0x10000800')).toContain(
        'must be a multiple of 0x1000',
      );
      expect(refused('--kernel', kernel, ...devices, '--registers', '0x10000000')).toContain(
        'overlap in physical memory',
      );
      expect(refused('--kernel', kernel, ...devices, '--registers', '0x2000:0x10')).toContain('must be whole pages');
    }
    expect(existsSync(nowhere)).toBe(false);
  });
});

describe('an image as a guest', () => {
  const kernel = writeKernel('hypervisor', 'aarch64', { ...mcs, ARM_HYPERVISOR_SUPPORT: true });
  const folder = temporaryFolder('guest');
  const guest = join(folder, 'uni.hvt');
  const monitor = join(folder, 'vmm.elf');
  const symbols = requiredSymbols.map(([name, size], i) => ({ name, value: 0x202000 + 0x80 * i, size: Number(size) }));
  const monitorOf = (flags: number): Buffer =>
    buildImage({
      machine: 183,
      segments: [
        { flags: PF.R | PF.X, address: 0x200000, bytes: Buffer.alloc(4096) },
        { flags, address: 0x202000, bytes: Buffer.alloc(4096) },
      ],
      symbols: [...symbols, { name: 'guest_memory', value: 0x202f00, size: 8 }],
    });
  writeFileSync(monitor, monitorOf(PF.R | PF.W));
  writeFileSync(
    guest,
    buildImage({
      machine: 183,
      segments: [
        { flags: PF.X, address: 0x100000, bytes: Buffer.alloc(4096, 1) },
        { flags: PF.R | PF.W, address: 0x102000, bytes: Buffer.alloc(4096, 2), memorySize: 0x3000 },
      ],
    }),
  );
  const out = join(folder, 'system');
  const args = ['microkit', guest, '-o', out, '--kernel', kernel, '--monitor', monitor, '--memory', '4'];

  it('is described with a filled region for each segment, with its own rights', () => {
    expect(run(...args, '--monitor-symbol', 'guest_memory')).toMatchObject({ status: 0 });
    const system = systemOf(out, 'uni');
    const [machine] = elements(system, 'virtual_machine');
    expect(elements(machine, 'map').map((map) => [attribute(map, 'vaddr'), attribute(map, 'perms')])).toEqual([
      ['0x0', 'rw'],
      ['0x100000', 'x'],
      ['0x101000', 'rw'],
      ['0x102000', 'rw'],
      ['0x105000', 'rw'],
    ]);
    for (const region of elements(system, 'memory_region')) {
      const path = region.attributes.get('prefill_path');
      if (path !== undefined) expect(readFileSync(join(out, path)).length).toBe(Number(attribute(region, 'size')));
    }
    expect(readdirSync(out).sort()).toEqual(['uni.segment0.bin', 'uni.segment1.bin', 'uni.system', 'vmm.elf']);
  });

  it('is refused with a monitor that Microkit would not take, or without one', () => {
    const refused = (...more: string[]): string => {
      const { status, text } = run(...args, ...more);
      expect(status).not.toBe(0);
      return text;
    };
    expect(run('microkit', guest, '-o', out, '--kernel', kernel).text).toContain('--monitor is missing');
    expect(refused('--monitor-symbol', 'nothing')).toContain('0 symbols are called nothing');
    expect(refused('--monitor-base', '0x200000')).toContain('must not overlap');
    expect(refused('--memory', '1')).toContain("but the guest's memory at 0x100000");
    expect(refused('--registers', '0x1000')).toContain('belong to protection domains');
    writeFileSync(monitor, monitorOf(PF.R | PF.W | PF.X));
    expect(refused()).toContain('RWX; no memory may be written and executed');
  });
});
