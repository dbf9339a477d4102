/**
 * `casemate build --evidence BUNDLE`: builds, and writes down what was checked, as one file.
 *
 * The bundle holds the image that it is about, so the two cannot be taken apart, the sources that were proved, each
 * question to a solver with its answer, and the evidence. It replaces an older one by a rename, after the build has
 * passed: a build that fails or is killed leaves the old one whole.
 */
import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fail, printable } from '../base/errors.ts';
import { readFile, readFileIfPresent } from '../base/files.ts';
import type { Bundle } from '../evidence/bundle.ts';
import { canonicalBytes } from '../evidence/canonical.ts';
import { type Key, type Predicate, signBundle } from '../evidence/envelope.ts';
import { bundleNames, type EvidenceControl, type EvidenceCoq, type Measurements } from '../evidence/evidence.ts';
import { parseEvidence } from '../evidence/parse.ts';
import type { Finding } from '../hardening/finding.ts';
import { defaultSteps } from '../proofs/smt/steps.ts';
import { type BuildRequest, type BuildResult, buildProject } from './build.ts';
import { writeBundle } from './bundle-file.ts';
import { erasureControls, proofControls, requireRejected, ruleControls } from './controls.ts';
import type { Coq } from './coq.ts';
import type { CoqBundled } from './coq-record.ts';
import { evidenceOf, sourceName } from './evidence.ts';
import type { Exercise } from './exercise.ts';
import { ownTools } from './own-program.ts';
import { packagesOf } from './packages.ts';
import { statIfPresent } from './paths.ts';
import type { Progress } from './progress.ts';
import { INDEX, type ObligationEntry } from './proof-evidence.ts';
import { withScratch } from './scratch.ts';
import type { ProofOptions } from './verified.ts';

export interface BundleRequest {
  /** The bundle's file. */
  readonly path: string;
  /** Sign it; without any it is signed later, or not. */
  readonly keys: readonly Key[];
  readonly predicate: Predicate;
  /** Puts in how long each phase took: no two builds have the same then. */
  readonly measure: boolean;
  /** Has Coq prove the TypeScript, and puts its texts in; default: as the manifest says. `open`: see coq.ts. */
  readonly coq?: { readonly ask?: boolean; readonly open?: (folder: string) => Coq };
  /** Tries the protections on a machine (exercise.ts). */
  readonly probe?: Pick<Exercise, 'cpu' | 'machine' | 'host'>;
}

/** Progress that remembers how long phases took, in whole milliseconds. */
function measured(progress: Progress): { progress: Progress; phases: Measurements['phases'][number][] } {
  const phases: Measurements['phases'][number][] = [];
  const phase: Progress['phase'] = async (name, work, heavy) => {
    const start = performance.now();
    try {
      return await progress.phase(name, work, heavy);
    } finally {
      phases.push({ phase: name, milliseconds: Math.round(performance.now() - start) });
    }
  };
  return { progress: { ...progress, phase }, phases };
}

/** Files of the folder of proofs as the bundle names them; none where nothing was proved. */
function proofFiles(folder: string): [string, Uint8Array][] {
  if (readFileIfPresent(join(folder, INDEX)) === undefined) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => [`${bundleNames.proofs}${name}`, readFile(join(folder, name))]);
}

function obligationsIn(folder: string): ObligationEntry[] {
  const bytes = readFileIfPresent(join(folder, INDEX));
  // Of this very run, by our own hand.
  return bytes === undefined ? [] : JSON.parse(Buffer.from(bytes).toString('utf8')).obligations;
}

/** What a build leaves behind, as the files of a bundle. */
function bundleOf(
  result: BuildResult,
  exercised: readonly Finding[],
  controls: readonly EvidenceControl[],
  budget: number,
  proofs: string,
  folder: string,
  coq: CoqBundled | undefined,
): Bundle {
  const trace = result.trace!;
  const obligations = obligationsIn(proofs);
  const evidence = evidenceOf({
    ...{ result, trace, exercised, controls, budget, obligations, tools: ownTools() },
    packages: packagesOf(trace.inputs, folder),
    ...(coq && { coq: coq.record }),
  });
  const bytes = canonicalBytes(evidence);
  // Nobody is given evidence that no reader takes.
  parseEvidence(bytes, bundleNames.evidence);
  return new Map<string, Uint8Array>([
    [bundleNames.evidence, bytes],
    [evidence.image.name, trace.bytes],
    ...(trace.unit?.sources ?? []).map(({ text }): [string, Uint8Array] => [sourceName(text), Buffer.from(text)]),
    ...proofFiles(proofs),
    ...[...(coq?.files ?? [])].map(([name, text]): [string, Uint8Array] => [name, Buffer.from(text)]),
  ]);
}

/** What is false, rejected by the tools that this build believed. Errors: 'tool'. */
async function controlsOf(
  { trace }: BuildResult,
  proofs: Parameters<typeof proofControls>[0],
): Promise<readonly EvidenceControl[]> {
  const { bytes, unit } = trace!;
  const tool = `casemate ${ownTools().casemate.version}`;
  const asked = unit === undefined ? [] : await proofControls(proofs);
  return requireRejected([...ruleControls(bytes, tool), ...erasureControls(tool), ...asked]);
}

/** What probes came to, for a target that has some. */
async function exercisedOf(
  { output, manifest, trace }: BuildResult,
  probe: NonNullable<BundleRequest['probe']>,
  progress: Progress,
): Promise<Finding[]> {
  const { target } = manifest;
  if (target === 'elf')
    fail('usage', '--probe: a plain executable has no machine of its own to be tried on; leave it out');
  const { exercise } = await import('./exercise.ts');
  const kernel = trace?.sel4?.kernel;
  return exercise({ ...probe, image: output, target, ...(kernel && { kernel }), progress });
}

/** What Coq says of the build's TypeScript, where that is asked for. */
async function coqOf(
  { folder, progress }: Pick<BuildRequest, 'folder' | 'progress'>,
  { manifest, trace }: BuildResult,
  { ask = manifest.coq === true, open }: NonNullable<BundleRequest['coq']>,
  { verdicts, program: own }: ProofOptions,
): Promise<CoqBundled | undefined> {
  const unit = trace!.unit;
  if (!ask) return undefined;
  if (unit === undefined) return fail('usage', '--coq: the project has no TypeScript, so there is nothing to prove');
  const { coqForBuild } = await import('./coq-evidence.ts');
  return progress.phase('proving with Coq', (step) =>
    coqForBuild({
      ...{ program: unit.program, sources: unit.sources, folder, step },
      ...(verdicts && { verdicts }),
      ...(own !== undefined && { own }),
      ...(open && { open }),
    }),
  );
}

/** What would be known after the build only. */
function requirePlace(path: string, { output }: BuildRequest): void {
  const shown = `--evidence ${printable(path)}`;
  if (statIfPresent(dirname(resolve(path)))?.isDirectory() !== true)
    fail('usage', `${shown}: its folder does not exist`);
  if (statIfPresent(path)?.isDirectory() === true) fail('usage', `${shown}: is a folder; name a file`);
  if (output !== undefined && resolve(output) === resolve(path)) fail('usage', `${shown}: is the image's own file`);
}

/** What a build came to, and what Coq said of it. */
export type BundledResult = BuildResult & { readonly coq?: EvidenceCoq };

/** Builds as buildProject does, and writes the bundle. */
export async function buildWithEvidence(
  request: BuildRequest,
  { path, keys, predicate, measure, probe, coq = {} }: BundleRequest,
): Promise<BundledResult> {
  requirePlace(path, request);
  const { progress, phases } = measured(request.progress);
  return withScratch(async (scratch) => {
    const proofs = join(scratch, 'proofs');
    const { ownCache } = await import('./verified.ts');
    const isAfresh = request.afresh === true || request.lock === 'frozen';
    // Verdicts that are recalled as a whole bring no questions along.
    const known = request.proofs ?? (isAfresh ? {} : ownCache(progress.detail));
    const { verdicts: _, ...cache } = known;
    const result = await buildProject({
      ...request,
      ...{ progress, traced: true, proofs: { ...cache, evidence: proofs } },
    });
    const budget = request.budget ?? defaultSteps;
    const controls = await progress.phase('asking what is false', () => controlsOf(result, { budget, ...cache }));
    const exercised = probe === undefined ? [] : await exercisedOf(result, probe, progress);
    const inCoq = await coqOf({ ...request, progress }, result, coq, known);
    const files = await progress.phase('writing evidence', () =>
      bundleOf(result, exercised, controls, budget, proofs, request.folder, inCoq),
    );
    const times: Measurements = { format: 'casemate-measurements', version: 1, phases };
    const all = measure ? new Map([...files, [bundleNames.measurements, canonicalBytes(times)]]) : files;
    writeBundle(path, keys.length === 0 ? all : signBundle(all, keys, predicate));
    return { ...result, ...(inCoq && { coq: inCoq.record }) };
  });
}
