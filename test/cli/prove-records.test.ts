/** What `casemate prove` keeps: answers that only their owner believes, and evidence that anyone asks again. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { replayStatus, replayText } from '../../cli/prove-replay.ts';
import { replayWith } from '../../pipeline/prove.ts';
import { openProver } from '../../proofs/smt/prover.ts';
import { keyOf, readRecord, writeRecord } from '../../proofs/smt/record.ts';
import { keepRecord, listStore, loadRecord, loadText } from '../../proofs/smt/store/files.ts';
import { temporaryFolder } from '../support/paths.ts';

const casemate = fileURLToPath(new URL('../../dist/casemate.js', import.meta.url));
const home = temporaryFolder('cache');
const env = { ...process.env, XDG_CACHE_HOME: home };
const records = join(home, 'casemate/proofs');
const folder = temporaryFolder('records');

/** A claim that is true, one that is false, and one that no solver decides in a few steps. */
const source = (claim: string): string => `import type { u16 } from 'casemate';
/**
 * @requires 0 < a && 0 < b && 0 < c
 * @ensures ${claim}
 */
export function f(a: u16, b: u16, c: u16): number {
  return a + 2 * b;
}
`;
writeFileSync(join(folder, 'true.ts'), source('result > a + b'));
writeFileSync(join(folder, 'false.ts'), source('result !== 177777'));
writeFileSync(join(folder, 'same.ts'), '/** @verified */\nexport function same(n: number): number { return n; }\n');
writeFileSync(join(folder, 'hard.ts'), source('a * a * a + b * b * b !== c * c * c'));

function proveWith(more: object, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [casemate, 'prove', ...args], {
    cwd: folder,
    env: { ...env, ...more },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const prove = (...args: string[]) => proveWith({}, ...args);

/** A change that changes no question. */
const touch = (name: string): void => appendFileSync(join(folder, name), '// Another line.\n');

/** Z3's own build and no other solver, which could be quicker. */
const alone = { PATH: '/nowhere' };

/** The verdict, how many questions solvers were asked, and how many records answered. */
function solving(...args: string[]): unknown[] {
  const { status, stdout } = proveWith(alone, '--json', ...args);
  const { asked, cached } = JSON.parse(stdout).solving;
  return [status, asked, cached];
}

describe('the cache', () => {
  it('answers what was asked before, and says the same', () => {
    expect(solving('true.ts')).toEqual([0, 1, 0]);
    touch('true.ts');
    expect(solving('true.ts')).toEqual([0, 0, 1]);
    expect(solving('false.ts')).toEqual([1, 1, 0]);
    expect(proveWith(alone, 'false.ts')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('a confirmed bug'),
    });
    expect(solving('--budget', '4000000', 'true.ts')).toEqual([0, 1, 0]);
  });

  it('is not believed where it was written by somebody else', () => {
    const { keys } = listStore(records);
    const key = keys.find((one) => loadRecord(records, one)!.answers[0].result === 'sat')!;
    const path = join(records, `${key}.json`);
    const kept = readFileSync(path, 'utf8');
    const { asking, name } = readRecord(kept, key)!;
    const answers = [{ solver: 'z3', build: 'Z3', result: 'unsat', wall: 0 }] as const;
    const forged = writeRecord({ name, asking, answers }, new Uint8Array(32));
    writeFileSync(path, forged);
    expect(solving('false.ts')).toEqual([1, 1, 0]);
    expect(readFileSync(path, 'utf8')).toBe(kept);
    // The secret of whoever made the folder does not come with it.
    const shared = temporaryFolder('shared');
    writeFileSync(join(shared, 'secret'), new Uint8Array(32), { mode: 0o600 });
    keepRecord(shared, { name, asking, answers }, loadText(records, asking.sha256)!, new Uint8Array(32));
    expect(solving('--cache', shared, 'false.ts')).toEqual([1, 1, 0]);
  });
});

describe('a verdict', () => {
  it('is recalled where nothing changed, and is the same', () => {
    const first = prove('--json', 'true.ts');
    const { solving: _, ...report } = JSON.parse(first.stdout);
    const again = prove('--json', 'true.ts');
    expect(JSON.parse(again.stdout)).toEqual({ ...report, before: true });
    expect(prove('-v', 'true.ts').stdout).toContain('nothing has changed since');
  });

  it('is found anew after a change, for another budget, with evidence, without the cache, and under another secret', () => {
    // No solver is needed for this one, so a run takes no time.
    const isBefore = (...args: string[]): unknown => JSON.parse(prove('--json', 'same.ts', ...args).stdout).before;
    expect([isBefore(), isBefore()]).toEqual([undefined, true]);
    for (const flags of [['--no-cache'], ['--evidence', join(folder, 'fresh')], ['--explain'], ['--budget', '9']])
      expect(isBefore(...flags)).toBeUndefined();
    touch('same.ts');
    expect([isBefore(), isBefore()]).toEqual([undefined, true]);
    const secret = join(env.XDG_CACHE_HOME, 'casemate/secret');
    const kept = readFileSync(secret);
    writeFileSync(secret, new Uint8Array(32));
    expect(isBefore()).toBeUndefined();
    writeFileSync(secret, kept);
  });

  it('is kept of nothing that fails', () => {
    const { status, stdout } = prove('--json', 'false.ts');
    expect([status, JSON.parse(stdout).before]).toEqual([1, undefined]);
  });
});

describe('evidence', () => {
  const bytes = (where: string) => readdirSync(where).map((name) => [name, readFileSync(join(where, name), 'utf8')]);
  const evidence = join(folder, 'evidence');

  it('is the same bytes from a solver and from the cache, and is about the last run', () => {
    expect(prove('--no-cache', '--evidence', evidence, 'true.ts').status).toBe(0);
    const first = bytes(evidence);
    expect(prove('--evidence', evidence, 'false.ts').status).toBe(1);
    expect(prove('--evidence', evidence, 'true.ts').status).toBe(0);
    expect(bytes(evidence)).toEqual(first);
    const [claim] = JSON.parse(readFileSync(join(evidence, 'obligations.json'), 'utf8')).obligations.filter(
      ({ kind }: { kind: string }) => kind === 'ensures',
    );
    const { text } = claim;
    expect(claim).toMatchObject({ name: 'f/ensures/result > a + b', file: 'true.ts', line: 7, status: 'proved' });
    expect(claim.answers[0]).toMatchObject({
      build: expect.stringMatching(/^Z3 5/),
      result: 'unsat',
      steps: expect.any(Number),
    });
    expect(
      createHash('sha256')
        .update(readFileSync(join(evidence, `${text}.smt2`)))
        .digest('hex'),
    ).toBe(text);
  });

  it('goes into no folder that has something else', () => {
    const other = temporaryFolder('other');
    writeFileSync(join(other, 'thesis.txt'), 'mine');
    expect(prove('--evidence', other, 'true.ts')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('thesis.txt'),
    });
    expect(readdirSync(other)).toEqual(['thesis.txt']);
  });

  it('is confirmed by asking again, with the exit status of the gravest', async () => {
    expect(prove('--replay', evidence)).toMatchObject({ status: 0, stdout: expect.stringContaining('1 confirmed\n') });
    const copy = (): string => {
      const where = temporaryFolder('replay');
      for (const [name, text] of bytes(evidence)) writeFileSync(join(where, name), text);
      return where;
    };
    const [{ text, record }] = JSON.parse(readFileSync(join(evidence, 'obligations.json'), 'utf8')).obligations.filter(
      (one: { text?: string }) => one.text !== undefined,
    );
    const planted: [number, string, (where: string) => void][] = [
      [
        1,
        'CONTRADICTED',
        (where) =>
          writeFileSync(
            join(where, `${record}.json`),
            readFileSync(join(where, `${record}.json`), 'utf8').replace('"unsat"', '"sat"'),
          ),
      ],
      [2, 'MALFORMED', (where) => writeFileSync(join(where, `${text}.smt2`), '(echo "unsat")')],
      [2, 'MALFORMED', (where) => writeFileSync(join(where, `${record}.json`), '{"format"')],
      [2, 'MALFORMED', (where) => rmSync(join(where, `${record}.json`))],
      [
        3,
        'nothing is confirmed',
        (where) =>
          bytes(where).forEach(([name]) => {
            rmSync(join(where, name));
          }),
      ],
    ];
    const prover = openProver({ workers: 1 });
    for (const [status, said, plant] of planted) {
      const where = copy();
      plant(where);
      const replayed = await replayWith(prover, where);
      const shown = replayText({ replayed, counts: prover.counts() }, false);
      expect([replayStatus(replayed), shown.includes(said)]).toEqual([status, true]);
    }
    prover.close();
    // A forged verdict in a text of the right hash.
    const where = copy();
    const lie = '(set-logic ALL)\n(echo "unsat")\n(check-sat)\n';
    const asking = { ...readRecord(readFileSync(join(evidence, `${record}.json`), 'utf8'), record)!.asking };
    const echo = { ...asking, sha256: createHash('sha256').update(lie).digest('hex') };
    keepRecord(
      where,
      { name: '\x1b[2Jhostile', asking: echo, answers: [{ solver: 'z3', build: 'Z3', result: 'unsat', wall: 0 }] },
      lie,
    );
    const replayed = prove('--replay', where);
    expect(replayed).toMatchObject({ status: 2, stdout: expect.stringContaining(`${keyOf(echo)}.json`) });
    expect(replayed.stdout).not.toContain('\x1b');
    expect(prove('--replay', evidence, 'true.ts').status).toBe(2);
  });
});

describe('Ctrl-C', () => {
  it('ends a proof at once, with its usual status, and leaves no half a file', async () => {
    const where = join(folder, 'ended');
    mkdirSync(where);
    const child = spawn(process.execPath, [casemate, 'prove', '--cache', where, '--budget', '2000000000', 'hard.ts'], {
      cwd: folder,
      env,
      detached: true,
    });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    // As a terminal does: to the whole group.
    process.kill(-child.pid!, 'SIGINT');
    expect(await ended).toBe(130);
    expect(readdirSync(where).filter((name) => !/^[0-9a-f]{64}\.(json|smt2)$/.test(name))).toEqual([]);
  });
});
