/**
 * What the emulated tender enforces and what it leaves to the guest: the probe table of stock hvt, guests that protect
 * themselves, and the machine's state at entry.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { readHvtImage } from '../../../targets/hvt/image.ts';
import { bootGuest, buildTestGuest, valuesOf } from './emulator-guest.ts';

let image: string;
beforeAll(async () => {
  image = await buildTestGuest('probe');
});

const probe = (name: string, options = {}) => bootGuest(image, name, options);

describe('stock hvt, as on a real tender', () => {
  it('lets text be read', async () => {
    const result = await probe('read-text');
    expect(result).toMatchObject({ outcome: 'halted', status: 0 });
    expect(valuesOf(result.console)).toHaveProperty('read');
  });

  it.each(['execute-data', 'execute-rodata'])('lets data be executed: %s', async (name) => {
    expect((await probe(name)).console).toBe('returned=0x2a\n');
  });

  it.each(['write-text', 'write-rodata'])('dies of a write to a read-only segment: %s', async (name) => {
    const result = await probe(name);
    expect(result).toMatchObject({ outcome: 'killed', status: -1, console: '' });
    expect(result.reason).toMatch(/^write to 0x10[0-9a-f]{4}, in a segment that is not writable, at 0x10[0-9a-f]{4}$/);
  });

  it('protects every page of a read-only segment and none beside it', async () => {
    const big = await buildTestGuest('probe', [], [`-DBIG_CONSTANT=${5 << 20}`]);
    const [, constants, data] = readHvtImage(readFileSync(big), big).segments;
    const end = (constants.address + constants.memorySize + 0xfffn) & ~0xfffn;
    expect(data.address).toBe(end);
    const write = (address: bigint) => bootGuest(big, `@${address.toString(16)}`);
    for (const address of [constants.address, 0x1fffffn, 0x200000n, 0x3fffffn, 0x400000n, end - 1n]) {
      const reason = `write to 0x${address.toString(16)}, in a segment that is not writable`;
      expect(await write(address)).toMatchObject({ outcome: 'killed', reason: expect.stringContaining(reason) });
    }
    for (const address of [end + 0xfff0n, 0x800000n, 0x3f00000n])
      expect(await write(address)).toMatchObject({ outcome: 'halted', console: 'written\n' });
  });

  it('gives the guest a page fault at NULL', async () => {
    expect((await probe('read-null')).console).toBe('exception=0xe\nerror=0x0\naddress=0x0\n');
  });

  it('gives the guest a page fault on a write to boot_info', async () => {
    expect((await probe('write-boot-info')).console).toBe('exception=0xe\nerror=0x3\naddress=0x10000\n');
  });

  it('dies of a fault that the guest has no handler for', async () => {
    const result = await probe('null-without-handlers');
    expect(result).toMatchObject({ outcome: 'killed', reason: expect.stringMatching(/^triple fault/) });
    expect(await probe('triple-fault')).toMatchObject({ outcome: 'killed', reason: result.reason });
  });

  it('dies of HLT', async () => {
    expect(await probe('hlt')).toMatchObject({ outcome: 'killed', reason: expect.stringMatching(/^HLT at 0x/) });
  });
});

describe('a guest that protects itself', () => {
  it.each(['nx-execute-data', 'nx-execute-rodata'])('faults on execution of a no-execute page: %s', async (name) => {
    expect(valuesOf((await probe(name)).console)).toMatchObject({ exception: 14n, error: 0x11n });
  });

  it.each(['nx-write-text', 'nx-write-rodata'])('faults on a write to its read-only pages: %s', async (name) => {
    const result = await probe(name);
    expect(result.outcome).toBe('halted');
    expect(valuesOf(result.console)).toMatchObject({ exception: 14n, error: 3n });
  });

  it('can still read its text', async () => {
    expect(valuesOf((await probe('nx-read-text')).console)).toHaveProperty('read');
  });

  it('faults on a read of user-mode text under SMAP', async () => {
    const result = await probe('smap-read-text');
    expect(result.console).toContain('text still runs');
    expect(valuesOf(result.console)).toMatchObject({ exception: 14n, error: 1n, address: 0x100000n });
  });

  it('faults on a read of text under a protection key', async () => {
    const result = await probe('pku-read-text');
    expect(result.console).toContain('text still runs');
    expect(valuesOf(result.console)).toMatchObject({ exception: 14n, error: 0x21n, address: 0x100000n });
  });

  it('gets the protections of the chosen processor model and no others', async () => {
    // No SMAP on Haswell: setting CR4.SMAP is a general protection fault.
    expect((await probe('smap-read-text', { cpu: 'Haswell' })).console).toMatch(/^exception=0xd\n/);
    expect(valuesOf((await probe('pku-read-text', { cpu: 'max' })).console)).toMatchObject({ error: 0x21n });
  });
});

describe('the machine', () => {
  it('begins in the state that the tender gives', async () => {
    const values = valuesOf((await probe('entry-state')).console);
    values['cr0'] &= ~0x10n; // ET: says that there is a floating-point unit; some processors always show it
    const memory = 64n << 20n;
    const zero = ['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rbp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'];
    expect(values).toMatchObject({
      ...Object.fromEntries(zero.map((name) => [name, 0n])),
      ...{ rdi: 0x10000n, rsp: memory - 8n, rflags: 2n },
      ...{ cr0: 0x80010021n, cr3: 0x2000n, cr4: 0x620n, efer: 0x500n },
      ...{ cs: 8n, ss: 0x10n, tr: 0n, gdtbase: 0x1000n, gdtlimit: 23n, idtlimit: 0n },
      ...{ mem_size: memory, manifest: 0x10038n, cmdline: 0x10038n + 8n + 104n, host_features: 0n, net_ring: 0n },
      ...{ gdt0: 0n, gdt1: 0x00af99000000ffffn, gdt2: 0x00cf93000000ffffn },
    });
    expect(values['kernel_end'] % 0x1000n).toBe(0n);
  });

  it('has the tender’s page tables', async () => {
    const values = valuesOf((await probe('entry-state')).console);
    // Without the accessed and dirty bits, which the processor sets.
    const bits = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value & ~0x60n]));
    expect(bits).toMatchObject({
      ...{ pml4: 0x3003n, pdpt0: 0x4003n, pdpt3: 0x7003n, pd0: 0x8003n },
      ...{ pd1: 0x200083n, pd31: 0x3e00083n, pd32: 0n },
      ...{ pt15: 0n, pt16: 0x10001n, pt255: 0xff001n, pt256: 0x100003n },
    });
  });

  it('ends at its memory', async () => {
    const result = await probe('read-outside');
    // The tender's page tables end there too, so the guest sees the fault.
    expect(valuesOf(result.console)).toMatchObject({ exception: 14n, error: 0n, address: 0xf0000000n });
  });

  it('hides that it runs under SVM', async () => {
    expect((await probe('vmrun')).console).toMatch(/^exception=0x6\n/);
    expect((await probe('efer-svme')).console).toMatch(/^exception=0xd\n/);
    expect((await probe('apic-msr')).console).toMatch(/^exception=0xd\n/);
    expect((await probe('efer-prefixed')).console).toBe('efer=0x500\n');
    expect((await probe('mwait')).console).toBe('went on\n');
  });

  it.each([2, 510, 3000, 4096])('has the memory that is asked for: %i MB', async (megabytes) => {
    const result = await probe('read-text', { memory: megabytes });
    expect(result).toMatchObject({ outcome: 'halted', status: 0 });
    const state = valuesOf((await probe('entry-state', { memory: Math.max(4, megabytes) })).console);
    expect(state['rsp']).toBe((BigInt(Math.max(4, megabytes)) << 20n) - 8n);
  });
});
