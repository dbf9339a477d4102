/** A build recalls verdicts where nothing changed since everything was proved, and proves in every other case. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { proveForBuild } from '../../pipeline/proved-before.ts';
import type { SealedStore } from '../../pipeline/sealed-store.ts';
import { project } from './support.ts';

const text = `import type { u8 } from 'casemate';
/** @ensures result < 128 */ export function half(n: u8): u8 { return n >>> 1; }
/** @verified */ export function quarter(n: u8): u8 { return half(n >>> 1); }
`;

function memory() {
  const entries = new Map<string, Uint8Array>();
  const store: SealedStore = { get: (key) => entries.get(key), put: (key, payload) => entries.set(key, payload) };
  return { entries, store };
}

const folder = (): string => project({ 'a.bundle.js': 'a', 'b.bundle.js': 'b', 'c.js': 'a' });

async function prove(source: string, store: SealedStore, program: string, steps = 1_000_000) {
  const proved: string[] = [];
  const request = { budget: steps, crossCheck: false, onStart: (name: string) => void proved.push(name) };
  const report = await proveForBuild([{ name: 'a.ts', text: source }], request, store, program);
  return { report, proved };
}

it('what was proved is not proved again, and gives the same record', async () => {
  const program = join(folder(), 'a.bundle.js');
  const { entries, store } = memory();
  const first = await prove(text, store, program);
  expect([first.proved, entries.size]).toEqual([['half', 'quarter'], 1]);
  const second = await prove(text, store, program);
  expect(second.proved).toEqual([]);
  expect(second.report.before).toBe(true);
  const shown = ({ results }: typeof first.report) => results.map(({ function: { key }, ...rest }) => [key, rest]);
  expect(shown(second.report)).toEqual(shown(first.report));
  expect(second.report.program?.functions).toHaveLength(2);
  // Any change of what it came from proves anew.
  expect((await prove(`${text}\n`, store, program)).proved).toHaveLength(2);
  expect((await prove(text, store, program, 2_000_000)).proved).toHaveLength(2);
  expect((await prove(text, store, join(folder(), 'b.bundle.js'))).proved).toHaveLength(2);
  writeFileSync(program, 'other');
  expect((await prove(text, store, program)).proved).toHaveLength(2);
});

it('nothing is kept of what is not proved, nor by a program that is no bundle, and no entry of another program counts', async () => {
  const at = folder();
  const { entries, store } = memory();
  const broken = text.replace('result < 128', 'result < 9');
  const { report } = await prove(broken, store, join(at, 'a.bundle.js'));
  expect(report.results.map(({ status, open }) => [status, open.length])).toEqual([
    ['failed', 1],
    ['proved', 0],
  ]);
  await prove(text, store, join(at, 'c.js'));
  expect(entries.size).toBe(0);
  const forged: SealedStore = { ...store, get: () => Buffer.from(JSON.stringify([['a.ts#half', 'proved', '']])) };
  expect((await prove(text, forged, join(at, 'a.bundle.js'))).proved).toHaveLength(2);
});
