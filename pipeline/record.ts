/**
 * `casemate-ld --record casemate.json`: an existing build's link, written down as a manifest.
 *
 * Moving a code base over should take one step: put casemate-ld in the place of ld, run the old build once, and keep
 * what it linked as a manifest that `casemate build` links again, byte for byte. So inputs stay in order, under the
 * names that scripts matched them by; options stay as given; folders outside the manifest's are declared as roots; and
 * objects that the compiler driver will delete (it links from the temporary folder) are copied next to the manifest.
 *
 * casemate-ld loads this file, so it imports no JSON-schema code.
 */
import { mkdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join, posix, relative, resolve } from 'node:path';
import { CasemateError, fail, printable } from '../base/errors.ts';
import { readFile, reasonOf, writeFileAtomic } from '../base/files.ts';
import type { LinkOptions } from '../linker/request.ts';
import { recordOptions } from './link-options.ts';
import type { Manifest, ManifestInput, ManifestLink } from './manifest.ts';
import { isInside } from './paths.ts';

export interface RecordedInput {
  /** Where the file is, relative to the working folder or absolute; -lNAME already resolved. */
  readonly path: string;
  /** The name under which it was linked (InputFile.name); default: `path`. */
  readonly name?: string;
  readonly whole?: boolean;
}

export interface RecordedLink {
  /** In link order; text archives already expanded. */
  readonly inputs: readonly RecordedInput[];
  /** Paths of linker scripts in order. */
  readonly scripts: readonly string[];
  readonly options: LinkOptions;
  /** --defsym arguments as given, NAME=EXPRESSION. */
  readonly defsym: readonly string[];
  /** --wipe arguments as given. */
  readonly wipes?: readonly string[];
  /** Other files that the link read: members of thin archives, INCLUDEd scripts. */
  readonly reads?: readonly string[];
  readonly output: string;
}

/** What the description's paths mean; injected so that the text is a function of its arguments. */
export interface RecordPlace {
  /** Absolute path of the manifest to be. */
  readonly manifest: string;
  /** Working folder of the link, absolute. */
  readonly folder: string;
  /** The folder whose files do not outlive the build, absolute. */
  readonly temporary: string;
  /** Resolves symbolic links of an absolute path. */
  readonly realpath: (path: string) => string;
}

export interface Recording {
  /** The manifest. */
  readonly text: string;
  /** Files to copy, from absolute paths to paths relative to the manifest's folder. */
  readonly copies: readonly { readonly from: string; readonly to: string }[];
}

const copiesFolder = 'recorded';

/** A manifest's name for an output: its base name, with what a name may not hold replaced. */
function nameOf(output: string): string {
  const base = basename(output)
    .replace(/\.(elf|hvt|out|exe|bin)$/, '')
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64);
  return base === '' ? 'program' : base;
}

/** Drops folders that lie inside another one. The map goes from resolved folders to their declarations. */
function outermost(folders: ReadonlyMap<string, string>): string[] {
  const all = [...folders.keys()].sort();
  const needed = all.filter((folder) => !all.some((other) => other !== folder && isInside(other, folder)));
  return needed.map((folder) => folders.get(folder) ?? folder);
}

/** The manifest's text for a link, and the files it needs beside it. */
export function recordLink(link: RecordedLink, place: RecordPlace): Recording {
  const home = place.realpath(dirname(place.manifest));
  const copies: { from: string; to: string }[] = [];
  const roots = new Map<string, string>();

  /** As the manifest names a file: relative when the build did or when it lies beside the manifest. */
  const declare = (path: string): string => {
    const absolute = resolve(place.folder, path);
    const real = place.realpath(absolute);
    if (!isInside(home, real)) {
      if (dirname(absolute) === place.temporary) {
        const to = posix.join(copiesFolder, `${copies.length}-${basename(absolute)}`);
        copies.push({ from: absolute, to });
        return to;
      }
      const root = dirname(real);
      if (!roots.has(root)) roots.set(root, isAbsolute(path) ? root : relative(home, root));
    }
    // Through the resolved parent, so that a folder reached by a symbolic link is still found to be ours.
    const there = join(place.realpath(dirname(absolute)), basename(absolute));
    return isInside(home, there) || !isAbsolute(path) ? relative(home, there) : absolute;
  };

  const inputs = link.inputs.map((input): string | ManifestInput => {
    const path = declare(input.path);
    const name = input.name ?? input.path;
    if (name === path && input.whole !== true) return path;
    return { path, ...(input.whole === true ? { whole: true } : {}), ...(name === path ? {} : { as: name }) };
  });
  const scripts = link.scripts.map(declare);
  for (const path of link.reads ?? []) declare(path);
  const options = recordOptions(link.options, link.defsym);
  const recorded: ManifestLink = {
    inputs,
    ...(scripts.length === 0 ? {} : { script: scripts.length === 1 ? scripts[0] : scripts }),
    ...options,
    ...(link.wipes === undefined || link.wipes.length === 0 ? {} : { wipe: link.wipes }),
  };
  const manifest: Manifest = {
    name: nameOf(link.output),
    target: 'elf',
    ...(roots.size === 0 ? {} : { roots: outermost(roots) }),
    link: recorded,
  };
  return { text: `${JSON.stringify(manifest, null, 2)}\n`, copies };
}

/** Runs `work`, which touches files; the system's refusals become 'io' errors about `path`. */
function touching<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof CasemateError) throw error;
    return fail('io', `--record ${printable(path)}: ${reasonOf(error)}`);
  }
}

/** Records a link on disk: copies what would be lost, then writes the manifest. Paths are relative to `folder`. */
export function writeRecording(link: RecordedLink, manifest: string, folder = process.cwd()): void {
  const path = resolve(folder, manifest);
  touching(manifest, () => {
    mkdirSync(dirname(path), { recursive: true });
    const { text, copies } = recordLink(link, {
      manifest: path,
      folder,
      temporary: resolve(tmpdir()),
      realpath: (file) => realpathSync.native(file),
    });
    for (const { from, to } of copies) {
      const target = join(dirname(path), to);
      mkdirSync(dirname(target), { recursive: true });
      writeFileAtomic(target, readFile(from));
    }
    writeFileAtomic(path, Buffer.from(text));
  });
}
