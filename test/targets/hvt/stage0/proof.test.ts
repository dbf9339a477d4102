/**
 * The proof of the stub's placement over all memories and draws, and that mistakes in its text make it fail.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { proveObligations } from '../../../../proofs/smt/obligations.ts';
import { findSolvers, type Solver } from '../../../../proofs/smt/solver.ts';
import { type PlacementCode, placementObligations } from '../../../../targets/hvt/stage0/obligations.ts';
import * as code from '../../../../targets/hvt/stage0/placement.ts';
import { everyNth } from '../../../support/long.ts';
import { projectRoot } from '../../../support/paths.ts';

const folder = join(projectRoot, 'targets/hvt/stage0');
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

async function refuted(changed: PlacementCode): Promise<string[]> {
  const { verdicts } = await proveObligations(solvers.slice(0, 1), placementObligations(changed));
  return verdicts.filter(({ status }) => status === 'refuted').map(({ name }) => name);
}

describe('every start', () => {
  it('is proved to keep heap, stack, guards and tables apart, by solvers that agree', async () => {
    const { status, verdicts } = await proveObligations(solvers, placementObligations(code));
    expect(verdicts.filter((verdict) => verdict.status !== 'proved')).toEqual([]);
    expect(status).toBe('proved');
    expect(verdicts.length).toBeGreaterThan(12);
  });

  const mistakes = [
    ['a.add(a.divide(room.memory, 1 << 21), a.constant(2))', 'a.add(a.divide(room.memory, 1 << 21), a.constant(1))'],
    ['mostTables), a.constant(UPPER_TABLES)', 'mostTables), a.constant(UPPER_TABLES - 1)'],
    ['a.scale(a.add(draws.tables, a.constant(1)), PAGE)', 'a.scale(draws.tables, PAGE)'],
    ['a.add(draws.stack, a.constant(FIXED_PAGES))', 'a.add(draws.stack, a.constant(FIXED_PAGES - 1))'],
    ['a.alignDown(a.divide(free, 4), PAGE)', 'a.divide(free, 4)'],
    ['a.min(quarter, room.stack)', 'a.max(quarter, room.stack)'],
    ['a.constant(GUARD_PAGES * PAGE)', 'a.constant((GUARD_PAGES - 1) * PAGE)'],
    ['bootInfo: a.subtract(tables, a.constant(PAGE))', 'bootInfo: a.subtract(tables, a.constant(PAGE - 1))'],
    ['veneer: a.subtract(tables, a.constant(2 * PAGE))', 'veneer: a.subtract(tables, a.constant(PAGE))'],
    ['a.atMost(a.add(room.top, a.constant(LEAST_HEAP)), heapEnd)', 'a.atMost(room.top, heapEnd)'],
    ['a.divide(memory, 2 ** GAP_SHIFT)', 'a.divide(memory, 2 ** (GAP_SHIFT - 1))'],
    ['a.subtract(tablesEnd, a.scale(tablePages, PAGE))', 'a.subtract(room.memory, a.scale(tablePages, PAGE))'],
  ] as const;
  it.each(everyNth(mistakes, 3))('is refuted with %s changed into %s', async (from, to) => {
    expect(await refuted(await planted(from, to))).not.toEqual([]);
  });
});
