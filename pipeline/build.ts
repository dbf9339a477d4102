/**
 * `casemate build`: the phases, in order.
 *
 *   manifest   casemate.json -> plain data                                   manifest.ts, json.ts
 *   inputs     foreign files read, confined, held against casemate.lock      paths.ts, link-inputs.ts, lock.ts
 *   prove      TypeScript -> proofs -> C, in the temporary folder             verified.ts, prove.ts, lowering/c/
 *   compile    C -> objects, with the target's platform layer                cflags.ts, sources.ts, compile.ts, target.ts
 *   link       objects -> image, with veneers that wipe where asked for       link-options.ts, linker/link.ts, wipe.ts
 *   check      the image against its target's rules                          target.ts, targets/<target>/
 *   validate   on request, the image's code against the TypeScript            validation.ts, validation-policy.ts
 *   secrets    what functions leave of theirs, of the finished image          secrets.ts, hardening/zeroization/
 *   write      image, map and lock, each whole or not at all                 base/files.ts
 *
 * Nothing is written before every check has passed: a failed build leaves the folder as it was.
 */
import { mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fail, printable } from '../base/errors.ts';
import { readFile, readFileIfPresent, reasonOf, removeQuietly, writeFileAtomic } from '../base/files.ts';
import { wishesOfRecords } from '../hardening/wipe/from-records.ts';
import type { PlannedWipe } from '../hardening/wipe/plan.ts';
import { parseWish } from '../hardening/wipe/wish.ts';
import type { LinkedImage } from '../linker/image.ts';
import { type LinkResult, link } from '../linker/link.ts';
import type { InputFile, LinkRequest } from '../linker/request.ts';
import { type Audit, auditImage } from './audit.ts';
import { claimants, requireOwnNote, reservedNote } from './claims.ts';
import { readLinkInputs } from './link-inputs.ts';
import { linkOptions } from './link-options.ts';
import { formatLock, type Lock, type LockMode, openLedger, parseLock } from './lock.ts';
import {
  type At,
  type Manifest,
  type ManifestSeL4,
  type ParsedManifest,
  parseManifest,
  type Target,
} from './manifest.ts';
import { type Confinement, confine, isInside, statIfPresent } from './paths.ts';
import type { Progress } from './progress.ts';
import { withScratch } from './scratch.ts';
import { requireWiper, secretVariables, withVariableTable } from './secret-variables.ts';
import { type BuiltSecrets, hasRecords, requireErased, secretsObjects } from './secrets.ts';
import { sel4Choice } from './sel4-choice.ts';
import { compileProject } from './sources.ts';
import { requireStack, type StackReport } from './stack.ts';
import { targetPlan } from './target.ts';
import type { TargetPlan } from './target-parts.ts';
import { requireTool } from './tools.ts';
import { type BuildTrace, openTrace } from './trace.ts';
import type { ImageFunctionOfSource, ImageJob } from './validation.ts';
import { recordText, requireValidation, requireValidator, type ValidationReport } from './validation-policy.ts';
import type { ProofOptions, VerifiedJob, VerifiedReport, VerifiedUnit } from './verified.ts';
import { requireStatus } from './verified-policy.ts';
import { noteText, UNIT_OBJECT } from './verified-record.ts';
import { linkWiped, type WipedLink } from './wipe.ts';

export interface BuildRequest {
  /** The project's folder, which holds casemate.json. */
  readonly folder: string;
  /** Where the image goes; default: build/NAME and the target's extension, in the project's folder. */
  readonly output?: string;
  /** Built for instead of the manifest's own target. */
  readonly target?: Target;
  /** For target sel4: instead of the manifest's own kernel and seed. */
  readonly sel4?: ManifestSeL4;
  readonly lock: LockMode;
  /** Proves everything and compiles the platform layer too, whatever earlier runs have kept; a frozen lock implies it. */
  readonly afresh?: boolean;
  readonly progress: Progress;
  /** Nothing is assumed of TypeScript but what the manifest waives; the manifest may ask for it too. */
  readonly strict?: boolean;
  /** Holds the image's code against TypeScript's meaning; the manifest may ask for it too. */
  readonly validate?: boolean;
  /** Seconds for that, about; what is not judged by then is undecided. */
  readonly validationTime?: number;
  /** Steps of a solver for one question about TypeScript. */
  readonly budget?: number;
  /** Keeps what evidence of the build needs beside its result: BuildResult.trace. */
  readonly traced?: boolean;
  /** How TypeScript is proved; default: as `casemate prove` does, with the user's own cache unless it is done afresh. */
  readonly proofs?: ProofOptions;
}

export interface BuildResult {
  readonly manifest: Manifest;
  /** Path of the written image. */
  readonly output: string;
  readonly image: LinkedImage;
  /** The stack's bound, where there is one. */
  readonly stack?: StackReport;
  /** Functions behind veneers that wipe, where the manifest asks for any. */
  readonly wiped?: readonly PlannedWipe[];
  /** What is left of secrets, where any function has a record of some. */
  readonly secrets?: BuiltSecrets;
  /** What is known of the functions that came from TypeScript, where there are any. */
  readonly verified?: Omit<VerifiedReport, 'functions' | 'trusts' | 'returns'> & Pick<Audit, 'functions'>;
  /** The functions that are judged then, with their code. */
  readonly subjects?: readonly ImageFunctionOfSource[];
  /** Whether the code of these functions does what their source says, where that was asked for. */
  readonly validation?: ValidationReport;
  readonly trace?: BuildTrace;
  /** What became of casemate.lock, with its changes in words. */
  readonly lock: { readonly state: 'kept' | 'written' | 'updated'; readonly changes: readonly string[] };
}

const manifestName = 'casemate.json';
const lockName = 'casemate.lock';
const manifestLimit = 16 << 20;
/** Inputs from this size on take the linker long enough to be announced. */
const heavyInput = 16 << 20;

/** Text of a file that a project holds; undefined when there is none. Pipes, devices and giants are refused. */
function readText(path: string, shown: string): string | undefined {
  const stat = statIfPresent(path, shown);
  if (stat === undefined) return undefined;
  if (!stat.isFile()) fail('manifest', `${printable(shown)}: not a regular file`);
  if (stat.size > manifestLimit) {
    fail('limit', `${printable(shown)}: ${stat.size} bytes, more than the ${manifestLimit} allowed`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileIfPresent(path));
  } catch (error) {
    if (error instanceof TypeError) return fail('manifest', `${printable(shown)}: is not UTF-8 text`);
    throw error;
  }
}

/** casemate.json of a folder, parsed; `target` replaces its own. */
export function loadManifest(folder: string, target?: Target): ParsedManifest {
  const stat = statIfPresent(folder);
  if (stat === undefined) fail('manifest', `${printable(folder)}: no such folder`);
  if (!stat.isDirectory()) {
    const hint = basename(folder) === manifestName ? `; name its folder: ${printable(dirname(folder))}` : '';
    fail('manifest', `${printable(folder)}: not a folder${hint}`);
  }
  const path = join(folder, manifestName);
  const text = readText(path, path) ?? fail('manifest', `${printable(path)}: no such file; a project has one`);
  return parseManifest(text, path, target);
}

function loadLock(path: string): Lock | undefined {
  const text = readText(path, path);
  return text === undefined ? undefined : parseLock(text, path);
}

/** The image's path. The default lies in the project, also when a hostile project made "build" a link elsewhere. */
function outputPath(request: BuildRequest, confinement: Confinement, name: string): string {
  if (request.output !== undefined) {
    const path = resolve(request.output);
    if (!statIfPresent(dirname(path))?.isDirectory()) {
      fail('usage', `-o ${printable(request.output)}: the folder ${printable(dirname(request.output))} does not exist`);
    }
    if (statIfPresent(path)?.isDirectory()) {
      fail('usage', `-o ${printable(request.output)}: is a folder; name the image's file`);
    }
    return path;
  }
  const folder = join(confinement.folder, 'build');
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    fail('io', `${printable(folder)}: cannot make the folder: ${reasonOf(error)}`);
  }
  const real = realpathSync.native(folder);
  if (!isInside(confinement.folder, real)) {
    fail('io', `${printable(folder)}: leads to ${printable(real)}, outside the project; remove it or use -o`);
  }
  return join(folder, name);
}

const isValidated = ({ validate }: BuildRequest, manifest: Manifest): boolean => validate ?? manifest.validate ?? false;

const isStrict = ({ strict }: BuildRequest, manifest: Manifest): boolean => strict ?? manifest.strict ?? false;

/** The name of the object that TypeScript became; no other input may have it, since it tells whose code is whose. */
function requireOneUnit(files: readonly InputFile[]): void {
  if (files.filter(({ name }) => name === UNIT_OBJECT).length > 1)
    fail('manifest', `${UNIT_OBJECT}: an input is called as what TypeScript is lowered to; rename it`);
}

const auditUnit = (
  { functions, trusts, returns }: VerifiedReport,
  linked: LinkResult | WipedLink,
  bytes: Uint8Array,
  wrap: readonly string[],
) =>
  auditImage({
    ...{ functions, trusts, returns, object: UNIT_OBJECT, image: linked.image, bytes, wrap },
    ...('wiped' in linked && { veneers: linked }),
  });

const joined = (report: VerifiedReport, { functions, assumed }: Audit) => ({
  ...report,
  functions,
  assumptions: [...report.assumptions, ...assumed],
});

/**
 * Links, with veneers in front of the functions that the manifest has wiped after: by name, or all with a record. With
 * these goes a table of the variables that hold secrets, where a platform layer clears them.
 */
function linkImage(plain: LinkRequest, manifest: Manifest, at: At, target: TargetPlan): LinkResult | WipedLink {
  const { link: { wipe = [] } = {}, secrets, stack } = manifest;
  const said = { ...(stack && { stack }), target: target.stack };
  const request = secrets?.wipe === true && target.platform.length > 0 ? clearing(plain, manifest) : plain;
  if (wipe.length === 0 && secrets?.wipe !== true) return link(request);
  const stated = wipe.map((text, i) => parseWish(text, at(`/link/wipe/${i}`), 'manifest'));
  if (secrets?.wipe !== true) return linkWiped(request, stated, said);
  const waived = new Set((secrets.waive ?? []).map(({ function: name }) => name));
  return linkWiped(request, (image) => wishesOfRecords(image, stated, waived), said);
}

function clearing(request: LinkRequest, manifest: Manifest): LinkRequest {
  const { arena: _, ...own } = request;
  const { image } = link(own);
  return withVariableTable(own, secretVariables(image, manifest), image);
}

/** Leaves the image without any note on verified code but the build's own. */
function requireNotes({ note }: Progress, image: LinkedImage, verified: VerifiedReport | undefined): void {
  for (const name of claimants(image, verified !== undefined))
    note(`casemate: warning: ${printable(name)}: its note on verified code is not of this build, and is left out`);
  requireOwnNote(image, verified && noteText(verified.functions));
}

/** Proves and lowers the TypeScript of a project that has any; the prover is loaded for those alone. */
async function proveProject(
  request: BuildRequest,
  job: Omit<VerifiedJob, 'proofs' | 'strict' | 'step' | 'note' | 'detail'>,
  afresh: boolean,
): Promise<VerifiedUnit | undefined> {
  if (!job.manifest.sources?.some((source) => source.endsWith('.ts'))) return undefined;
  requireTool('clang');
  const { proofs, progress, budget } = request;
  const strict = isStrict(request, job.manifest);
  const apart = isValidated(request, job.manifest);
  const { buildVerified, ownCache } = await import('./verified.ts');
  const options = { ...(budget !== undefined && { budget }), ...(proofs ?? (afresh ? {} : ownCache(progress.detail))) };
  return progress.phase('proving', (step) =>
    buildVerified({ ...job, proofs: options, strict, apart, step, note: progress.note, detail: progress.detail }),
  );
}

/** Holds the finished code against what was proved; what is refuted stops the build. */
async function validateProject(
  request: BuildRequest,
  manifest: Manifest,
  job: Omit<ImageJob, 'object'>,
): Promise<Required<Pick<BuildResult, 'validation' | 'subjects'>>> {
  const { progress, budget, proofs, afresh, lock } = request;
  const [{ openAsk, subjectsOf, validateImage }, { ownCache }] = await Promise.all([
    import('./validation.ts'),
    import('./verified.ts'),
  ]);
  const subjects = subjectsOf({ ...job, object: UNIT_OBJECT });
  const { cache } = proofs ?? (afresh === true || lock === 'frozen' ? {} : ownCache(progress.detail));
  const { ask, close } = openAsk(budget, cache);
  const end = request.validationTime === undefined ? undefined : Date.now() + request.validationTime * 1000;
  const isOver = (): boolean => end !== undefined && Date.now() > end;
  try {
    const validation = await progress.phase(
      'validating',
      (step) => validateImage({ ...job, subjects, ask, isOver, step }),
      true,
    );
    requireValidation(validation, manifest, isStrict(request, manifest), progress.note);
    return { validation, subjects };
  } finally {
    close();
  }
}

/** Builds one project. Errors are CasemateErrors; on any of them no file has changed. */
export async function buildProject(request: BuildRequest): Promise<BuildResult> {
  const { progress } = request;
  const { manifest, at } = loadManifest(request.folder, request.target);
  const confinement = confine(request.folder, manifest.roots ?? [], (i) => at(`/roots/${i}`));
  const lockPath = join(request.folder, lockName);
  const lockBefore = loadLock(lockPath);
  const trace = request.traced === true ? openTrace() : undefined;
  const own = openLedger(lockBefore, request.lock, lockPath);
  const ledger = trace?.watching(own) ?? own;
  const choice = sel4Choice(request.sel4, manifest, at, confinement, ledger);
  const target = targetPlan(manifest, choice);
  trace?.see('manifest', manifestName, readFile(join(request.folder, manifestName)));
  if (choice !== undefined) trace?.see('kernel', basename(choice.kernel.name), choice.kernel.bytes);
  if (isValidated(request, manifest)) requireValidator(manifest);
  requireWiper(manifest, at);
  const records = secretsObjects(manifest, at);

  const inputs = await progress.phase('reading inputs', () => {
    const found = readLinkInputs(manifest, at, confinement, ledger);
    ledger.verify();
    return found;
  });
  const { compiled, unit } = await withScratch(async (scratch) => {
    const common = { manifest, at, confinement, ledger, target, scratch };
    const afresh = request.afresh === true || request.lock === 'frozen';
    const proved = await proveProject(request, common, afresh);
    const objects = await progress.phase('compiling', (step) =>
      compileProject({
        ...{ ...common, afresh, step, diagnostics: progress.note },
        ...(proved && { verified: proved }),
        ...(trace && { seen: trace.seeSource }),
      }),
    );
    return { compiled: objects, unit: proved };
  });
  const verified = unit?.report;
  ledger.verify();

  const files = [...target.objects, ...records, ...compiled, ...inputs.files];
  if (verified !== undefined) requireOneUnit(files);
  trace?.seeFiles(files, unit);
  const size = files.reduce((sum, file) => sum + file.bytes.length, 0);
  const said = linkOptions(manifest.link ?? {}, inputs.scripts, at, target.link);
  const options = {
    ...said,
    undefinedSymbols: [...target.keep, ...said.undefinedSymbols],
    reserved: reservedNote(verified !== undefined),
  };
  const linked = await progress.phase(
    'linking',
    () => linkImage({ files, options, readMember: inputs.readMember }, manifest, at, target),
    size >= heavyInput,
  );
  for (const warning of linked.warnings) progress.note(`casemate: warning: ${warning}`);
  requireNotes(progress, linked.image, verified);
  const bytes = target.finish(linked.image, progress.note);
  target.check(bytes);
  const strict = isStrict(request, manifest);
  const name = `${manifest.name}${target.extension}`;
  const secrets =
    hasRecords(linked.image) || manifest.secrets !== undefined
      ? await progress.phase('following secrets', (step) =>
          requireErased({ manifest, at, bytes, name, strict, step, note: progress.note }),
        )
      : undefined;
  const audit = verified && auditUnit(verified, linked, bytes, said.wrap);
  const stack =
    verified && requireStack({ image: linked.image, manifest, at, target: target.stack, strict, note: progress.note });
  if (audit !== undefined) requireStatus(progress, audit, strict);
  const validated =
    unit && audit && isValidated(request, manifest)
      ? await validateProject(request, manifest, { ...unit, audit, image: linked.image, bytes })
      : undefined;

  const { lock, changes } = ledger.close();
  const output = outputPath(request, confinement, name);
  if (linked.map !== undefined) writeFileAtomic(`${output}.map`, Buffer.from(linked.map));
  // Of another image it would say nothing.
  removeQuietly(`${output}.validation.json`);
  writeFileAtomic(output, bytes, 0o777);
  if (validated !== undefined)
    writeFileAtomic(`${output}.validation.json`, Buffer.from(recordText(validated.validation, bytes)));
  if (changes.length > 0) writeFileAtomic(lockPath, Buffer.from(formatLock(lock)));
  const state = changes.length === 0 ? 'kept' : lockBefore === undefined ? 'written' : 'updated';
  return {
    manifest,
    output,
    image: { ...linked.image, bytes },
    ...(verified && audit && { verified: joined(verified, audit) }),
    ...(stack && { stack }),
    ...validated,
    ...(secrets && { secrets }),
    ...('wiped' in linked && { wiped: linked.wiped }),
    ...(trace && {
      trace: {
        ...{ ...trace.close(), name, bytes, linked: linked.image },
        ...(choice && { sel4: choice }),
        ...(unit && { unit }),
        ...(audit && { audit }),
      },
    }),
    lock: { state, changes },
  };
}
