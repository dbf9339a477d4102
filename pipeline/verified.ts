/**
 * The TypeScript of a build: proved, then lowered to C that is compiled beside the project's own.
 *
 * All .ts files of a manifest, with what they import, are one program. It is proved as `casemate prove` does, with the same
 * cache, and only what was proved is lowered, from the very texts that were: an obligation that fails or stays undecided
 * stops the build, unless the manifest waives its function by name. What the exported functions of the listed files need
 * becomes one unit, `verified.c`, whose header C callers include. An exported function `main` is the program.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { locate, showDiagnostic } from '../analyzers/diagnostics.ts';
import type { FunctionIr, Program } from '../analyzers/ir.ts';
import { PLATFORM_FILE, PLATFORM_MODULE } from '../analyzers/platform.ts';
import { exportedFunctions, importsOf, type Source } from '../analyzers/typescript/analyze.ts';
import { fail, printable } from '../base/errors.ts';
import { type Lowered, lowerToC } from '../lowering/c/lower.ts';
import { noteAssembly } from '../lowering/c/note.ts';
import { prelude } from '../lowering/c/prelude.ts';
import { returnedBytes } from '../lowering/c/types.ts';
import { assumptionsOf } from '../proofs/report.ts';
import type { Prover } from '../proofs/smt/prover.ts';
import { defaultSteps } from '../proofs/smt/steps.ts';
import { isFollowed } from '../proofs/validation/calls.ts';
import { checkLanguages, type SourceFile } from './compile.ts';
import type { Ledger } from './lock.ts';
import type { At, Manifest } from './manifest.ts';
import { type Confinement, confinePath, isConfined, isInside, lockName } from './paths.ts';
import { loadSources, openProofCache, type ProveRequest } from './prove.ts';
import { type BuiltReport, proveForBuild } from './proved-before.ts';
import type { SealedStore } from './sealed-store.ts';
import type { TargetPlan } from './target-parts.ts';
import { unitFlags } from './unit-flags.ts';
import { requireNoAssumptions, requireProofs } from './verified-policy.ts';
import {
  functionName,
  isUnproved,
  noteText,
  reliedOn,
  type Trusted,
  trustedFunctions,
  trustedSymbols,
  UNIT,
  type VerifiedFunction,
  verifiedFunctions,
} from './verified-record.ts';

/** How a build proves: what `casemate prove` would be told, and where whole verdicts are kept. */
export type ProofOptions = Partial<Pick<ProveRequest, 'budget' | 'crossCheck' | 'cache' | 'evidence'>> & {
  readonly verdicts?: SealedStore;
  /** Asked, with its own steps and cache, and left open; for who builds several projects and starts the solvers once. */
  readonly prover?: Prover;
  /** Where casemate's code is: see proveForBuild. */
  readonly program?: string;
};

/** The user's own cache. */
export function ownCache(detail: (text: string) => void): ProofOptions {
  const { cache, verdicts, problem } = openProofCache();
  if (problem !== undefined) detail(`casemate: note: ${problem}`);
  return { ...(cache && { cache }), ...(verdicts && { verdicts }) };
}

export interface VerifiedJob {
  readonly manifest: Manifest;
  readonly at: At;
  readonly confinement: Confinement;
  readonly ledger: Ledger;
  readonly target: TargetPlan;
  readonly scratch: string;
  readonly proofs: ProofOptions;
  /** Nothing is assumed but what the manifest waives. */
  readonly strict: boolean;
  /** Whether the functions are to be found in the image one by one. */
  readonly apart?: boolean;
  /** Progress in words. */
  readonly step: (text: string) => void;
  /** Lines for the user. */
  readonly note: (text: string) => void;
  /** Lines for a user who asked for detail. */
  readonly detail: (text: string) => void;
}

/** What a build knows of its TypeScript before the link. */
export interface VerifiedReport {
  /** What was lowered, with what stands behind it, in the order of the sources. */
  readonly functions: readonly VerifiedFunction[];
  /** Functions without a proof that verified code, or a proof, uses. */
  readonly trusted: readonly string[];
  /** Those of them that are C's, for each function that relies on them. */
  readonly trusts: ReadonlyMap<string, readonly Trusted[]>;
  /** How many bytes each, by FILE:NAME, returns in the first register of integers; those whose result is there alone. */
  readonly returns: ReadonlyMap<string, number>;
  readonly assumptions: readonly string[];
}

export interface VerifiedUnit {
  /** Holds the headers. */
  readonly folder: string;
  readonly source: SourceFile;
  /** C of ours that the program's imports need. */
  readonly libraries: readonly SourceFile[];
  readonly report: VerifiedReport;
  /** What was lowered, for who holds the image's code against it. */
  readonly lowered: Lowered;
  /** All that was proved, with what only proofs and the interpreter need. */
  readonly program: Program;
  /** The texts that were proved. */
  readonly sources: readonly Source[];
}

/** The texts, confined; those from a declared root go into the lock. */
function readSources({ manifest, at, confinement, ledger }: VerifiedJob, files: readonly string[]) {
  const { folder } = confinement;
  const declared = manifest.sources ?? [];
  const given = files.map((file) => confinePath(confinement, file, at(`/sources/${declared.indexOf(file)}`)).real);
  const reals = new Map<string, string>();
  const nameOf = (real: string): string | undefined => {
    if (!isConfined(confinement, real)) return undefined;
    const name = relative(folder, real).split(sep).join('/');
    reals.set(name, real);
    return name;
  };
  const sources = loadSources(files, { folder, nameOf });
  for (const { name, text } of sources) {
    const real = reals.get(name)!;
    if (isInside(folder, real)) continue;
    ledger.seeInput(lockName(confinement, manifest.roots ?? [], real), Buffer.from(text));
  }
  const listed = sources.filter(({ name }) => given.includes(reals.get(name)!));
  return { sources, listed };
}

/** The function that is the program: an exported `main` of a listed file. */
function findMain(roots: readonly FunctionIr[], sources: ReadonlyMap<string, string>): FunctionIr | undefined {
  const mains = roots.filter(({ name, parameters }) => name === 'main' && parameters.length === 0);
  const [main, other] = mains;
  if (main === undefined) return undefined;
  const at = locate(sources, main.span);
  if (other !== undefined)
    fail(
      'compile',
      `${locate(sources, other.span)}: main is exported here and at ${at}; a program begins in one place`,
    );
  if (main.body === undefined) fail('compile', `${at}: main is only declared, or trusted; a program needs its body`);
  if (main.result.kind !== 'void')
    fail('compile', `${at}: main returns a value, which nobody takes; let it return void`);
  if (main.requires.length > 0)
    fail('compile', `${at}: main has a precondition, which nobody meets; remove its @requires`);
  return main;
}

/** An export `main` without a contract would be left out without a word. */
function refuseUnseenMain(files: readonly Source[], roots: readonly FunctionIr[]): void {
  for (const source of files) {
    const found = exportedFunctions(source).find(({ name, parameters }) => name === 'main' && parameters === 0);
    if (found === undefined || roots.some(({ name, span }) => name === 'main' && span.file === source.name)) continue;
    const at = locate(new Map([[source.name, source.text]]), found.span);
    fail('compile', `${at}: main has no contract, so nothing of it is proved; put /** @verified */ before it`);
  }
}

/** Keys of the functions that translation validation looks for: it steps into all others where they are called. */
const keptApart = ({ functions }: Program, roots: readonly FunctionIr[]): ReadonlySet<string> => {
  const byKey = new Map(functions.map((fn) => [fn.key, fn]));
  const isPart = ({ key, body }: FunctionIr): boolean => body === undefined || isFollowed(byKey, key);
  return new Set([...functions.filter((fn) => !isPart(fn)), ...roots].map(({ key }) => key));
};

/** What was lowered of a program whose functions in `roots` are called from outside. */
function lower(job: VerifiedJob, { program, results }: BuiltReport, roots: readonly FunctionIr[], main?: FunctionIr) {
  const open = results.filter(isUnproved);
  const waived = new Set(open.map(({ function: { key } }) => key));
  const unit = lowerToC(program!, 'verified', {
    exported: new Set(roots.map(({ key }) => key)),
    waived,
    relying: new Set([...reliedOn(results, isUnproved).keys()].filter((key) => !waived.has(key))),
    ...(main && { main: main.key }),
    ...(job.apart === true && { apart: keptApart(program!, roots) }),
  });
  if (unit.diagnostics.length > 0) {
    const { sources } = program!;
    for (const one of unit.diagnostics) job.note(showDiagnostic(sources, one).trimEnd());
    const [first, ...rest] = unit.diagnostics;
    const more = rest.length > 0 ? ` (and ${rest.length} more above)` : '';
    const advice = first.advice === undefined ? '' : `; ${first.advice}`;
    fail('compile', printable(`${locate(sources, first.span)}: ${first.message}${more}${advice}`, 1000));
  }
  return unit;
}

/** Preconditions that a caller in C is believed to meet. */
const uncheckedTexts = ({ unchecked }: Lowered): string[] =>
  unchecked.map(
    ({ function: subject, clause, reason }) =>
      `${functionName(subject)}: callers in C meet ${clause.text}, which nothing tests: ${reason}`,
  );

const returnsOf = ({ program }: Lowered): ReadonlyMap<string, number> =>
  new Map(
    program.functions.flatMap((fn) => {
      const bytes = returnedBytes(fn.result);
      return bytes === undefined ? [] : [[functionName(fn), bytes]];
    }),
  );

function reportOf(report: BuiltReport, unit: Lowered): VerifiedReport {
  const trusted = trustedFunctions(unit, report.results);
  return {
    functions: verifiedFunctions(unit, report.results, report.sources),
    trusts: trustedSymbols(unit, report.results),
    returns: returnsOf(unit),
    trusted: trusted.map((fn) => functionName(fn).replace(`${PLATFORM_FILE}:`, `${PLATFORM_MODULE}:`)),
    assumptions: [...uncheckedTexts(unit), ...assumptionsOf(report.program!)],
  };
}

/** C of ours that the imports need; what the target has not is an error. */
function librariesFor({ manifest, target }: VerifiedJob, sources: readonly Source[]): readonly SourceFile[] {
  const user = sources.find(({ text }) => importsOf(text).includes(PLATFORM_MODULE));
  if (user === undefined) return [];
  const { target: name } = manifest;
  return (
    target.libraries.get(PLATFORM_MODULE) ??
    fail('compile', `${printable(user.name)}: imports ${PLATFORM_MODULE}, which the target "${name}" does not have`)
  );
}

/** The manifest's TypeScript as C in the temporary folder; undefined where it has none. */
export async function buildVerified(job: VerifiedJob): Promise<VerifiedUnit | undefined> {
  const { manifest, scratch, target, step } = job;
  checkLanguages(manifest.sources ?? [], (i) => job.at(`/sources/${i}`));
  const files = (manifest.sources ?? []).filter((source) => source.endsWith('.ts'));
  if (files.length === 0) return undefined;
  const { sources, listed } = readSources(job, files);
  const libraries = librariesFor(job, sources);
  let done = 0;
  const { verdicts, program: own, prover, ...options } = job.proofs;
  const request = {
    budget: defaultSteps,
    crossCheck: false,
    ...options,
    onStart: (name: string) => step(`${printable(name, 60)} (${done} done)`),
    onFunction: () => done++,
  };
  const report = await proveForBuild(sources, request, verdicts, own, prover);
  if (report.before) job.detail('casemate: note: proved before, and nothing has changed since');
  const { program, diagnostics } = report;
  if (program === undefined) {
    for (const one of diagnostics) job.note(showDiagnostic(report.sources, one).trimEnd());
    const at = diagnostics.length === 0 ? '' : `${locate(report.sources, diagnostics[0].span)}: `;
    return fail('compile', `${at}cannot be verified; the messages are above`);
  }
  requireProofs(job, report);
  const roots = program.functions.filter(
    ({ exported, span }) => exported === true && listed.some(({ name }) => name === span.file),
  );
  refuseUnseenMain(listed, roots);
  if (roots.length === 0)
    fail('compile', `${printable(files[0])}: no exported function has a contract, so nothing of it would be built`);
  const unit = lower(job, report, roots, findMain(roots, report.sources));
  requireNoAssumptions(job, unit, report.results, job.strict);
  const folder = join(scratch, 'verified');
  mkdirSync(folder);
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  write('casemate-lowered.h', prelude());
  write('verified.h', unit.header);
  const known = reportOf(report, unit);
  write(UNIT, `${unit.source}\n${noteAssembly(noteText(known.functions))}\n`);
  const flags = [...target.defaultFlags, ...unitFlags, ...target.requiredFlags];
  return {
    folder,
    source: { name: UNIT, path: join(folder, UNIT), flags },
    libraries: [...(unit.tests ? target.preconditions : []), ...libraries].map((one) => ({
      ...one,
      flags: [...one.flags, `-I${folder}`],
    })),
    report: known,
    lowered: unit,
    program,
    sources,
  };
}
