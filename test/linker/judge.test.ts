/**
 * The judge of hostile links can tell bad manners from good ones: each fake linker below breaks one rule.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Outcome, runJudged, violations } from '../support/judge.ts';
import { temporaryFolder } from '../support/paths.ts';
import { requireTools } from '../support/tools.ts';

requireTools('time');

async function run(script: string, patience?: number): Promise<Outcome> {
  const folder = temporaryFolder('judge');
  const linker = join(folder, 'fake-linker');
  writeFileSync(linker, `#!/bin/sh\n${script}\n`);
  chmodSync(linker, 0o755);
  return runJudged([linker], folder, 'out', new Set(['fake-linker', 'victim.o']), patience);
}

const judge = async (script: string, patience?: number): Promise<string[]> =>
  violations(await run(script, patience), ['victim.o']);

const error = 'echo "casemate-ld: error: victim.o: bad" >&2';
const cases: [what: string, script: string, wrong: RegExp | undefined][] = [
  ['a refusal with one line', `${error}; exit 1`, undefined],
  ['a refusal after warnings', `echo "casemate-ld: warning: hm" >&2; ${error}; exit 1`, undefined],
  ['a link', 'echo > out; exit 0', undefined],
  [
    'several undefined symbols',
    'for s in a b; do echo "casemate-ld: error: undefined symbol: $s in victim.o" >&2; done; exit 1',
    undefined,
  ],
  ['two errors', `${error}; ${error}; exit 1`, /2 error lines/],
  ['no error line', 'exit 1', /no error line/],
  ['another exit status', `${error}; exit 2`, /exit status 2/],
  ['a signal', 'kill -SEGV $$', /exit status/],
  ['an output beside an error', `echo > out; ${error}; exit 1`, /an output is left/],
  ['success without an output', 'exit 0', /no output/],
  ['a temporary file', `echo > .out.1.tmp; ${error}; exit 1`, /left behind: \.out\.1\.tmp/],
  ['a stack trace', `${error}; echo "    at link (file:///x.js:1:2)" >&2; exit 1`, /stack trace/],
  ['an uncaught exception', 'echo "RangeError: Invalid array length" >&2; exit 1', /stack trace/],
  ['an error without a file', 'echo "casemate-ld: error: bad" >&2; exit 1', /names none/],
  ['an escape sequence', 'printf "casemate-ld: error: victim.o: \\033[31m\\n" >&2; exit 1', /control characters/],
  ['chatter', `echo "Segmentation fault" >&2; ${error}; exit 1`, /another kind/],
];

test.each(cases)('the judge knows %s', async (_, script, wrong) => {
  const found = await judge(script);
  if (wrong === undefined) expect(found).toEqual([]);
  else expect(found.join('; ')).toMatch(wrong);
});

test('the judge ends a linker that does not', async () => {
  expect(await judge('sleep 60', 500)).toContain('did not end');
});

test('the judge measures memory', async () => {
  const hog = 'exec node -e "Buffer.alloc(540 << 20, 1); require(`fs`).writeFileSync(`out`, ``)"';
  expect((await judge(hog.replaceAll('`', "'"))).join()).toMatch(/took \d+ MiB/);
});

test('the judge measures time of the processor, and not that of others', async () => {
  const work = await run('i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo > out');
  expect(work.milliseconds).toBeGreaterThan(50);
  expect(violations({ ...work, milliseconds: 2001 }, []).join()).toMatch(/took 2001 ms/);
  const sleep = await run('sleep 1; echo > out');
  expect(sleep.milliseconds).toBeLessThan(900);
});
