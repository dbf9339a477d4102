/**
 * New addresses at every start, as a program sees them that looks at its own program counter: a hundred boots (ten in
 * quick runs) have a hundred images, stacks, heaps and canaries. And what happens where nothing is there to draw them
 * from.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { probeImage } from '../../pipeline/probe-image.ts';
import { inParallel } from '../../targets/hvt/run-probes.ts';
import { bootRiscv } from '../../targets/riscv64/boot.ts';
import { unitOf } from '../../targets/riscv64/entropy-bits.ts';
import { probes } from '../../targets/riscv64/probes.ts';
import type { Mode } from '../../targets/riscv64/stage0/config.ts';
import { hardenedProbes, host, long, modes, silent } from './riscv64-support.ts';

const boots = long ? 100 : 10;
const places = ['pc', 'stack', 'heap', 'trap-stack', 'boot-block', 'canary'] as const;
type Where = Readonly<Record<(typeof places)[number], bigint>>;

async function whereIsAll(image: string): Promise<Where> {
  const { console, status } = await bootRiscv({ image, args: ['where'], memory: 32, timeout: 60 }, host);
  expect(status, console).toBe(0);
  const found = new Map(
    [...console.matchAll(/^([a-z-]+) (0x[0-9a-f]+)$/gm)].map(([, name, at]) => [name!, BigInt(at!)]),
  );
  return Object.fromEntries(places.map((name) => [name, found.get(name)!])) as Where;
}

describe.each<Mode>(long ? modes : ['sv39'])(`${boots} boots in %s`, (mode) => {
  let found: Where[];
  beforeAll(async () => {
    const image = await hardenedProbes({ mode });
    found = await inParallel(Array.from({ length: boots }), 2, () => whereIsAll(image));
  });

  test.each(places)('have as many values of %s', (name) => {
    expect(new Set(found.map((each) => each[name])).size).toBe(boots);
  });

  test('none of which tells of another', () => {
    for (const other of ['stack', 'heap', 'trap-stack', 'boot-block'] as const)
      expect(new Set(found.map((each) => each[other] - each.pc)).size, other).toBe(boots);
  });

  test('and bases all over the quarter of the address space that is theirs', () => {
    const unit = BigInt(unitOf(mode));
    const places = found.map(({ pc }) => Number(pc - unit) / Number(2n * unit));
    expect(Math.min(...places)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...places)).toBeLessThan(1.001);
    // Of ten uniform draws, all in one half: one in five hundred; the stub's draws are not the test's to repeat.
    expect(Math.max(...places) - Math.min(...places)).toBeGreaterThan(long ? 0.8 : 0.2);
    // Every bit of a page's number is sometimes 0 and sometimes 1.
    const pages = found.map(({ pc }) => (pc - unit) >> 12n);
    for (let bit = 0n; long && 1n << bit < (2n * unit) >> 12n; bit++) {
      const ones = pages.filter((page) => ((page >> bit) & 1n) === 1n).length;
      expect(ones, `bit ${bit}`).toBeGreaterThan(20);
      expect(ones, `bit ${bit}`).toBeLessThan(80);
    }
  });
});

describe('without an entropy source', () => {
  test('--require entropy is a halt with one line', async () => {
    const image = await hardenedProbes({ mode: 'sv39', require: ['entropy'] });
    const line = 'casemate: ABORT: stage 0: entropy is required, and this machine offers none (/chosen/rng-seed)';
    let said = '';
    // The machine cannot power off, and its serial port loses characters on a busy host.
    for (let tries = 0; tries < 4 && !said.includes(`${line}\n`); tries++) {
      const boot = { image, args: ['control'], machine: 'sifive_u', memory: 32, timeout: 6 };
      said = (await bootRiscv(boot, host)).console.replaceAll('\r', '');
    }
    // Not at a line's beginning: the end of the firmware's last one may be among the lost.
    expect([...said.matchAll(/casemate[^\n]*\n/g)].map(([found]) => found)).toEqual([`${line}\n`]);
    expect(said).not.toContain('probe control');
  });

  test.runIf(long)('the report says so', { timeout: 600_000 }, async () => {
    const image = await hardenedProbes({ mode: 'sv39' });
    const findings = await probeImage({ image, boot: { memory: 32 }, machine: 'sifive_u', host, progress: silent });
    expect(findings).toHaveLength(probes.length + 1);
    expect(findings.filter(({ outcome }) => outcome !== 'pass').map(({ message }) => message)).toEqual([
      'new addresses at every start: image base of 25 bits (sv39); weak: no entropy source; harden with --require entropy to halt there',
    ]);
  });
});
