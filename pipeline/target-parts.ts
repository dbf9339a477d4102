/**
 * What the plans of all targets are made of: the plan's type, our own C and where it lies, and warnings about protections.
 */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PLATFORM_MODULE } from '../analyzers/platform.ts';
import type { LinkedImage } from '../linker/image.ts';
import type { InputFile, LinkOptions } from '../linker/request.ts';
import { type PlatformSources, verifiedModule } from '../targets/platform/sources.ts';
import type { Protection } from '../targets/protection.ts';
import type { SourceFile } from './compile.ts';
import type { Manifest } from './manifest.ts';
import type { TargetStack } from './stack.ts';

export interface TargetPlan {
  /** Of the image's file name, with its dot. */
  readonly extension: string;
  /** For the project's C files: defaults come before the manifest's flags, requirements after them. */
  readonly defaultFlags: readonly string[];
  readonly requiredFlags: readonly string[];
  /** The platform layer: compiled with exactly these flags. */
  readonly platform: readonly SourceFile[];
  /** C of ours that joins when lowered TypeScript tests what callers must keep to: it says what was broken, and ends. */
  readonly preconditions: readonly SourceFile[];
  /** C of ours that joins when verified TypeScript imports a module, by the module's name. */
  readonly libraries: ReadonlyMap<string, readonly SourceFile[]>;
  /** Whether C is compiled to assembly text first: see compile.ts. */
  readonly viaAssembly: boolean;
  /** Absolute folders where the project's C files find the platform's headers. */
  readonly includeFolders: readonly string[];
  /** Absolute folders of the platform layer's headers and sources; their files are ours, not foreign. */
  readonly platformFolders: readonly string[];
  /** Objects made without a compiler (notes). They come before everything else. */
  readonly objects: readonly InputFile[];
  /** Link options that hold unless the manifest says otherwise. */
  readonly link: Partial<LinkOptions>;
  /** Symbols that must stay whatever else the manifest asks to keep. */
  readonly keep: readonly string[];
  /** Of which the build proves that a program with TypeScript fits. */
  readonly stack: TargetStack;
  /** The file to write, with what the target adds to a linked image; `note` tells what could not be added, and why. */
  readonly finish: (image: LinkedImage, note: (text: string) => void) => Uint8Array;
  /** Throws an 'image' error when the finished image breaks the target's rules. */
  readonly check: (image: Uint8Array) => void;
}

/** casemate's own folder: this file lies one below it, both as source and bundled in dist/. */
export const casemateHome = realpathSync.native(fileURLToPath(new URL('..', import.meta.url)));

/** Headers of ours that any C may include. */
export const ownHeaders = join(casemateHome, 'include');

/** The heap that comes with casemate (include/casemate/heap.h) clears what is freed. */
export const wipeFlags = ({ secrets }: Manifest): string[] => (secrets?.wipe === true ? ['-DCASEMATE_HEAP_WIPES'] : []);

export function noteMissing(protections: readonly Protection[], image: string, note: (text: string) => void): void {
  for (const { name, enforced, detail } of protections) {
    if (!enforced) note(`casemate: warning: ${image}: not enforced: ${name}: ${detail}`);
  }
}

export const ourFile = (path: string, flags: readonly string[]): SourceFile => ({
  name: `casemate/${path}`,
  path: join(casemateHome, path),
  flags,
});

/** The folders of a platform layer, its include folder first, and its files with their flags. */
export function layerOf(layer: PlatformSources): { folders: readonly string[]; platform: readonly SourceFile[] } {
  const folders = [
    layer.include,
    ...layer.headers,
    verifiedModule.folder,
    ...layer.sources.map((path) => dirname(path)),
  ];
  const flags = [...layer.cflags, ...layer.platformCflags];
  for (const folder of [layer.include, ...layer.headers]) flags.push(`-I${join(casemateHome, folder)}`);
  return {
    folders: [...new Set(folders)].map((folder) => join(casemateHome, folder)),
    platform: layer.sources.map((path) => ourFile(path, flags)),
  };
}

/** For C of ours that lowered TypeScript needs, beside a platform layer. */
export function moduleFlags(layer: PlatformSources): string[] {
  const include = [layer.include, verifiedModule.folder].map((folder) => `-I${join(casemateHome, folder)}`);
  return [...layer.cflags, '-Wall', '-Wextra', ...include];
}

/** C of the modules that verified TypeScript may import. */
export function librariesOf(layer: PlatformSources): ReadonlyMap<string, readonly SourceFile[]> {
  return new Map([[PLATFORM_MODULE, verifiedModule.sources.map((path) => ourFile(path, moduleFlags(layer)))]]);
}
