/**
 * `casemate build --evidence BUNDLE --coq`: has Coq prove the TypeScript of a build, for its bundle.
 *
 * Proofs by hand are those of coq/handwritten in the project, where `casemate prove --coq coq` leaves a skeleton for each
 * claim that is open. Coq takes minutes; so what it said is kept under the user's own seal, and recalled as long as the
 * sources, the proofs by hand, Coq and casemate are the same files. Texts are never recalled: they are made anew.
 */
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Program } from '../analyzers/ir.ts';
import type { Source } from '../analyzers/typescript/analyze.ts';
import { fail, printable } from '../base/errors.ts';
import { readFile, readFileIfPresent, writeFileAtomic } from '../base/files.ts';
import { createHash } from '../base/node.ts';
import { exportProgram } from '../proofs/coq/export.ts';
import { type Coq, exportToCoq, findCoq, LARGEST_PROOF, openCoq, readCoqLibrary } from './coq.ts';
import { bundledCoq, type CoqBundled, type CoqVerdict } from './coq-record.ts';
import { isInside } from './paths.ts';
import { storeFor } from './proved-before.ts';
import { withScratch } from './scratch.ts';
import type { SealedStore } from './sealed-store.ts';
import { stampOfFiles } from './user-secret.ts';

export interface CoqJob {
  readonly program: Program;
  readonly sources: readonly Source[];
  /** The project's. */
  readonly folder: string;
  /** Where verdicts are kept; none: Coq is asked. */
  readonly verdicts?: SealedStore;
  /** Where casemate's code is: see storeFor. */
  readonly own?: string;
  readonly open?: (folder: string) => Coq;
  readonly step: (text: string) => void;
}

/** Proofs by hand that the project has, by the names of their statements. */
function readWritten(folder: string, ids: readonly string[]): Map<string, Uint8Array> {
  const home = realpathSync.native(folder);
  return new Map(
    ids.flatMap((id): [string, Uint8Array][] => {
      const name = join('coq', 'handwritten', `${id}.v`);
      const bytes = readFileIfPresent(join(home, name), (size) => {
        if (size > LARGEST_PROOF) fail('limit', `${name}: ${size} bytes; a proof has at most ${LARGEST_PROOF}`);
        return new Uint8Array(size);
      });
      if (bytes === undefined) return [];
      if (!isInside(home, realpathSync.native(join(home, name))))
        fail(
          'manifest',
          `${name}: leads out of the project's folder through a symbolic link; put the proof there itself`,
        );
      return [[id, bytes]];
    }),
  );
}

interface Kept {
  readonly version: string;
  readonly verdicts: readonly (readonly [id: string, verdict: CoqVerdict])[];
}

/** All that verdicts come from. */
function keyOf({ sources }: CoqJob, own: string, written: ReadonlyMap<string, Uint8Array>): string {
  const found = findCoq();
  const text = JSON.stringify([
    'coq',
    [...readCoqLibrary()],
    sources.map(({ name, text: of }) => [name, of]),
    [...written].map(([id, bytes]) => [id, Buffer.from(bytes).toString('latin1')]),
    found && stampOfFiles([found.compiler, found.checker]).stamp,
  ]);
  return createHash('sha256').update(readFile(own)).update(text).digest('hex');
}

async function askCoq(
  { program, open = openCoq, step }: CoqJob,
  written: ReadonlyMap<string, Uint8Array>,
): Promise<Kept> {
  return withScratch(async (folder) => {
    mkdirSync(join(folder, 'handwritten'));
    for (const [id, bytes] of written) writeFileAtomic(join(folder, 'handwritten', `${id}.v`), bytes);
    const { version, claims } = await exportToCoq(program, {
      ...{ folder, open },
      onProgress: (name, done, of) => step(`${printable(name, 60)} (${done} of ${of})`),
    });
    for (const { status, by } of claims)
      if (status === 'refused')
        fail('unproved', printable(`coq/${by}; mend it, or take it out: casemate prove --coq coq`, 1000));
    return {
      version,
      verdicts: claims.map(({ claim: { id }, status, by }) => [
        id,
        status === 'closed' ? { closed: by === 'a script' ? 'script' : 'hand' } : { why: by },
      ]),
    };
  });
}

/** What Coq says of a build's TypeScript, with its texts. Errors: 'tool' without Coq; 'unproved' for a proof that is none. */
export async function coqForBuild(job: CoqJob): Promise<CoqBundled> {
  const { program, sources, folder, own = fileURLToPath(import.meta.url) } = job;
  const exported = exportProgram(program);
  const ids = exported.units.flatMap(({ claims }) => claims.map(({ id }) => id));
  const written = readWritten(folder, ids);
  const store = storeFor(job.verdicts, own);
  const key = store && keyOf(job, own, written);
  const entry = key === undefined ? undefined : store?.get(key);
  const kept: Kept = entry ? JSON.parse(Buffer.from(entry).toString('utf8')) : await askCoq(job, written);
  if (key !== undefined && entry === undefined) store!.put(key, Buffer.from(JSON.stringify(kept)));
  return bundledCoq({
    ...{ program, exported, version: kept.version, verdicts: new Map(kept.verdicts) },
    sources: new Map(sources.map(({ name, text }) => [name, text])),
    written: new Map([...written].map(([id, bytes]) => [id, new TextDecoder().decode(bytes)])),
  });
}
