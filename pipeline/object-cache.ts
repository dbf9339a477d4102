/**
 * Objects of the platform layer, kept from build to build.
 *
 * A project changes between two builds; the platform layer does not, and compiling it is most of a small project's build
 * (for RISC-V, two runs of the compiler for each of thirty files). So its objects are kept in the user's cache folder.
 * What a kept object depends on is its key: the compiler with the libraries that it is made of, every file in the
 * layer's folders, the source's name and flags, and what compile.ts adds to them. An object that reads anything else is
 * not kept, nor is one with which the compiler had something to say. A kept object counts only under a seal made with the
 * user's own secret (user-secret.ts): whoever else can write the folder cannot put code into an image.
 *
 * The project's own sources are not kept: what they read may lie anywhere.
 */
import { mkdirSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readFile, readFileIfPresent, writeFileAtomic } from '../base/files.ts';
import { createHash, createHmac, timingSafeEqual } from '../base/node.ts';
import type { CompiledObject, SourceFile } from './compile.ts';
import { stampOfFiles, userCacheFolder, userSecret } from './user-secret.ts';

/** What `compileSources` asks of a cache. `recipe` is all that it does to a source beside the source's own flags. */
export interface KeptObjects {
  /** Whether what stands for a folder (`-ffile-prefix-map`) can show in the layer's objects. */
  readonly shows: (folder: string) => boolean;
  readonly find: (source: SourceFile, recipe: readonly string[]) => CompiledObject | undefined;
  readonly keep: (source: SourceFile, recipe: readonly string[], object: CompiledObject) => void;
}

export interface Layer {
  /** The compiler's path, and the resolved folder of its own headers. */
  readonly compiler: string;
  readonly compilerFolder: string;
  /** Absolute folders of the layer's sources and headers. */
  readonly folders: readonly string[];
}

const SEAL = 32;
/** Bytes of the largest entry that is read. */
const ENTRY_LIMIT = 16 << 20;
/** States of layer and compiler whose objects are kept. */
const KEPT_STATES = 6;

const sha256 = (bytes: Uint8Array | string): Buffer => createHash('sha256').update(bytes).digest();

/** The compiler's program and the libraries that came with it, by what tells that files are the same. */
function compilerStamp({ compiler, compilerFolder }: Layer): string {
  const program = realpathSync.native(compiler);
  const libraries = join(dirname(program), '..', 'lib');
  const shared = readdirSync(libraries).filter((name) => name.includes('.so'));
  const paths = [program, ...shared.sort().map((name) => join(libraries, name)), join(compilerFolder, 'include')];
  return stampOfFiles(paths).stamp;
}

/** What the objects of a layer depend on beside their own source's flags, as text of 64 digits. */
function stateOf(layer: Layer): string {
  const files = [...new Set(layer.folders)].flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => join(folder, name))
      .sort()
      .map((path) => [path, sha256(readFile(path)).toString('hex')]),
  );
  return sha256(JSON.stringify([compilerStamp(layer), files])).toString('hex');
}

/** Removes the states that were used longest ago. */
function prune(folder: string): void {
  const states = readdirSync(folder).map((name) => ({ name, used: statSync(join(folder, name)).mtimeMs }));
  states.sort((a, b) => b.used - a.used || (a.name < b.name ? -1 : 1));
  for (const { name } of states.slice(KEPT_STATES)) rmSync(join(folder, name), { recursive: true, force: true });
}

function readEntry(path: string, seal: (payload: Uint8Array) => Buffer): CompiledObject | undefined {
  const entry = readFileIfPresent(path, (size) => new Uint8Array(Math.min(size, ENTRY_LIMIT)));
  if (entry === undefined || entry.length < SEAL) return undefined;
  const payload = entry.subarray(SEAL);
  if (!timingSafeEqual(entry.subarray(0, SEAL), seal(payload))) return undefined;
  // Sealed, so it is what `keep` wrote.
  const end = payload.indexOf(0x0a);
  const { name, reads } = JSON.parse(Buffer.from(payload.subarray(0, end)).toString('utf8'));
  return { name, reads, bytes: payload.slice(end + 1) };
}

/** The user's cache for a layer; undefined where there is no secret or no place. Nothing here fails a build. */
export function openObjectCache(layer: Layer, env: NodeJS.ProcessEnv = process.env): KeptObjects | undefined {
  try {
    const own = userCacheFolder(env);
    const found = own === undefined ? undefined : userSecret(own);
    if (own === undefined || found === undefined || 'problem' in found) return undefined;
    const all = join(own, 'objects');
    const folder = join(all, stateOf(layer));
    const isNew = mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined;
    if (isNew) prune(all);
    const inLayer = new Set(layer.folders);
    const entryOf = ({ name, path, flags }: SourceFile, recipe: readonly string[]) => {
      const key = sha256(JSON.stringify([name, path, flags, recipe])).toString('hex');
      const seal = (payload: Uint8Array): Buffer =>
        createHmac('sha256', found.secret).update(`casemate-object-1\n${folder}\n${key}\n`).update(payload).digest();
      return { path: join(folder, key), seal };
    };
    return {
      shows: (prefix) =>
        [...layer.folders, layer.compilerFolder].some((path) => path.startsWith(prefix) || prefix.startsWith(path)),
      find: (source, recipe) => {
        const { path, seal } = entryOf(source, recipe);
        try {
          return readEntry(path, seal);
        } catch {
          return undefined;
        }
      },
      keep: (source, recipe, object) => {
        const isKnown = (path: string): boolean =>
          inLayer.has(dirname(path)) || path.startsWith(`${layer.compilerFolder}/`);
        if (!object.reads.every(isKnown) || object.bytes.length > ENTRY_LIMIT / 2) return;
        const { path, seal } = entryOf(source, recipe);
        const header = Buffer.from(`${JSON.stringify({ name: object.name, reads: object.reads })}\n`);
        const payload = Buffer.concat([header, object.bytes]);
        try {
          writeFileAtomic(path, [seal(payload), payload], 0o600);
        } catch {
          // It is compiled again next time.
        }
      },
    };
  } catch {
    return undefined;
  }
}
