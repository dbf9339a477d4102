/** Records of proofs: believed only when told to, only by their exact key, and confirmed by asking again. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  openProver,
  openWorkers,
  type ProofCache,
  type Prover,
  type ProverOptions,
  type Question,
} from '../../../proofs/smt/prover.ts';
import { type Asking, keyOf, type ProofRecord, readRecord, sha256Of, writeRecord } from '../../../proofs/smt/record.ts';
import { replay } from '../../../proofs/smt/replay.ts';
import { defaultSteps } from '../../../proofs/smt/steps.ts';
import { keepRecord, listStore, loadRecord } from '../../../proofs/smt/store/files.ts';
import { z3Identity } from '../../../proofs/smt/z3/process.ts';
import { temporaryFolder } from '../../support/paths.ts';

const secret = new Uint8Array(32).fill(7);
/** One worker for all provers: what they recall and keep is each one's own. */
const pool = openWorkers({ workers: 1 });
afterAll(pool.close);
const open = (options: ProverOptions = {}): Prover => openProver({ pool, ...options });

const question = (low: number, high: number): Question => ({
  name: `${low} to ${high}`,
  text: `(set-logic QF_LIA)\n(declare-const x Int)\n(assert (< ${low} x ${high}))\n(check-sat)\n`,
  expect: 'unsat',
});
const questions = [question(1, 2), question(1, 4), { ...question(2, 4), model: true }];
const statuses = (results: readonly { readonly status: string }[]): string[] => results.map(({ status }) => status);

const folder = join(temporaryFolder('records'), 'cache');
const z3 = z3Identity();
const cache: ProofCache = { folder, secret, identity: () => z3 };
const path = (key: string): string => join(folder, `${key}.json`);
/** The key of the record that the default settings make of a text. */
function keyFor({ text }: Question): string {
  const { keys } = listStore(folder);
  return keys.find((key) => {
    const { sha256, steps, seed, model } = loadRecord(folder, key)!.asking;
    return sha256 === sha256Of(text) && steps === defaultSteps && seed === 0 && model === undefined;
  })!;
}

describe('a folder of records', () => {
  it('answers who has its secret, without a solver, and says so', async () => {
    const first = open({ cache });
    const asked = await first.ask(questions);
    expect(statuses(asked)).toEqual(['proved', 'refuted', 'refuted']);
    expect(first.counts()).toMatchObject({ kept: 3, believed: 0, notKept: 0 });
    expect(listStore(folder).keys).toHaveLength(3);
    // With a worker of its own, which it need not start.
    const second = openProver({ workers: 1, cache: { folder, secret } });
    const again = await second.ask(questions);
    const timeless = asked.map((one) => ({ ...one, answers: one.answers.map((answer) => ({ ...answer, wall: 0 })) }));
    expect(again).toEqual(timeless.map((result) => ({ ...result, cached: true })));
    expect(again[2].model).toMatch(/define-fun x/);
    expect(second.counts()).toMatchObject({ started: 0, kept: 0, believed: 3 });
    // What is expected is the question's, not the record's.
    const [opposite] = await second.ask([{ ...questions[0], expect: 'sat' }]);
    expect([opposite.status, opposite.cached]).toEqual(['refuted', true]);
  });

  it('is not believed without its secret, nor for any other text, steps, seed or build of the solver', async () => {
    const prover = open({ cache });
    const others: Question[] = [
      { ...questions[0], text: `${questions[0].text}\n` },
      { ...questions[0], steps: defaultSteps - 1 },
      { ...questions[1], model: true },
    ];
    const asked = await prover.ask(others);
    asked.push(...(await open({ cache, seed: 1 }).ask([questions[0]])));
    const build = { ...cache, identity: () => 'c'.repeat(64) };
    asked.push(...(await open({ cache: build }).ask([questions[0]])));
    asked.push(...(await open({ cache: { ...cache, secret: new Uint8Array(32) } }).ask([questions[0]])));
    // Whoever has no secret believes nothing, and what it keeps is believed by nobody.
    asked.push(...(await open({ cache: { folder } }).ask([questions[0]])));
    asked.push(...(await open({ cache }).ask([questions[0]])));
    expect(asked.map(({ cached, answers }) => [cached, answers.length])).toEqual(Array(8).fill([undefined, 1]));
    expect(prover.counts()).toMatchObject({ believed: 0, kept: 3 });
  });

  const asking: Asking = { sha256: 'a'.repeat(64), z3: 'b'.repeat(64), steps: 5, seed: 0, cores: false };

  it('has keys that differ when anything does', () => {
    const variants: Asking[] = [
      asking,
      { ...asking, sha256: 'c'.repeat(64) },
      { ...asking, z3: 'c'.repeat(64) },
      { ...asking, steps: 6 },
      { ...asking, seed: 1 },
      { ...asking, cores: true },
      { ...asking, model: '(get-model)' },
      { ...asking, second: { version: 'v', mode: 'check' } },
      { ...asking, second: { version: 'v', mode: 'rescue' } },
      { ...asking, second: { version: 'w', mode: 'check' } },
    ];
    expect(new Set(variants.map(keyOf)).size).toBe(variants.length);
  });

  it('may hold anything: what is no record of its key is none', () => {
    const answer = { solver: 'z3', build: 'Z3', result: 'unsat', steps: 1, wall: 0 } as const;
    const record: ProofRecord = { name: 'n', asking, answers: [answer] };
    const key = keyOf(asking);
    const good = writeRecord(record);
    expect(readRecord(good, key)).toEqual(record);
    const changed = (change: (value: { answers: object[]; asking: object }) => object): string =>
      JSON.stringify(change(JSON.parse(good)));
    const bad: readonly string[] = [
      '',
      'null',
      '[]',
      '"unsat"',
      good.slice(0, -3),
      '['.repeat(100_000),
      good.replace('casemate-proof-1', 'casemate-proof-2'),
      good.replace('"steps": 5', '"steps": 6'),
      good.replace('"steps": 5', '"steps": -5'),
      good.replace(key, 'd'.repeat(64)),
      good.replaceAll('unsat', 'UNSAT'),
      good.replaceAll('unsat', 'unknown'),
      changed((value) => ({ ...value, answers: [] })),
      changed((value) => ({ ...value, answers: [...value.answers, { ...answer, result: 'sat' }] })),
      changed((value) => ({ ...value, answers: Array(3).fill(answer) })),
      changed((value) => ({ ...value, answers: 'unsat' })),
      changed((value) => ({ ...value, answers: [null] })),
      changed((value) => ({ ...value, model: 5 })),
      changed((value) => ({ ...value, core: [5] })),
      changed((value) => ({ ...value, asking: null })),
      changed((value) => ({ ...value, asking: { ...value.asking, second: { version: 'v', mode: 'x' } } })),
    ];
    for (const text of bad) expect([text.slice(0, 80), readRecord(text, key)]).toEqual([text.slice(0, 80), undefined]);
  });

  it('is sealed over all that it says: what was changed is another record', () => {
    const answer = { solver: 'z3', build: 'Z3', result: 'unsat', steps: 1, wall: 0 } as const;
    const record: ProofRecord = { name: 'n', asking, answers: [answer], model: 'm', core: ['a'] };
    const key = keyOf(asking);
    const sealed = writeRecord(record, secret);
    expect(readRecord(sealed, key, secret)).toEqual(record);
    expect(readRecord(sealed, key, new Uint8Array(32))).toBeUndefined();
    expect(readRecord(writeRecord(record), key, secret)).toBeUndefined();
    const changes: [string, string][] = [
      ['"unsat"', '"sat"'],
      ['"name": "n"', '"name": "o"'],
      ['"steps": 1', '"steps": 2'],
      ['"model": "m"', '"model": "o"'],
      ['"a"\n', '"b"\n'],
      ['"build": "Z3"', '"build": "Z4"'],
      ['"seal": "', '"seal": "0'],
      ['"seal"', '"sea"'],
    ];
    for (const [from, to] of changes) {
      expect(sealed).toContain(from);
      const changed = sealed.replace(from, to);
      expect([from, readRecord(changed, key, secret)]).toEqual([from, undefined]);
    }
    for (let end = 0; end < sealed.length - 2; end += 7)
      expect(readRecord(sealed.slice(0, end), key, secret)).toBeUndefined();
    // Another's record under this one's name.
    const other = writeRecord({ ...record, asking: { ...asking, steps: 6 } }, secret);
    expect(readRecord(other, key, secret)).toBeUndefined();
  });

  it('says nothing of the machine or the hour: two that ask the same write the same bytes', async () => {
    const [one, two] = [0, 1].map(() => join(temporaryFolder('records'), 'cache'));
    for (const each of [one, two]) await open({ cache: { folder: each, identity: () => z3 } }).ask(questions);
    const texts = (each: string) => readdirSync(each).map((name) => [name, readFileSync(join(each, name), 'utf8')]);
    expect(texts(one)).toEqual(texts(two));
  });

  it('does not stop a run by what lies in it', async () => {
    const key = keyFor(questions[0]);
    const kept = readFileSync(path(key));
    const hostile: (() => void)[] = [
      () => writeFileSync(path(key), 'x'.repeat(2 * 1024 * 1024)),
      () => writeFileSync(path(key), '{}'),
      () => mkdirSync(path(key)),
      () => symlinkSync('/dev/zero', path(key)),
    ];
    const prover = open({ cache });
    for (const plant of hostile) {
      rmSync(path(key), { recursive: true, force: true });
      plant();
      const [result] = await prover.ask([questions[0]]);
      expect([result.status, result.cached]).toEqual(['proved', undefined]);
    }
    rmSync(path(key), { recursive: true, force: true });
    writeFileSync(path(key), kept);
    const blocked = open({ cache: { ...cache, folder: '/dev/null/cache' } });
    expect(statuses(await blocked.ask([questions[0]]))).toEqual(['proved']);
    expect(blocked.counts()).toMatchObject({ kept: 0, notKept: 1 });
  });

  it('takes the same records from several at once', async () => {
    const shared = join(temporaryFolder('records'), 'shared');
    const all = Array.from({ length: 2 }, () => open({ cache: { ...cache, folder: shared } }));
    await Promise.all(all.map((prover) => prover.ask([...questions, ...questions])));
    expect(readdirSync(shared).sort()).toEqual(
      [
        ...listStore(shared).keys.map((key) => `${key}.json`),
        ...listStore(shared).texts.map((text) => `${text}.smt2`),
      ].sort(),
    );
    expect(
      listStore(shared)
        .keys.map((key) => loadRecord(shared, key))
        .every(Boolean),
    ).toBe(true);
  });
});

describe('replay', () => {
  const prover = open();

  it('confirms what is so', async () => {
    const seen: number[] = [];
    const replayed = await replay(prover, folder, (_, done) => seen.push(done));
    expect(replayed.length).toBeGreaterThanOrEqual(3);
    expect(new Set(statuses(replayed))).toEqual(new Set(['confirmed']));
    expect(seen).toEqual(replayed.map((_, i) => i + 1));
  });

  it('contradicts a forged verdict, and names what it cannot judge', async () => {
    const forged = join(temporaryFolder('records'), 'forged');
    const put = (text: string, change: Partial<ProofRecord> = {}): string => {
      const asking: Asking = { sha256: sha256Of(text), z3: 'b'.repeat(64), steps: 100_000, seed: 0, cores: false };
      const answers = [{ solver: 'z3', build: 'Z3', result: 'unsat', wall: 1 }] as const;
      keepRecord(forged, { name: 'claim', asking, answers, ...change }, text);
      return `${keyOf(asking)}.json`;
    };
    const lie = put(question(1, 9).text);
    const echo = put('(set-logic ALL)(echo |unsat|)(check-sat)');
    const writes = put('(set-option :regular-output-channel "/tmp/forged")(set-logic ALL)(check-sat)');
    const other = put(question(3, 4).text);
    writeFileSync(join(forged, `${sha256Of(question(3, 4).text)}.smt2`), question(3, 9).text);
    const gone = put(question(5, 6).text);
    rmSync(join(forged, `${sha256Of(question(5, 6).text)}.smt2`));
    const odd = `${'e'.repeat(64)}.json`;
    writeFileSync(join(forged, odd), '{');
    const alone = `${sha256Of(question(6, 7).text)}.smt2`;
    writeFileSync(join(forged, alone), question(6, 7).text);
    const hard = put(
      '(set-logic QF_NIA)(declare-const a Int)(declare-const b Int)(declare-const c Int)(assert (> a 1 ))(assert (> b 1))(assert (= (+ (* a a a) (* b b b)) (+ (* c c c) 5)))(check-sat)',
    );
    const replayed = new Map((await replay(prover, forged)).map((one) => [one.file, one]));
    const expected: [string, string, RegExp][] = [
      [lie, 'contradicted', /recorded unsat, now the opposite/],
      [echo, 'malformed', /echo/],
      [writes, 'malformed', /string literal/],
      [other, 'malformed', /has the SHA-256/],
      [gone, 'malformed', /missing/],
      [odd, 'malformed', /no record/],
      [alone, 'malformed', /no record says/],
      [hard, 'undecided', /out of steps/],
    ];
    for (const [file, status, reason] of expected) {
      expect([file, replayed.get(file)?.status]).toEqual([file, status]);
      expect(replayed.get(file)?.reason).toMatch(reason);
    }
    expect(existsSync('/tmp/forged')).toBe(false);
  });

  it('needs a folder', async () => {
    await expect(replay(prover, '/nonexistent')).rejects.toThrow(/cannot list/);
  });
});
