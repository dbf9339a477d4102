import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claimLines, claimsOf, compareVerified } from '../../../targets/sel4/claims.ts';
import type { Kernel, SeL4Machine } from '../../../targets/sel4/kernel.ts';
import { parseKernel } from '../../../targets/sel4/kernel.ts';
import type { ConfigValue } from '../../../targets/sel4/kernel-config.ts';
import { readKernel } from '../../../targets/sel4/kernel-files.ts';
import { verifiedConfigurations } from '../../../targets/sel4/verified-configurations.ts';
import { headerOf, kernelFiles, kernelOf, realKernels } from '../../support/sel4-kernel.ts';

/** Keys that every kernel's files say to be off, so that a kernel can be read at all. */
const offKeys = ['DEBUG_BUILD', 'PRINTING', 'HARDWARE_DEBUG_API', 'ENABLE_SMP_SUPPORT', 'IOMMU', 'VTX'];

const rowOf = (name: string): (typeof verifiedConfigurations)[number] =>
  verifiedConfigurations.find((each) => each.name === name)!;

/** Kernels to give another configuration, by machine and scheduler: reading one again each time would cost seconds. */
const bases = new Map<string, Kernel>();

function baseOf(machine: SeL4Machine, isMcs: boolean): Kernel {
  const key = `${machine} ${isMcs}`;
  const base = bases.get(key) ?? kernelOf(machine, { KERNEL_MCS: isMcs });
  bases.set(key, base);
  return base;
}

/** A kernel of exactly this configuration, but for `changes`. */
function verified(name: string, changes: Record<string, ConfigValue | undefined> = {}): Kernel {
  const row = rowOf(name);
  const config = new Map<string, ConfigValue>(offKeys.map((key) => [key, false]));
  // Values as the file has them: true for what is on, text for the rest, counts of one included.
  const counts = /^(MAX_NUM|FIRST|NUM|KERNEL_WCET|MAX_RMRR)/;
  for (const [key, value] of row.keys) config.set(key, value === '1' && !counts.test(key) ? true : value);
  for (const key of ['HAVE_FPU', 'KERNEL_MCS']) if (!config.has(key)) config.set(key, false);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) config.delete(key);
    else config.set(key, value);
  }
  const base = baseOf(row.machine, config.get('KERNEL_MCS') === true);
  return { ...base, config, isDebug: config.get('DEBUG_BUILD') === true, hasPrinting: config.get('PRINTING') === true };
}

const names = verifiedConfigurations.map(({ name }) => name);
const proved = (kernel: Kernel): string[] => claimsOf(kernel).proved.map(({ property }) => property);

describe('what may be said of a kernel', () => {
  it.each([
    ['RISCV64_verified', ['functional-correctness', 'integrity', 'confidentiality', 'non-interference']],
    ['RISCV64_MCS_verified', ['functional-correctness']],
    ['X64_verified', ['functional-correctness']],
    ['AARCH64_verified', ['functional-correctness', 'integrity']],
    ['AARCH64_hikey_verified', ['functional-correctness', 'integrity']],
  ])('is what is proved of its configuration: %s', (name, properties) => {
    expect(claimsOf(verified(name)).configuration).toBe(name);
    expect(proved(verified(name))).toEqual(properties);
  });

  it('is the row of one configuration only: no two are alike', () => {
    expect(new Set(names).size).toBe(19);
    for (const name of names) {
      const kernel = verified(name);
      const exact = compareVerified(kernel).filter(({ differences }) => differences.length === 0);
      expect(exact.map(({ configuration }) => configuration)).toEqual([name]);
    }
  });

  it.each(names)('is nothing when one key of %s differs, which is named', (name) => {
    for (const [key, value] of rowOf(name).keys) {
      if (key.startsWith('NUM_DOMAIN')) continue;
      for (const change of [undefined, false, `${value}9`, ...(value === '1' ? ['2'] : ['1'])]) {
        const kernel = verified(name, { [key]: change });
        const claims = claimsOf(kernel);
        expect([key, claims.configuration, claims.proved]).toEqual([key, undefined, []]);
        const found = change === undefined || change === false ? 'off' : change;
        const own = compareVerified(kernel).find(({ configuration }) => configuration === name);
        expect(own?.differences).toEqual([{ key, verified: value, found }]);
      }
    }
  });

  it.each([
    ['RISCV64_verified', 'DEBUG_BUILD', true],
    ['RISCV64_verified', 'PRINTING', true],
    ['RISCV64_verified', 'HAVE_FPU', true],
    ['RISCV64_verified', 'ENABLE_SMP_SUPPORT', true],
    ['X64_verified', 'IOMMU', true],
    ['X64_verified', 'VTX', true],
    ['AARCH64_verified', 'ARM_SMMU', true],
    ['AARCH64_verified', 'EXPORT_VCNT_USER', true],
    ['X64_verified', 'A_KEY_OF_TOMORROW', 'yes'],
    ['X64_verified', 'A_NUMBER_OF_TOMORROW', '0'],
  ] as const)('is nothing when %s has %s switched on', (name, key, value) => {
    const claims = claimsOf(verified(name, { [key]: value }));
    expect(claims.configuration).toBeUndefined();
    expect(claims.comparison.differences).toEqual([{ key, verified: 'off', found: value === true ? '1' : value }]);
    expect(claimLines(claims)[1]).toBe(
      `No proof applies: of the nearest verified configuration, ${name}, 1 key differs (${key} ${value === true ? '1' : value}, not off).`,
    );
  });

  it('does not depend on the number of domains, which the proofs leave open, as long as there is one', () => {
    const claims = claimsOf(verified('RISCV64_verified', { NUM_DOMAINS: '1', NUM_DOMAIN_SCHEDULES: '2' }));
    expect(claims.configuration).toBe('RISCV64_verified');
    expect(claims.comparison.allowed.map(({ key }) => key)).toEqual(['NUM_DOMAINS', 'NUM_DOMAIN_SCHEDULES']);
    expect(claimLines(claims)).toContain('Allowed to differ: NUM_DOMAINS 1, not 16; NUM_DOMAIN_SCHEDULES 2, not 100.');
    for (const value of ['0', 'many', undefined])
      expect(claimsOf(verified('RISCV64_verified', { NUM_DOMAINS: value })).configuration).toBeUndefined();
  });

  it('is the same from gen_config.h as from gen_config.json', () => {
    const keys = Object.fromEntries(verified('RISCV64_verified').config) as Record<string, string | boolean>;
    const elf = { 'gen_config.json': JSON.stringify(keys), 'gen_config.h': headerOf(keys) };
    for (const [name, text] of Object.entries(elf)) {
      const kernel = parseKernel(kernelFiles('riscv64', {}, { genConfig: { name, text } }));
      expect(claimsOf(kernel).configuration).toBe('RISCV64_verified');
    }
  });

  it('says that a kernel for debugging carries nothing, whatever the machine', () => {
    for (const machine of ['x86-64', 'riscv64', 'aarch64'] as const) {
      const claims = claimsOf(kernelOf(machine));
      expect(claims.configuration).toBeUndefined();
      expect(claims.proved).toEqual([]);
      expect(claims.conditions).toEqual([]);
      expect(claims.comparison.differences.map(({ key }) => key)).toContain('DEBUG_BUILD');
      expect(claims.notCovered.join(' ')).toContain('Debugging and printing');
    }
  });

  it('always has the limits with it: boot code, DMA, and no-execute on x86-64', () => {
    for (const name of names) {
      const claims = claimsOf(verified(name));
      const text = claimLines(claims).join('\n');
      for (const words of ['Boot code', 'DMA', 'Timing channels', 'its builder says so', claims.sha256])
        expect(text).toContain(words);
      expect(text.includes('No-execute does not exist')).toBe(name === 'X64_verified');
      // The proofs of AArch64 alone include the fast path.
      expect(text.includes('fast path of IPC')).toBe(!name.startsWith('AARCH64'));
      expect(text).not.toContain('Debugging and printing');
      expect(text.includes('binary verification')).toBe(name === 'RISCV64_verified');
    }
  });

  it('is safe to print, whatever a configuration holds', () => {
    const lines = claimLines(
      claimsOf(verified('X64_verified', { 'A_\u001b[31mKEY': '\u202e\n', B: 'x'.repeat(5000) })),
    );
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]{10,1000}$/);
  });
});

/** What the names of the team's own folders of kernels promise: only exact configurations have "verified" for an end. */
const real = realKernels();

describe.skipIf(real.length === 0)('real kernels (CASEMATE_SEL4_KERNELS)', () => {
  const rows: Readonly<Record<SeL4Machine, RegExp>> = { riscv64: /^RISCV64_/, 'x86-64': /^X64_/, aarch64: /^AARCH64_/ };

  it.each(real.map((path) => [basename(dirname(path)), path]))(
    '%s is on the list exactly if it is built so',
    (name, path) => {
      const kernel = readKernel(path);
      const { configuration, comparison } = claimsOf(kernel);
      expect(configuration !== undefined).toBe(name.endsWith('-verified'));
      if (configuration !== undefined) expect(configuration).toMatch(rows[kernel.machine]);
      else expect(comparison.differences.length).toBeGreaterThan(0);
    },
  );
});
