/**
 * Which packages a build's foreign files came with: what advisories are about is packages and versions, never hashes.
 *
 * An archive does not say where it is from, so its package manager is asked, while it is at hand:
 *
 *   Debian   dpkg, which file is of which package; its MD5 must be the one that dpkg remembers, or it is another file
 *   npm      package.json of the folder below node_modules
 *   opam     findlib's META beside a library of OCaml, or above it
 *
 * Only what stands outside of the project, or below its node_modules, is asked about. Nothing here is needed for a build:
 * who has no dpkg, or files that no manager knows, has inputs without packages, which evidence says by leaving them out.
 * The answer is names and versions alone, so that no two machines with the same packages differ.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { CasemateError } from '../base/errors.ts';
import { readFileIfPresent } from '../base/files.ts';
import type { EvidenceInput, EvidencePackage } from '../evidence/evidence.ts';
import { sha256 } from './lock.ts';
import { findProgram, toolEnvironment } from './tools.ts';

/** Largest file of a package manager's own that is read. */
const MOST_TEXT = 2 ** 26;

/** A file, or undefined where it cannot be read: then nobody knows. */
function textOf(path: string): string | undefined {
  try {
    const bytes = readFileIfPresent(path);
    return bytes === undefined || bytes.length > MOST_TEXT ? undefined : Buffer.from(bytes).toString('utf8');
  } catch (error) {
    if (error instanceof CasemateError) return undefined;
    throw error;
  }
}

/** Where an input lies; undefined when it is no file any more, or not the one that was read. */
function placeOf({ name, sha256: wanted }: EvidenceInput, folder: string): string | undefined {
  try {
    const real = realpathSync(resolve(folder, name));
    const bytes = readFileIfPresent(real);
    return bytes !== undefined && sha256(bytes) === wanted ? real : undefined;
  } catch {
    return undefined;
  }
}

/** What a program prints; undefined when it is missing. A file that dpkg does not know makes it fail for that one only. */
function ask(program: string, words: readonly string[]): string {
  const run = spawnSync(program, words, {
    ...{ encoding: 'utf8', timeout: 30_000, maxBuffer: MOST_TEXT, env: toolEnvironment('/tmp') },
  });
  return run.stdout ?? '';
}

/** Package and path of each line of `dpkg-query --search`; a file that several packages have is nobody's. */
export function ownersIn(text: string): Map<string, string> {
  const owners = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, owner, path] = /^([a-z0-9][a-z0-9+.-]*(?::[a-z0-9-]+)?): (\/.+)$/.exec(line) ?? [];
    if (owner !== undefined && path !== undefined) owners.set(path, owner);
  }
  return owners;
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg has templates of its own
const FIELDS = '${Package}\\t${Version}\\t${Architecture}\\t${source:Package}\\t${source:Version}\\n';

/** A package as dpkg describes it; undefined for a description that is none. */
export function debianPackage(line: string, release: string | undefined): EvidencePackage | undefined {
  const parts = line.split('\t');
  if (parts.length !== 5 || !parts.every((part) => /^[A-Za-z0-9][A-Za-z0-9+.:~-]*$/.test(part))) return undefined;
  const [name, version, architecture, sourceName, sourceVersion] = parts as [string, string, string, string, string];
  const source = { name: sourceName, version: sourceVersion };
  return { ...{ ecosystem: 'debian', name, version, source, architecture }, ...(release !== undefined && { release }) };
}

/** The number of Debian's release; undefined on another system, whose packages are not Debian's. */
export function releaseIn(osRelease: string): string | undefined {
  const saidOf = (key: string): string | undefined => new RegExp(`^${key}="?([a-z0-9.]+)"?$`, 'm').exec(osRelease)?.[1];
  return saidOf('ID') === 'debian' ? saidOf('VERSION_ID') : undefined;
}

/** Whether dpkg remembers this very file as the package's. */
function isPackages(program: string, owner: string, path: string, real: string): boolean {
  const list = textOf(ask(program, ['--control-path', owner, 'md5sums']).trim());
  const bytes = readFileIfPresent(real);
  if (list === undefined || bytes === undefined) return false;
  const md5 = createHash('md5').update(bytes).digest('hex');
  return list.split('\n').includes(`${md5}  ${path.slice(1)}`);
}

/** Packages of Debian, by the paths of their files. */
function debianPackages(paths: readonly string[]): Map<string, EvidencePackage> {
  const found = new Map<string, EvidencePackage>();
  const program = findProgram('dpkg-query');
  const system = textOf('/etc/os-release') ?? '';
  // Derivatives have other versions and other advisories.
  if (program === undefined || !/^ID="?debian"?$/m.test(system)) return found;
  // What dpkg would take for a pattern is no name that a package has.
  const plain = paths.filter((path) => !/[*?[\]\\\n]/.test(path));
  if (plain.length === 0) return found;
  // Before /lib was /usr/lib, packages had files there, and still say so.
  const known = (path: string): string[] => [path, ...(path.startsWith('/usr/') ? [path.slice(4)] : [])];
  const owners = ownersIn(ask(program, ['--search', '--', ...plain.flatMap(known)]));
  const packages = new Map<string, EvidencePackage | undefined>();
  for (const path of plain) {
    const listed = known(path).find((one) => owners.has(one));
    if (listed === undefined) continue;
    const owner = owners.get(listed)!;
    if (!packages.has(owner)) {
      const line = ask(program, ['--show', `--showformat=${FIELDS}`, owner]).trim();
      packages.set(owner, debianPackage(line, releaseIn(system)));
    }
    const from = packages.get(owner);
    if (from !== undefined && isPackages(program, owner, listed, path)) found.set(path, from);
  }
  return found;
}

const isName = (value: unknown): value is string => typeof value === 'string' && /^[^\s\p{C}]{1,200}$/u.test(value);

/** The package below the last node_modules of a path. */
export function npmPackage(path: string, read: (path: string) => string | undefined): EvidencePackage | undefined {
  const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/@][^/]*(?=\/)/.exec(path)?.[0];
  const text = folder === undefined ? undefined : read(`${folder}/package.json`);
  if (text === undefined) return undefined;
  try {
    const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown };
    return isName(name) && isName(version) ? { ecosystem: 'npm', name, version } : undefined;
  } catch {
    return undefined;
  }
}

/** The package of a library of OCaml: the folder that has META, with the version at its top. */
export function opamPackage(path: string, read: (path: string) => string | undefined): EvidencePackage | undefined {
  for (const folder of [dirname(path), dirname(dirname(path))]) {
    const text = read(join(folder, 'META'));
    if (text === undefined) continue;
    const top = text.split(/^\s*package\s+"/m)[0]!;
    const version = /^\s*version\s*=\s*"([^"]*)"/m.exec(top)?.[1];
    const name = basename(folder);
    return isName(name) && isName(version) ? { ecosystem: 'opam', name, version } : undefined;
  }
  return undefined;
}

/** Packages that foreign inputs came with, by the inputs' names. `folder` is the project's. */
export function packagesOf(inputs: readonly EvidenceInput[], folder: string): Map<string, EvidencePackage> {
  const home = realpathSync(folder);
  const places = new Map<string, string>();
  for (const input of inputs) {
    if (input.name.startsWith('casemate/') || input.kind === 'manifest' || input.kind === 'kernel') continue;
    const real = placeOf(input, home);
    if (real === undefined) continue;
    const inside = relative(home, real);
    const isForeign = inside.startsWith(`..${sep}`) || inside.includes('node_modules/');
    if (isForeign) places.set(input.name, real);
  }
  const debian = debianPackages([...new Set(places.values())].sort());
  const found = new Map<string, EvidencePackage>();
  for (const [name, real] of places) {
    const one =
      debian.get(real) ?? npmPackage(real, textOf) ?? (/\.(?:a|o)$/.test(real) ? opamPackage(real, textOf) : undefined);
    if (one !== undefined) found.set(name, one);
  }
  return found;
}
