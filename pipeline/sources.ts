/**
 * Which C files are compiled, with which flags, and which of the files they read are foreign.
 *
 * The project's sources come from its folder or a declared root, and what its TypeScript was lowered to (verified.ts)
 * stands where the first .ts file is named; the platform layer's come with casemate. After
 * compiling, every header that the compiler really read is checked: it must be the project's, the platform layer's, the
 * compiler's own, or lie in a declared root, and in that last case the lock records it.
 */
import { realpathSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { fail, printable } from '../base/errors.ts';
import { readFile, reasonOf } from '../base/files.ts';
import type { InputFile } from '../linker/request.ts';
import { checkFlags } from './cflags.ts';
import { type CompiledObject, checkLanguages, compileSources, type SourceFile } from './compile.ts';
import type { Ledger } from './lock.ts';
import type { At, Manifest } from './manifest.ts';
import { openObjectCache } from './object-cache.ts';
import { type Confinement, confinePath, isInside } from './paths.ts';
import { casemateHome, type TargetPlan } from './target-parts.ts';
import { compilerFolder, requireTool } from './tools.ts';
import type { VerifiedUnit } from './verified.ts';

export interface ProjectSources {
  readonly manifest: Manifest;
  readonly at: At;
  readonly confinement: Confinement;
  readonly ledger: Ledger;
  readonly target: TargetPlan;
  readonly scratch: string;
  /** Compiles the platform layer too, whatever earlier builds have kept. */
  readonly afresh: boolean;
  /** What the project's TypeScript became. */
  readonly verified?: VerifiedUnit;
  /** Progress in words, as files finish. */
  readonly step: (text: string) => void;
  readonly diagnostics: (text: string) => void;
  /** Told of every source and header that was read, but for the compiler's own and what TypeScript was lowered to. */
  readonly seen?: (name: string, bytes: Uint8Array) => void;
}

/** The manifest's sources with their flags, checked and confined. */
function projectSources({ manifest, at, confinement, target, verified }: ProjectSources): SourceFile[] {
  const sources = manifest.sources ?? [];
  const cflags = manifest.cflags ?? [];
  checkLanguages(sources, (i) => at(`/sources/${i}`));
  checkFlags(cflags, (i) => at(`/cflags/${i}`));
  const include = (manifest.include ?? []).map((folder, i) => {
    confinePath(confinement, folder, at(`/include/${i}`), 'folder');
    return `-I${folder}`;
  });
  // The platform's headers come last: a project may bring its own of the same name.
  const platform = target.includeFolders.map((folder) => `-I${folder}`);
  const lowered = verified === undefined ? [] : [`-I${verified.folder}`];
  const flags = [...target.defaultFlags, ...cflags, ...lowered, ...include, ...platform, ...target.requiredFlags];
  const first = sources.findIndex((source) => source.endsWith('.ts'));
  return sources.flatMap((source, i): readonly SourceFile[] => {
    confinePath(confinement, source, at(`/sources/${i}`));
    if (source.endsWith('.ts')) return i === first && verified !== undefined ? [verified.source] : [];
    return [{ name: source, path: source, flags }];
  });
}

/** A file below a declared root as the lock names it: the root as declared, then the rest. */
function nameBelowRoot(confinement: Confinement, roots: readonly string[], real: string): string | undefined {
  const i = confinement.roots.findIndex((root) => isInside(root, real));
  return i < 0 ? undefined : posix.normalize(join(roots[i], relative(confinement.roots[i], real)));
}

/** A header as the compiler reported it, resolved; gone or unreadable since then is an error that names the source. */
function resolveRead(path: string, source: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    return fail('io', `${printable(source)}: reads ${printable(path, 300)}, which cannot be found: ${reasonOf(error)}`);
  }
}

/** Names what was read as the project does, or as casemate's own; it names nothing else. */
function tell({ seen, confinement, manifest }: ProjectSources, real: string): void {
  if (seen === undefined) return;
  const { folder } = confinement;
  const name = isInside(folder, real)
    ? relative(folder, real)
    : (nameBelowRoot(confinement, manifest.roots ?? [], real) ??
      (isInside(casemateHome, real) ? `casemate/${relative(casemateHome, real)}` : undefined));
  if (name !== undefined) seen(name, readFile(real));
}

/** Records what an object was made of, and refuses what lies outside everything declared. */
function checkReads(job: ProjectSources, object: CompiledObject, source: string, own: readonly string[]): void {
  for (const path of object.reads) {
    const real = resolveRead(path, source);
    tell(job, real);
    if (isInside(job.confinement.folder, real)) continue;
    const name = nameBelowRoot(job.confinement, job.manifest.roots ?? [], real);
    if (name !== undefined) job.ledger.seeInput(name, readFile(real));
    else if (!own.some((folder) => isInside(folder, real))) {
      const shown = printable(real, 300);
      fail('manifest', `${printable(source)}: reads ${shown}, outside the project; declare its folder in "roots"`);
    }
  }
}

/** Compiles the platform layer and the project's sources; objects in link order, the platform layer's first. */
export async function compileProject(job: ProjectSources): Promise<InputFile[]> {
  const { confinement, target } = job;
  const own = projectSources(job);
  const sources = [...target.platform, ...(job.verified?.libraries ?? []), ...own];
  if (sources.length === 0) return [];
  const compiler = requireTool('clang');
  job.ledger.seeCompiler(compiler.version);
  job.ledger.verify();

  const declared = job.manifest.roots ?? [];
  const ownHeaders = compilerFolder(compiler);
  const layer = new Set(target.platform);
  const kept = job.afresh
    ? undefined
    : openObjectCache({
        compiler: compiler.path,
        compilerFolder: ownHeaders,
        folders: target.platformFolders,
      });
  const objects = await compileSources({
    compiler,
    folder: confinement.folder,
    sources,
    scratch: job.scratch,
    viaAssembly: target.viaAssembly,
    prefixes: [
      ...(job.verified === undefined ? [] : [[job.verified.folder, 'casemate/verified'] as const]),
      ...target.platformFolders.map((folder) => [folder, 'casemate'] as const),
      ...confinement.roots.map((root, i) => [root, declared[i]] as const),
      [confinement.folder, '.'],
    ],
    ...(kept === undefined ? {} : { kept: { of: (source) => layer.has(source), objects: kept } }),
    step: (done, total) => job.step(`${done}/${total}`),
    diagnostics: job.diagnostics,
  });
  const lowered = job.verified === undefined ? [] : [job.verified.folder];
  const trusted = [...target.platformFolders, ...lowered, ownHeaders];
  for (const [i, object] of objects.entries()) checkReads(job, object, sources[i].name, trusted);
  return objects.map(({ name, bytes }) => ({ name, bytes }));
}
