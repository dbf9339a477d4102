/**
 * C sources of real programs, from the machine's own Debian mirror, without root and without touching its set-up.
 *
 * Linking Lua, SQLite or OpenSSL for RISC-V, or with debug information, needs their sources. apt can fetch source
 * packages as any user when it is given its own state: a copy of the machine's source lists with `deb` turned into
 * `deb-src`, and its own folders for indices and caches. apt checks the signature of the indices and the SHA-256 of
 * each archive in them, so nothing unverified is unpacked; where the version is the one this file knows, the archive's
 * hash is compared here as well. Everything stays in the cache folder, which is never committed.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './paths.ts';
import { run, runOrThrow } from './run.ts';
import { requireTool } from './tools.ts';

interface SourcePackage {
  readonly debianSource: string;
  /** The archive's name: the orig tarball, not the upstream web pages that some packages add. */
  readonly archive: RegExp;
  /** Members to unpack, as tar patterns; all when absent. */
  readonly members?: readonly string[];
  /** SHA-256 of the archives known to work; another version is accepted on apt's word. */
  readonly known: Readonly<Record<string, string>>;
}

const packages = {
  lua: {
    debianSource: 'lua5.4',
    archive: /^lua5\.4_[^/]*\.orig\.tar\.[a-z0-9]+$/,
    known: {
      'lua5.4_5.4.4.orig.tar.gz': '164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61',
    },
  },
  // SQLite's own source package holds its parts, to be joined by Tcl; Fossil's carries SQLite as one C file.
  sqlite: {
    debianSource: 'fossil',
    archive: /^fossil_[^/]*\.orig\.tar\.[a-z0-9]+$/,
    members: ['*/extsrc/sqlite3.[ch]'],
    known: {
      'fossil_2.21.orig.tar.xz': 'be63439cc08bec72aeb8ed8c240ef9b3e7ce7916e786ef6c55491d86daf02c5b',
    },
  },
  openssl: {
    debianSource: 'openssl',
    archive: /^openssl_[^/]*\.orig\.tar\.[a-z0-9]+$/,
    known: {
      'openssl_3.0.22.orig.tar.gz': '67ebca7e50d17383028045486653492195b83db95f8558709701bb47b5c1ef81',
    },
  },
} satisfies Record<string, SourcePackage>;

export type SourceName = keyof typeof packages;

/** A deb822 or one-line source list with every entry turned into a source entry. */
export function asSourceEntries(text: string): string {
  return text.replace(/^Types:.*$/gm, 'Types: deb-src').replace(/^deb(?=[ \t])/gm, 'deb-src');
}

/** Options that give apt-get a private state in `home`; writes the derived source lists there. */
function privateApt(home: string): string[] {
  for (const folder of ['sources.list.d', 'lists/partial', 'archives/partial']) {
    mkdirSync(join(home, folder), { recursive: true });
  }
  const lists = existsSync('/etc/apt/sources.list') ? ['/etc/apt/sources.list'] : [];
  for (const name of existsSync('/etc/apt/sources.list.d') ? readdirSync('/etc/apt/sources.list.d') : []) {
    if (/\.(list|sources)$/.test(name)) lists.push(`/etc/apt/sources.list.d/${name}`);
  }
  let index = 0;
  for (const list of lists) {
    const text = readFileSync(list, 'utf8');
    if (!/debian/.test(text)) continue;
    const extension = list.endsWith('.sources') ? 'sources' : 'list';
    writeFileSync(join(home, 'sources.list.d', `${index++}.${extension}`), asSourceEntries(text));
  }
  if (index === 0) throw new Error('no Debian source list in /etc/apt: cannot fetch source packages');
  return [
    'Dir::Etc::sourcelist=/dev/null',
    `Dir::Etc::sourceparts=${home}/sources.list.d`,
    `Dir::State::lists=${home}/lists`,
    `Dir::Cache=${home}`,
    `Dir::Cache::archives=${home}/archives`,
    'APT::Sandbox::User=',
    'Acquire::Languages=none',
    'Acquire::Retries=3',
  ].flatMap((option) => ['-o', option]);
}

/** Serialises fetchers across processes: mkdir is atomic. A lock older than ten minutes is a dead process's. */
async function withLock<T>(lock: string, work: () => Promise<T>): Promise<T> {
  for (let waited = 0; ; waited++) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (waited > 600) rmSync(lock, { recursive: true, force: true });
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

async function fetchArchive(source: SourcePackage): Promise<string> {
  const home = cacheFolder('apt');
  const downloads = cacheFolder('apt/downloads');
  const find = (): string | undefined => readdirSync(downloads).find((name) => source.archive.test(name));
  let archive = find();
  if (archive === undefined) {
    const apt = requireTool('apt-get');
    const options = privateApt(home);
    // A list without sources (a third party's) fails the update as a whole, but not Debian's part of it.
    await run(apt, [...options, 'update'], { timeout: 300_000 });
    await runOrThrow(apt, [...options, 'source', '--download-only', '--tar-only', source.debianSource], {
      cwd: downloads,
      timeout: 600_000,
    });
    archive = find();
    if (archive === undefined) throw new Error(`apt-get source ${source.debianSource} brought no ${source.archive}`);
  }
  const path = join(downloads, archive);
  const expected = source.known[archive];
  const actual = createHash('sha256').update(readFileSync(path)).digest('hex');
  if (expected !== undefined && actual !== expected) {
    rmSync(path);
    throw new Error(`${archive}: SHA-256 is ${actual}, not ${expected}; it was deleted, try again`);
  }
  return path;
}

const unpacked = new Map<SourceName, Promise<string>>();

/** The folder of an unpacked source package, e.g. the one that holds src/lua.c; fetched on first use. */
export function sourceFolder(name: SourceName): Promise<string> {
  let folder = unpacked.get(name);
  if (folder === undefined) {
    folder = unpack(name);
    unpacked.set(name, folder);
  }
  return folder;
}

async function unpack(name: SourceName): Promise<string> {
  const source: SourcePackage = packages[name];
  const target = join(cacheFolder('sources'), name);
  if (!existsSync(target)) {
    await withLock(join(cacheFolder('sources'), 'lock'), async () => {
      if (existsSync(target)) return;
      const archive = await fetchArchive(source);
      const temporary = `${target}.${process.pid}.tmp`;
      mkdirSync(temporary, { recursive: true });
      const members = source.members === undefined ? [] : ['--wildcards', ...source.members];
      await runOrThrow(requireTool('tar'), ['-xf', archive, '-C', temporary, ...members], { timeout: 120_000 });
      renameSync(temporary, target);
    });
  }
  const top = readdirSync(target);
  return top.length === 1 ? join(target, top[0]!) : target;
}
