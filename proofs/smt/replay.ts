/**
 * Replay: every stored text is asked again, with the solvers that are here now, and compared with what is recorded.
 *
 * The folder may come from anyone. A record's claim counts for nothing but to be compared; its text must have the hash
 * that names it and pass the grammar, and a record or text that cannot be read is reported, not passed over. Only
 * `confirmed` confirms anything, and a folder without records has confirmed nothing.
 */
import { printable } from '../../base/errors.ts';
import type { Prover, Question, Result } from './prover.ts';
import { type ProofRecord, sha256Of, verdictOf } from './record.ts';
import { readScript } from './script.ts';
import { listStore, loadRecord, loadText } from './store/files.ts';

export interface Replayed {
  /** The record's name in the folder, or the text's where it has none. */
  readonly file: string;
  /** What the record says was asked. */
  readonly name?: string;
  /** Confirmed: the recorded verdict again; contradicted: the opposite, or solvers that contradict each other. */
  readonly status: 'confirmed' | 'contradicted' | 'undecided' | 'malformed';
  readonly reason?: string;
  readonly result?: Result;
}

interface Stored {
  readonly file: string;
  readonly record: ProofRecord;
  readonly question: Question;
}

/** Most steps that a record can ask for; time bounds them too. */
const mostSteps = 1_000_000_000;

function load(folder: string, key: string): Stored | Replayed {
  const file = `${key}.json`;
  const malformed = (reason: string): Replayed => ({ file, status: 'malformed', reason });
  const record = loadRecord(folder, key);
  if (record === undefined) return malformed('is no record of the key that names it');
  const { asking, answers } = record;
  const text = loadText(folder, asking.sha256);
  if (text === undefined) return malformed(`${asking.sha256}.smt2, its text, is missing or too long`);
  const found = sha256Of(text);
  if (found !== asking.sha256) return malformed(`${asking.sha256}.smt2 has the SHA-256 ${found}`);
  const reading = readScript(text);
  if ('problem' in reading) return malformed(`${asking.sha256}.smt2: ${printable(reading.problem)}`);
  const steps = Math.min(asking.steps, mostSteps);
  const question = { name: printable(record.name), text, expect: verdictOf(answers)!, steps };
  return { file, record, question };
}

function compare({ file, question }: Stored, result: Result): Replayed {
  const status = ({ proved: 'confirmed', refuted: 'contradicted', disagreement: 'contradicted' } as const)[
    result.status as 'proved'
  ];
  const said = result.status === 'refuted' ? `recorded ${question.expect}, now the opposite` : result.reason;
  return {
    ...{ file, name: question.name, status: status ?? 'undecided', result },
    ...(said === undefined ? {} : { reason: said }),
  };
}

/**
 * Asks again about everything in a folder of records. The prover must not believe records (no `cache` that is trusted).
 * An 'io' error when the folder cannot be listed.
 */
export async function replay(
  prover: Prover,
  folder: string,
  onReplayed?: (replayed: Replayed, done: number, of: number) => void,
): Promise<Replayed[]> {
  const { keys, texts } = listStore(folder);
  const all: Replayed[] = [];
  const say = (replayed: Replayed): void => {
    all.push(replayed);
    onReplayed?.(replayed, all.length, keys.length);
  };
  const asked = new Set<string>();
  // A share at a time: texts may be long.
  for (let at = 0; at < keys.length; at += 64) {
    const loaded = keys.slice(at, at + 64).map((key) => load(folder, key));
    const stored = loaded.filter((item): item is Stored => 'question' in item);
    for (const item of loaded) if (!('question' in item)) say(item);
    for (const { record } of stored) asked.add(record.asking.sha256);
    const results = await prover.ask(stored.map(({ question }) => question));
    for (const [index, item] of stored.entries()) say(compare(item, results[index]));
  }
  for (const text of texts) {
    if (!asked.has(text)) say({ file: `${text}.smt2`, status: 'malformed', reason: 'no record says what it shows' });
  }
  return all.sort((a, b) => (a.file < b.file ? -1 : 1));
}
