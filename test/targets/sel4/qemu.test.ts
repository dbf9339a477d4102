import { describe, expect, it } from 'vitest';
import { parseKernel, type SeL4Machine } from '../../../targets/sel4/kernel.ts';
import { type SeL4Launch, sel4Run } from '../../../targets/sel4/qemu.ts';
import { errorOf } from '../../pipeline/support.ts';
import { kernelFiles, kernelOf } from '../../support/sel4-kernel.ts';

const launchOf = (machine: SeL4Machine, over: Partial<SeL4Launch> = {}, changes = {}): SeL4Launch => ({
  ...{ kernel: kernelOf(machine, changes), boot: 'BOOT', devices: [], commandLine: 'one two' },
  ...{ token: 'TOKEN', legacy: false, rng: false },
  ...over,
});

/** What follows an option. */
const following = (args: readonly string[], option: string): string | undefined => args[args.indexOf(option) + 1];

describe('the machine that a root image is booted on', () => {
  it.each<[SeL4Machine, object, string, string, string, string | undefined]>([
    ['riscv64', {}, 'qemu-system-riscv64', 'virt', '512M', undefined],
    ['riscv64', { PLAT: 'hifive' }, 'qemu-system-riscv64', 'sifive_u', '8192M', undefined],
    ['aarch64', {}, 'qemu-system-aarch64', 'virt', '512M', 'cortex-a53'],
    ['x86-64', {}, 'qemu-system-x86_64', 'q35', '512M', 'Nehalem,+rdrand,+fsgsbase,+xsave,+xsaveopt,+syscall,+pdpe1gb'],
  ])('is the one that its kernel was built for: %s %o', (machine, changes, program, model, memory, cpu) => {
    const run = sel4Run(launchOf(machine, {}, changes));
    expect(run.program).toBe(program);
    expect(following(run.args, '-machine')).toBe(model);
    expect(following(run.args, '-m')).toBe(memory);
    if (cpu === undefined) expect(run.args).not.toContain('-cpu');
    else expect(following(run.args, '-cpu')).toBe(cpu);
    expect(following(run.args, '-kernel')).toBe('BOOT');
    expect(run.args).toContain('-append');
    expect(run.args).not.toContain('-initrd');
  });

  it('has the memory of the kernel’s files, or more', () => {
    const platform = { name: '', text: '{"memory": [{"start": 2149580800, "end": 2281701376}]}' };
    const kernel = parseKernel(kernelFiles('riscv64', {}, { platform }));
    expect(following(sel4Run(launchOf('riscv64', { kernel })).args, '-m')).toBe('128M');
    expect(following(sel4Run(launchOf('riscv64', { kernel, memory: 256 })).args, '-m')).toBe('256M');
    expect(errorOf(() => sel4Run(launchOf('riscv64', { kernel, memory: 64 }))).code).toBe('usage');
  });

  it('is given the guest’s words where the guest reads them', () => {
    const append = following(sel4Run(launchOf('riscv64')).args, '-append')!;
    expect(append).toContain('one two');
    expect(append).toContain('TOKEN');
    const written: string[] = [];
    const module = (line: string): string => {
      written.push(line);
      return 'ROOT';
    };
    const { args } = sel4Run(launchOf('x86-64', { module }));
    expect(following(args, '-initrd')).toBe('ROOT');
    expect(args).not.toContain('-append');
    expect(written).toEqual([append]);
  });

  it('takes another processor, and no more options with it', () => {
    expect(following(sel4Run(launchOf('riscv64', { cpu: 'max' })).args, '-cpu')).toBe('max');
    for (const cpu of ['', '-device', 'a b', 'max,,x\n'])
      expect(errorOf(() => sel4Run(launchOf('riscv64', { cpu }))).code).toBe('usage');
  });
});
