/**
 * The proof of the RISC-V stub's placement over all memories, modes and draws, and that mistakes in its text make it
 * fail.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { proveObligations } from '../../../../proofs/smt/obligations.ts';
import { findSolvers, type Solver } from '../../../../proofs/smt/solver.ts';
import { MODES, type Mode } from '../../../../targets/riscv64/stage0/config.ts';
import {
  type PlacementCode,
  physicalObligations,
  virtualObligations,
} from '../../../../targets/riscv64/stage0/obligations.ts';
import * as code from '../../../../targets/riscv64/stage0/placement.ts';
import { everyNth } from '../../../support/long.ts';
import { projectRoot } from '../../../support/paths.ts';

const folder = join(projectRoot, 'targets/riscv64/stage0');
const text = readFileSync(join(folder, 'placement.ts'), 'utf8');

let solvers: Solver[];
beforeAll(() => {
  solvers = findSolvers();
  expect(solvers.map(({ name }) => name)).toEqual(['z3', 'cvc5']);
});

async function planted(from: string, to: string): Promise<PlacementCode> {
  expect(text.split(from), from).toHaveLength(2);
  const { outputFiles } = await build({
    stdin: { contents: text.replace(from, to), loader: 'ts', resolveDir: folder },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    logLevel: 'silent',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0]!.contents).toString('base64')}`);
}

async function refuted(changed: PlacementCode, where: string): Promise<string[]> {
  const made = where === 'memory' ? physicalObligations(changed) : virtualObligations(changed, 'sv39');
  const { verdicts } = await proveObligations(solvers.slice(0, 1), made);
  return verdicts.filter(({ status }) => status === 'refuted').map(({ name }) => name);
}

describe('every start', () => {
  it('is proved to keep everything apart in memory, by solvers that agree', async () => {
    const { status, verdicts } = await proveObligations(solvers, physicalObligations(code));
    expect(verdicts.filter((verdict) => verdict.status !== 'proved')).toEqual([]);
    expect(status).toBe('proved');
    expect(verdicts.length).toBeGreaterThan(10);
  });

  it.each(everyNth(Object.keys(MODES) as Mode[], 3))(
    'is proved to keep everything apart in the addresses of %s',
    async (mode) => {
      const { status, verdicts } = await proveObligations(solvers, virtualObligations(code, mode));
      expect(verdicts.filter((verdict) => verdict.status !== 'proved')).toEqual([]);
      expect(status).toBe('proved');
      expect(verdicts.length).toBeGreaterThan(12);
    },
  );

  const mistakes = [
    ['memory', 'a.add(bootBlock, a.constant(PAGE))', 'bootBlock'],
    [
      'memory',
      'a.min(a.alignDown(a.divide(free, 4), PAGE), stack)',
      'a.max(a.alignDown(a.divide(free, 4), PAGE), stack)',
    ],
    ['memory', 'a.alignDown(a.divide(free, 4), PAGE)', 'a.divide(free, 4)'],
    ['memory', 'a.add(trapStack, a.constant(TRAP_STACK))', 'trapStack'],
    ['memory', 'a.subtract(limit, a.scale(draws.above, PAGE))', 'a.add(limit, a.scale(draws.above, PAGE))'],
    ['memory', 'tablesFloor: a.add(heap, a.constant(LEAST_HEAP))', 'tablesFloor: heap'],
    [
      'memory',
      'a.subtract(a.subtract(tables, a.scale(count, PAGE)), a.scale(below, PAGE))',
      'a.subtract(tables, a.scale(below, PAGE))',
    ],
    ['memory', 'heapTables = { fixed: 16,', 'heapTables = { fixed: 7,'],
    ['memory', 'a.divide(free, 2 ** TABLE_GAP_SHIFT)', 'a.divide(free, 2 ** (TABLE_GAP_SHIFT - 1))'],
    ['memory', 'a.min(a.divide(free, 2 ** heapGap.shift), a.constant(heapGap.most))', 'a.constant(heapGap.most)'],
    ['addresses', 'veneer: { from: 13,', 'veneer: { from: 12,'],
    ['addresses', 'devices: { from: 14, length: 2 }', 'devices: { from: 14, length: 3 }'],
    ['addresses', 'trapStack: { from: -12, length: 4 }', 'trapStack: { from: -13, length: 4 }'],
    [
      'addresses',
      'a.subtract(length, size), 2 ** shift), a.constant(2))',
      'a.subtract(length, size), 2 ** shift), a.constant(0))',
    ],
    ['addresses', 'a.scale(a.add(draw, a.constant(1)), 2 ** shift)', 'a.scale(draw, 2 ** shift)'],
    ['addresses', 'a.subtract(physical, a.alignDown(physical, LARGE_PAGE))', 'a.constant(0)'],
    ['addresses', 'return a.add(unit, a.scale(draw, PAGE));', 'return a.scale(draw, PAGE);'],
    ['addresses', 'a.divide(unit, PAGE / 2)', 'a.divide(unit, PAGE)'],
    ['addresses', 'DEVICE_SPACE = 2 ** 32', 'DEVICE_SPACE = 2 ** 31'],
  ] as const;
  it.each(everyNth(mistakes, 3))('%s: is refuted with %s changed into %s', async (where, from, to) => {
    expect(await refuted(await planted(from, to), where)).not.toEqual([]);
  });
});
