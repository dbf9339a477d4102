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
import { readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readFile } from '../base/files.ts';
import { createHash } from '../base/node.ts';
import type { CompiledObject, SourceFile } from './compile.ts';
import { openSealedStore } from './sealed-store.ts';
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

/** Several states of two targets' layers. */
const MOST_OBJECTS = 600;

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

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
      .map((path) => [path, sha256(readFile(path))]),
  );
  return sha256(JSON.stringify([compilerStamp(layer), files]));
}

/** An object as an entry: a line of JSON, then its bytes. */
const entryOf = ({ name, reads, bytes }: CompiledObject): Uint8Array =>
  Buffer.concat([Buffer.from(`${JSON.stringify({ name, reads })}\n`), bytes]);

function objectOf(entry: Uint8Array): CompiledObject {
  const end = entry.indexOf(0x0a);
  const { name, reads } = JSON.parse(Buffer.from(entry.subarray(0, end)).toString('utf8'));
  return { name, reads, bytes: entry.slice(end + 1) };
}

/** The user's cache for a layer; undefined where there is no secret or no place. Nothing here fails a build. */
export function openObjectCache(layer: Layer, env: NodeJS.ProcessEnv = process.env): KeptObjects | undefined {
  try {
    const own = userCacheFolder(env);
    const found = own === undefined ? undefined : userSecret(own);
    if (own === undefined || found === undefined || 'problem' in found) return undefined;
    const store = openSealedStore({
      folder: join(own, 'objects'),
      secret: found.secret,
      purpose: 'casemate-object-1',
      most: MOST_OBJECTS,
      now: Date.now,
    });
    const state = stateOf(layer);
    // A file that changes while the compiler reads it would be kept as what it was before.
    let same: boolean | undefined;
    const isSame = (): boolean => {
      same ??= stateOf(layer) === state;
      return same;
    };
    const keyOf = ({ name, path, flags }: SourceFile, recipe: readonly string[]): string =>
      JSON.stringify([state, name, path, flags, recipe]);
    const inLayer = new Set(layer.folders);
    const isKnown = (path: string): boolean =>
      inLayer.has(dirname(path)) || path.startsWith(`${layer.compilerFolder}/`);
    return {
      shows: (prefix) =>
        [...layer.folders, layer.compilerFolder].some((path) => path.startsWith(prefix) || prefix.startsWith(path)),
      find: (source, recipe) => {
        const entry = store.get(keyOf(source, recipe));
        return entry && objectOf(entry);
      },
      keep: (source, recipe, object) => {
        if (object.reads.every(isKnown) && isSame()) store.put(keyOf(source, recipe), entryOf(object));
      },
    };
  } catch {
    return undefined;
  }
}
