/**
 * `casemate extract FILE.v`: has Coq compile the file and extract its definitions, and writes them as TypeScript.
 *
 * The file is anybody's, so it is read before Coq reads it (proofs/coq/extract/source.ts), and Coq runs as for proofs:
 * in a folder of its own, with nothing of the environment, limits, and no network where that can be taken away. What a
 * theorem says stands beside a function only where Coq says that it is proved without axioms.
 */
import { dirname, join } from 'node:path';
import { fail, printable } from '../base/errors.ts';
import { readFile, readFileIfPresent, writeFileAtomic } from '../base/files.ts';
import { moduleText } from '../proofs/coq/extract/module.ts';
import {
  objectionsToSource,
  readSource,
  type Sentence,
  type Source,
  siblingsOf,
  sourceSentences,
} from '../proofs/coq/extract/source.ts';
import { readExtraction } from '../proofs/coq/extract/syntax.ts';
import { tableSentences } from '../proofs/coq/extract/table.ts';
import { assumptionsIn } from '../proofs/coq/output.ts';
import { type Coq, openCoq, problemIn } from './coq.ts';
import { withScratch } from './scratch.ts';

const LARGEST_SOURCE = 4 * 1024 * 1024;
const MOST_SIBLINGS = 100;
const LARGEST_EXTRACTION = 256 * 1024 * 1024;

export interface ExtractRequest {
  readonly path: string;
  /** Names of definitions; default: all of the file. */
  readonly only?: readonly string[];
  readonly step: (text: string) => void;
}

export interface Extracted {
  readonly text: string;
  /** Names in Coq of what was extracted. */
  readonly definitions: readonly string[];
  /** Theorems that Coq calls proved, and those that rest on axioms or have no proof. */
  readonly proved: readonly string[];
  readonly unproved: readonly string[];
  readonly version: string;
  readonly isolated: boolean;
}

/** Where Coq says that something is wrong, in the user's own lines. */
function placeIn(output: string, where: string): string {
  const line = /File "\.\/[\w']+\.v", line (\d+)/.exec(output)?.[1];
  return line === undefined ? where : `${where}:${line}`;
}

/** Definitions that exist in what was compiled: a file may have some in sections, or in types of modules. */
async function extraction(coq: Coq, scratch: string, names: readonly string[], where: string, asked: boolean) {
  let left = [...names];
  for (;;) {
    if (left.length === 0)
      return fail(
        'extraction',
        `${where}: has no definition that computes; proofs and propositions have no TypeScript`,
      );
    const driver = [
      'Require Verified.Input.',
      ...tableSentences(),
      `Extraction "extracted" ${left.map((name) => `Verified.Input.${name}`).join(' ')}.`,
    ];
    writeFileAtomic(join(scratch, 'Driver.v'), Buffer.from(`${driver.join('\n')}\n`));
    const { status, output } = await coq.compile('Driver');
    if (status === 0) break;
    const missing = /reference Verified\.Input\.([\w'.]+)[\s\S]*was not found/.exec(output)?.[1];
    if (missing === undefined || !left.includes(missing))
      return fail('extraction', `${where}: Coq does not extract it: ${problemIn(output)}`);
    if (asked) return fail('extraction', `${where}: has no definition ${printable(missing)}`);
    left = left.filter((name) => name !== missing);
  }
  const bytes = readFileIfPresent(join(scratch, 'extracted.json')) ?? readFileIfPresent(join(scratch, 'extracted'));
  if (bytes === undefined) return fail('tool', 'coqc: has written no extraction');
  if (bytes.length > LARGEST_EXTRACTION)
    return fail('limit', `${where}: its extraction has ${bytes.length} bytes; at most ${LARGEST_EXTRACTION} are read`);
  return { names: left, declarations: readExtraction(new TextDecoder().decode(bytes)) };
}

/** Theorems that rest on nothing but definitions. */
async function provedOf(coq: Coq, scratch: string, { theorems }: Source): Promise<Set<string>> {
  let left = theorems.map(({ name }) => name);
  while (left.length > 0) {
    const text = ['Require Verified.Input.', ...left.map((name) => `Print Assumptions Verified.Input.${name}.`)];
    writeFileAtomic(join(scratch, 'Assumptions.v'), Buffer.from(`${text.join('\n')}\n`));
    const { status, output } = await coq.compile('Assumptions');
    if (status === 0) {
      const found = assumptionsIn(output, left.length);
      return new Set(found === undefined ? [] : left.filter((_, i) => found[i]!.length === 0));
    }
    const missing =
      /Verified\.Input\.([\w'.]+) was not found|not a defined object[\s\S]*?Verified\.Input\.([\w'.]+)/.exec(output);
    const name = missing?.[1] ?? missing?.[2];
    if (name === undefined || !left.includes(name)) return new Set();
    left = left.filter((one) => one !== name);
  }
  return new Set();
}

interface SourceFile {
  readonly bytes: Uint8Array;
  readonly sentences: readonly Sentence[];
}

/** A file that Coq may read. Errors: 'extraction' for what it may not say. */
function readSourceFile(path: string): SourceFile {
  const where = printable(path);
  const bytes = readFile(path);
  if (bytes.length > LARGEST_SOURCE)
    fail('limit', `${where}: ${bytes.length} bytes; a Coq file has at most ${LARGEST_SOURCE}`);
  const sentences = sourceSentences(new TextDecoder().decode(bytes));
  const [first] = objectionsToSource(sentences);
  if (first !== undefined) fail('extraction', `${where}:${first.line}: ${first.what}`);
  return { bytes, sentences };
}

/** The files beside it that a file requires, in an order in which they can be compiled. */
function siblings(path: string, file: SourceFile): ReadonlyMap<string, SourceFile> {
  const found = new Map<string, SourceFile>();
  const open = new Set<string>();
  const visit = ({ sentences }: SourceFile): void => {
    for (const name of siblingsOf(sentences)) {
      if (found.has(name)) continue;
      if (open.has(name))
        fail('extraction', `${printable(path)}: requires ${printable(name)}.v, which requires itself`);
      if (found.size + open.size >= MOST_SIBLINGS)
        fail('limit', `${printable(path)}: requires more than ${MOST_SIBLINGS} files`);
      open.add(name);
      const next = readSourceFile(join(dirname(path), `${name}.v`));
      visit(next);
      open.delete(name);
      found.set(name, next);
    }
  };
  visit(file);
  return found;
}

/** Errors: 'extraction' for what has no form in TypeScript or may not be said, 'tool' without Coq, 'limit', 'io'. */
export async function extractCoq({ path, only, step }: ExtractRequest): Promise<Extracted> {
  const where = printable(path);
  const file = readSourceFile(path);
  const others = siblings(path, file);
  const source = readSource(file.sentences);
  const [refused] = source.refused;
  if (refused !== undefined)
    fail(
      'extraction',
      `${where}:${refused.line}: ${printable(refused.name)}: has ${refused.what}; that has no TypeScript`,
    );
  for (const name of only ?? [])
    if (!source.definitions.some((one) => one.name === name))
      fail('extraction', `${where}: has no definition ${printable(name)}`);
  return withScratch(async (scratch) => {
    const coq = openCoq(scratch);
    step('compiling');
    for (const [name, { bytes }] of [...others, ['Input', file] as const]) {
      writeFileAtomic(join(scratch, `${name}.v`), bytes);
      const { status, output } = await coq.compile(name);
      const shown = name === 'Input' ? where : printable(join(dirname(path), `${name}.v`));
      if (status !== 0) fail('extraction', `${placeIn(output, shown)}: Coq refuses it: ${problemIn(output)}`);
    }
    step('extracting');
    const wanted = only ?? source.definitions.map(({ name }) => name);
    const { names, declarations } = await extraction(coq, scratch, wanted, where, only !== undefined);
    step('theorems');
    const proved = await provedOf(coq, scratch, source);
    const fields = new Map([...others.values(), file].flatMap((one) => [...readSource(one.sentences).fields]));
    const theorems = source.theorems.filter(({ name }) => proved.has(name));
    step('writing TypeScript');
    const text = moduleText({
      file: path.slice(path.lastIndexOf('/') + 1),
      ...{ declarations, roots: names, source: { ...source, theorems, fields } },
    });
    return {
      ...{ text, definitions: names, version: coq.version, isolated: coq.isolated },
      proved: theorems.map(({ name }) => name),
      unproved: source.theorems.map(({ name }) => name).filter((name) => !proved.has(name)),
    };
  });
}
