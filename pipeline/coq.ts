/**
 * `casemate prove --coq DIR`: writes the program, its contracts and its obligations as Coq into DIR, and has Coq prove them.
 *
 * Coq runs in a temporary folder on texts that are made anew from the sources each time; of DIR only handwritten proofs
 * are read, and of those nothing that a proof does not need (proofs/coq/vernacular.ts). So no .vo, Makefile or statement
 * that lies in DIR is ever believed. coqc has an empty environment, no network where the system lets us take it away, and
 * limits of time and memory. What it proves is counted only through Checked.v, whose output is read strictly, and once
 * coqchk has checked all of it again.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Program } from '../analyzers/ir.ts';
import { fail, printable } from '../base/errors.ts';
import { readFile, readFileIfPresent, removeQuietly, writeFileAtomic } from '../base/files.ts';
import {
  baseTexts,
  type Claim,
  checkedText,
  exportProgram,
  handwrittenContract,
  type Refusal,
  type Unit,
} from '../proofs/coq/export.ts';
import { assumptionsIn, checkedIn } from '../proofs/coq/output.ts';
import {
  type ClosedBy,
  closedProject,
  makefileText,
  PROJECT_FIRST,
  type ProjectText,
  projectText,
} from '../proofs/coq/project.ts';
import { isUnfinished, objectionsTo } from '../proofs/coq/vernacular.ts';
import { spawnChild, withScratch } from './scratch.ts';
import { findProgram, requireTool } from './tools.ts';

export const LARGEST_PROOF = 1024 * 1024;
const MOST_OUTPUT = 16 * 1024 * 1024;
/** Seconds of processor time for one file, for one that tries all goals of a function, and for coqchk. */
const FILE_SECONDS = 300;
const TRIAL_SECONDS = 1800;
const CHECK_SECONDS = 1800;
const MEMORY_KIB = 6 * 1024 * 1024;
const WIDTH = 2;

export type ClaimStatus = 'closed' | 'open' | 'refused';

export interface CoqClaim {
  readonly claim: Claim;
  readonly status: ClaimStatus;
  /** What proved it, or why it is not proved. */
  readonly by: string;
}

export interface CoqReport {
  readonly version: string;
  readonly claims: readonly CoqClaim[];
  readonly refusals: readonly Refusal[];
  /** Functions without a body, whose contracts the obligations of those that call them assume; contracts never do. */
  readonly trusted: readonly string[];
  /** Whether the network was taken away from Coq. */
  readonly isolated: boolean;
  /** The files of what is closed, in an order in which each uses earlier ones. */
  readonly project: readonly ProjectText[];
}

export interface CoqRequest {
  readonly folder: string;
  readonly onProgress?: (name: string, done: number, of: number) => void;
  /** Coq, for texts in a folder; by default the one on PATH. */
  readonly open?: (folder: string) => Coq;
}

export interface Ended {
  readonly status: number | null;
  readonly output: string;
}

export interface Coq {
  readonly version: string;
  readonly isolated: boolean;
  readonly compile: (name: string, seconds?: number) => Promise<Ended>;
  readonly check: (name: string, seconds?: number) => Promise<Ended>;
}

/** The words before a command that take the network away, where that is possible. */
function isolation(): string[] {
  const unshare = findProgram('unshare');
  if (unshare === undefined) return [];
  const words = [unshare, '--map-root-user', '--net', '--'];
  const run = spawnSync(words[0], [...words.slice(1), '/bin/true'], { stdio: 'ignore', timeout: 10_000, env: {} });
  return run.status === 0 ? words : [];
}

const folderOfLibrary = fileURLToPath(new URL('../proofs/coq/library/', import.meta.url));

/** The files of Coq that are shipped, by their names. */
export const readCoqLibrary = (): ReadonlyMap<string, string> =>
  new Map(
    ['Casemate', 'CasemateTactics'].map((name) => [
      name,
      new TextDecoder().decode(readFile(join(folderOfLibrary, `${name}.v`))),
    ]),
  );

/** Coq's compiler and its checker; undefined where one is missing. */
export function findCoq(): { readonly compiler: string; readonly checker: string } | undefined {
  const [compiler, checker] = [findProgram('coqc'), findProgram('coqchk')];
  return compiler === undefined || checker === undefined ? undefined : { compiler, checker };
}

export function openCoq(folder: string): Coq {
  const found = findCoq();
  if (found === undefined)
    return fail('tool', 'coqc and coqchk are not on PATH, and --coq needs them; install them: apt-get install coq');
  const coqc = requireTool('coqc');
  const { checker } = found;
  const words = isolation();
  const run = (path: string, args: readonly string[], seconds: number): Promise<Ended> =>
    new Promise((done, failed) => {
      const limits = `ulimit -v ${MEMORY_KIB} && ulimit -t ${seconds} && exec "$@"`;
      const [program, ...before] = [...words, '/bin/sh', '-c', limits, 'sh', path, ...args];
      const limit = AbortSignal.timeout(seconds * 20_000);
      const env = { HOME: folder, TMPDIR: folder, LC_ALL: 'C' };
      const child = spawnChild(program, before, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] }, limit);
      let output = '';
      let size = 0;
      const take = (chunk: Buffer): void => {
        size += chunk.length;
        if (size > MOST_OUTPUT) child.kill('SIGKILL');
        else output += chunk.toString('utf8');
      };
      child.stdout?.on('data', take);
      child.stderr?.on('data', take);
      child.on('error', failed);
      child.on('close', (status) => done({ status, output }));
    });
  return {
    version: coqc.version,
    isolated: words.length > 0,
    compile: (name, seconds = FILE_SECONDS) =>
      run(coqc.path, ['-q', '-w', 'none', '-Q', '.', 'Verified', `${name}.v`], seconds),
    check: (name, seconds = CHECK_SECONDS) =>
      run(checker, ['-o', '-silent', '-Q', '.', 'Verified', `Verified.${name}`], seconds),
  };
}

/** The line of Coq's output that says what is wrong. */
export function problemIn(output: string): string {
  const lines = output.split('\n');
  const at = lines.findIndex((line) => /^(Error|Fatal|Anomaly)/.test(line));
  return printable(
    at < 0
      ? (lines.find((line) => line !== '') ?? 'no answer')
      : lines
          .slice(at, at + 3)
          .join(' ')
          .trim(),
  );
}

/** What a person wrote for a claim. */
interface Handwritten {
  readonly text: string;
  readonly why?: string;
  readonly status: 'finished' | 'unfinished' | 'refused';
}

function readHandwritten(folder: string, { id }: Claim, skeleton: string): Handwritten | undefined {
  const name = `handwritten/${id}.v`;
  const bytes = readFileIfPresent(join(folder, name));
  if (bytes === undefined) return undefined;
  if (bytes.length > LARGEST_PROOF)
    return { text: '', status: 'refused', why: `${name}: ${bytes.length} bytes; a proof has at most ${LARGEST_PROOF}` };
  const text = new TextDecoder().decode(bytes);
  if (text === skeleton) return undefined;
  const [first] = objectionsTo(text);
  if (first !== undefined) return { text, status: 'refused', why: `${name}:${first.line}: ${first.what}` };
  return { text, status: isUnfinished(text) ? 'unfinished' : 'finished' };
}

/** A folder that is empty, or that an earlier run made. */
function openFolder(folder: string): void {
  mkdirSync(join(folder, 'handwritten'), { recursive: true });
  const entries = readdirSync(folder).filter((name) => name !== 'handwritten');
  const project = readFileIfPresent(join(folder, '_CoqProject'));
  const own = project !== undefined && new TextDecoder().decode(project).startsWith(PROJECT_FIRST);
  if (entries.length > 0 && !own)
    fail('usage', `${printable(folder)}: neither empty nor made by casemate prove --coq; name another folder`);
}

/** Does work as soon as what it needs is done, a few at a time. */
async function inOrder<T>(
  tasks: readonly {
    readonly needs: readonly string[];
    readonly gives: readonly string[];
    readonly work: () => Promise<T>;
  }[],
): Promise<T[]> {
  const results: T[] = [];
  const done = new Set<string>();
  const pending = new Set(tasks.map((_, i) => i));
  const running = new Map<number, Promise<number>>();
  while (pending.size > 0 || running.size > 0) {
    for (const i of pending) {
      if (running.size >= WIDTH) break;
      if (!tasks[i].needs.every((one) => done.has(one))) continue;
      pending.delete(i);
      running.set(
        i,
        tasks[i].work().then((result) => {
          results[i] = result;
          return i;
        }),
      );
    }
    const ended = await Promise.race(running.values());
    running.delete(ended);
    for (const one of tasks[ended].gives) done.add(one);
  }
  return results;
}

/** Has coqchk check all that was compiled, and fails if anything rests on an assumption. */
async function checkAgain(coq: Coq): Promise<void> {
  const { status, output } = await coq.check('Checked');
  const rests = status === 0 ? checkedIn(output) : undefined;
  if (rests === undefined) fail('tool', `coqchk: ${problemIn(output)}; nothing is counted as proved`);
  if (rests.length > 0)
    fail('unproved', `coqchk: the proofs rest on ${printable(rests.join('; '))}; nothing is counted as proved`);
}

interface Proved {
  readonly at: string;
  readonly by: string;
}

export async function exportToCoq(
  program: Program,
  { folder, onProgress, open = openCoq }: CoqRequest,
): Promise<CoqReport> {
  openFolder(folder);
  const exported = exportProgram(program);
  const skeletons = new Map(
    exported.units.flatMap(({ claims }) => claims).map((claim) => [claim.id, exported.skeleton(claim)]),
  );
  return withScratch(async (scratch) => {
    const coq = open(scratch);
    const put = (name: string, text: string): void => {
      writeFileAtomic(join(scratch, `${name.replace(/^handwritten\//, '')}.v`), Buffer.from(text));
    };
    const shipped = readCoqLibrary();
    for (const [name, text] of baseTexts(exported, shipped)) {
      put(name, text);
      onProgress?.(name, 0, exported.units.length);
      const { status, output } = await coq.compile(name);
      if (status !== 0) fail('tool', `coqc ${name}.v: ${problemIn(output)}; a defect of casemate, please report it`);
    }
    const proved = new Map<string, Proved>();
    const written = new Map<string, string>();
    const reasons = new Map<string, { status: ClaimStatus; why: string }>();
    let done = 0;

    /** Has Coq read what a person wrote. */
    const byHand = async (claim: Claim): Promise<boolean> => {
      const own = readHandwritten(folder, claim, skeletons.get(claim.id)!);
      if (own === undefined) return false;
      const file = `handwritten/${claim.id}`;
      if (own.status !== 'finished') {
        const why = own.why ?? `${file}.v is not finished`;
        reasons.set(claim.id, { status: own.status === 'refused' ? 'refused' : 'open', why });
        return false;
      }
      put(file, own.text);
      const { status, output } = await coq.compile(claim.id);
      if (status !== 0) {
        reasons.set(claim.id, { status: 'open', why: `${file}.v: ${problemIn(output)}` });
        return false;
      }
      proved.set(claim.id, { at: `Verified.${claim.id}.proof`, by: `${file}.v` });
      written.set(claim.id, own.text);
      return true;
    };

    const contract = async ({ name, claims: [claim], text }: Unit): Promise<void> => {
      if (await byHand(claim)) {
        put(name, handwrittenContract(claim));
        const { status } = await coq.compile(name);
        if (status === 0) return;
        proved.delete(claim.id);
        reasons.set(claim.id, {
          status: 'refused',
          why: `handwritten/${claim.id}.v proves something else than its statement`,
        });
        return;
      }
      if (reasons.get(claim.id)?.status === 'refused') return;
      const missing = claim.uses.find((one) => !proved.has(one));
      if (missing !== undefined) {
        reasons.set(claim.id, { status: 'open', why: `it rests on ${missing}, which is open` });
        return;
      }
      put(name, text(new Set()));
      const { status, output } = await coq.compile(name);
      if (status === 0) {
        proved.set(claim.id, { at: claim.proof, by: 'a script' });
        return;
      }
      if (!reasons.has(claim.id))
        reasons.set(claim.id, { status: 'open', why: `no script closes it: ${problemIn(output)}` });
    };

    const goals = async ({ name, claims, text, trial }: Unit): Promise<void> => {
      const left: Claim[] = [];
      for (const claim of claims)
        if (!(await byHand(claim)) && reasons.get(claim.id)?.status !== 'refused') left.push(claim);
      if (left.length === 0) return;
      const attempt = async (ids: ReadonlySet<string>): Promise<boolean> => {
        put(name, text(ids));
        return (await coq.compile(name)).status === 0;
      };
      // All are tried first, each for so long: a script that never ends would take the others with it.
      put(`${name}_trial`, trial!);
      const { output } = await coq.compile(`${name}_trial`, TRIAL_SECONDS);
      const said = new Set(
        output.split('\n').flatMap((line) => /^(?:.*Timeout)?closed (\w[\w']*)$/.exec(line)?.[1] ?? []),
      );
      let closed = new Set(left.flatMap(({ id }) => (said.has(id) ? [id] : [])));
      const works = closed.size > 0 && (await attempt(closed));
      if (!works) closed = new Set();
      for (const claim of left) {
        if (closed.has(claim.id)) proved.set(claim.id, { at: claim.proof, by: 'a script' });
        else if (!reasons.has(claim.id)) reasons.set(claim.id, { status: 'open', why: 'no script closes it' });
      }
    };

    await inOrder(
      exported.units.map((unit) => ({
        needs: unit.claims.flatMap(({ uses }) => uses),
        gives: unit.claims.map(({ id }) => id),
        work: async () => {
          onProgress?.(unit.name, done, exported.units.length);
          await (unit.claims[0].kind === 'contract' ? contract(unit) : goals(unit));
          done++;
        },
      })),
    );

    const claims = exported.units.flatMap((unit) => unit.claims);
    const counted = claims.flatMap((claim) => (proved.has(claim.id) ? [{ claim, at: proved.get(claim.id)!.at }] : []));
    put('Checked', checkedText(counted));
    onProgress?.('all proofs again, with coqchk', done, exported.units.length);
    const compiled = await coq.compile('Checked');
    if (compiled.status !== 0)
      fail('tool', `Checked.v: a proof is not one of its statement: ${problemIn(compiled.output)}`);
    const assumptions = assumptionsIn(compiled.output, counted.length);
    if (assumptions === undefined)
      fail(
        'tool',
        `Checked.v: Coq says something else than what ${counted.length} proofs assume; nothing is counted as proved`,
      );
    counted.forEach(({ claim: { id } }, i) => {
      if (assumptions[i].length === 0) return;
      proved.delete(id);
      reasons.set(id, {
        status: 'refused',
        why: `it assumes ${assumptions[i].map((one) => printable(one)).join(', ')}`,
      });
    });
    // Where nothing is proved there is nothing to check.
    if (counted.length > 0) await checkAgain(coq);

    const closedBy = new Map(
      [...proved].map(([id, { by }]): [string, ClosedBy] => [id, by === 'a script' ? 'script' : 'hand']),
    );
    const project = closedProject(exported, shipped, closedBy, written);
    const report: CoqReport = {
      project,
      version: coq.version,
      isolated: coq.isolated,
      refusals: exported.refusals,
      trusted: program.functions.filter(({ body }) => body === undefined).map(({ name }) => name),
      claims: claims.map((claim): CoqClaim => {
        const found = proved.get(claim.id);
        const { status, why } = reasons.get(claim.id) ?? { status: 'open', why: 'no script closes it' };
        return found === undefined ? { claim, status, by: why } : { claim, status: 'closed', by: found.by };
      }),
    };
    writeFolder(folder, report, skeletons);
    return report;
  });
}

/** Writes what was made; what an earlier run made and this one did not goes, handwritten files stay. */
function writeFolder(folder: string, report: CoqReport, skeletons: ReadonlyMap<string, string>): void {
  const write = (name: string, text: string): void => writeFileAtomic(join(folder, name), Buffer.from(text));
  const files = report.project;
  const kept = new Set(files.map(({ name }) => `${name}.v`));
  write('_CoqProject', projectText(files));
  for (const name of readdirSync(folder))
    if (/\.(v|vo|vok|vos|glob)$/.test(name) && !kept.has(name)) removeQuietly(join(folder, name));
  for (const { name, text } of files) if (!name.startsWith('handwritten/')) write(`${name}.v`, text);
  write('Makefile', makefileText(files));
  for (const { claim, status } of report.claims) {
    const name = `handwritten/${claim.id}.v`;
    const there = readFileIfPresent(join(folder, name));
    const skeleton = skeletons.get(claim.id)!;
    if (status === 'open' && there === undefined) write(name, skeleton);
    // A skeleton that nobody needs any more, and nobody has written in.
    if (status === 'closed' && there !== undefined && new TextDecoder().decode(there) === skeleton)
      removeQuietly(join(folder, name));
  }
  write('report.json', `${JSON.stringify(coqJson(report), null, 2)}\n`);
}

/** As report.json and --json have it. */
export function coqJson({ version, claims, refusals, trusted, isolated }: CoqReport): unknown {
  const closed = claims.filter(({ status }) => status === 'closed').length;
  return {
    coq: version,
    isolated,
    closed,
    claims: claims.map(({ claim: { id, kind, name, span }, status, by }) => ({
      id,
      kind,
      name,
      file: span.file,
      at: span.start,
      status,
      by,
      assumes: [],
    })),
    refused: refusals.map(({ name, span, why }) => ({ name, file: span.file, at: span.start, why })),
    of: claims.length,
    trusted,
  };
}
