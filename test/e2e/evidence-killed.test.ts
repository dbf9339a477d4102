/** A build that is killed leaves the bundle that was there or the new one, never a mix, and keeps no later one from its work. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readBundle } from '../../pipeline/bundle-file.ts';
import { sha256 } from '../../pipeline/lock.ts';
import { project } from '../pipeline/support.ts';
import { isLong } from '../support/long.ts';
import { createRandom } from '../support/random.ts';

const casemate = join(import.meta.dirname, '../../dist/casemate.js');
const rounds = isLong ? 50 : 6;

const main = (n: number): string =>
  `#include "solo5.h"\nint solo5_app_main(const struct solo5_start_info *i) { (void)i; return ${n}; }\n`;

it(`holds the old evidence or the new one after kill -9 at ${rounds} random moments`, async () => {
  const folder = project({ 'casemate.json': JSON.stringify({ name: 'app', target: 'hvt', sources: ['main.c'] }) });
  const home = join(folder, 'out');
  mkdirSync(home);
  const bundle = join(home, 'app.evidence');
  const args = [casemate, 'build', folder, '-q', '-o', join(folder, 'app.hvt'), '--evidence', bundle];
  const random = createRandom(9, 1);
  const write = (n: number): void => writeFileSync(join(folder, 'main.c'), main(n));
  write(0);
  const start = performance.now();
  expect(spawnSync(process.execPath, args).status).toBe(0);
  const usual = performance.now() - start;
  let killed = 0;
  let kept = 0;
  for (let round = 1; round <= rounds; round++) {
    const before = readFileSync(bundle);
    write(round);
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    const ended = new Promise<string | null>((done) => child.on('close', (_, signal) => done(signal)));
    const timer = setTimeout(() => child.kill('SIGKILL'), random.next() * usual * 1.3);
    if ((await ended) === 'SIGKILL') killed++;
    clearTimeout(timer);
    const { evidence, image } = readBundle(bundle);
    // All of it is of the sources of this round, or all of it is what was there.
    if (Buffer.compare(readFileSync(bundle), before) === 0) kept++;
    else expect(evidence.inputs.find(({ name }) => name === 'main.c')!.sha256).toBe(sha256(Buffer.from(main(round))));
    expect(evidence.image.sha256).toBe(sha256(image));
  }
  expect(killed).toBeGreaterThan(0);
  expect(kept).toBeGreaterThan(0);
  // What a killed writer leaves has another name, and the next one is not kept from its work.
  expect(spawnSync(process.execPath, args).status).toBe(0);
  expect(readdirSync(home).filter((name) => !name.startsWith('.'))).toEqual(['app.evidence']);
}, 600_000);
