/**
 * casemate.lock: the SHA-256 of everything that a build takes from elsewhere.
 *
 * Sources under the project's own version control need no lock. Objects, archives, linker scripts, files from declared
 * roots and the compiler are other people's: a build that silently used another version of them would give another
 * image under the same name. The first build writes the lock, later ones verify it: a changed input fails with both
 * hashes until --update-lock accepts it; new and vanished inputs follow from a changed manifest and update the lock,
 * which version control shows. --frozen-lock accepts no difference at all: that is for release builds.
 *
 * The file's bytes are a function of the inputs alone: sorted names, no dates, no paths but the declared ones.
 */
import { createHash } from 'node:crypto';
import { fail, printable } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';

export interface Lock {
  /** First line of the compiler's --version; absent when nothing was compiled. */
  readonly compiler?: string;
  /** Lower-case hexadecimal SHA-256 by declared name. */
  readonly inputs: ReadonlyMap<string, string>;
}

export type LockMode = 'verify' | 'update' | 'frozen';

const version = 1;
const hashPattern = /^sha256:([0-9a-f]{64})$/;

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Parses a lock's text; `file` is how messages name it. */
export function parseLock(text: string, file: string): Lock {
  const document = parseJson(text, file);
  const bad = (pointer: string, message: string): never =>
    fail('manifest', `${printable(file)}:${document.lineOf(pointer)}: ${message}; delete the file to make it anew`);
  const top = document.value;
  if (typeof top !== 'object' || top === null || Array.isArray(top)) return bad('', 'expected an object');
  const { version: found, compiler, inputs, ...rest } = top as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) bad(`/${unknown}`, `unknown key ${printable(JSON.stringify(unknown), 60)}`);
  if (found !== version)
    bad('/version', `"version" is ${printable(JSON.stringify(found) ?? 'missing', 40)}, not ${version}`);
  if (compiler !== undefined && typeof compiler !== 'string') bad('/compiler', '"compiler" is not text');
  if (typeof inputs !== 'object' || inputs === null || Array.isArray(inputs))
    return bad('/inputs', '"inputs" is not an object');
  const hashes = new Map<string, string>();
  for (const [name, value] of Object.entries(inputs)) {
    const hash = typeof value === 'string' ? hashPattern.exec(value)?.[1] : undefined;
    if (hash === undefined)
      bad('/inputs', `${printable(JSON.stringify(name), 200)} has no "sha256:" and 64 hexadecimal digits`);
    else hashes.set(name, hash);
  }
  return { ...(typeof compiler === 'string' ? { compiler } : {}), inputs: hashes };
}

/** The lock's text: same inputs, same bytes. */
export function formatLock(lock: Lock): string {
  const names = [...lock.inputs.keys()].sort();
  const inputs = Object.fromEntries(names.map((name) => [name, `sha256:${lock.inputs.get(name)}`]));
  const compiler = lock.compiler === undefined ? {} : { compiler: lock.compiler };
  return `${JSON.stringify({ version, ...compiler, inputs }, null, 2)}\n`;
}

/** What a build has read so far, held against the lock. */
export interface Ledger {
  readonly seeInput: (name: string, bytes: Uint8Array) => void;
  readonly seeCompiler: (line: string) => void;
  /** Fails on any input or compiler seen so far that differs from the lock. */
  readonly verify: () => void;
  /** Ends the build: verifies, and in frozen mode also refuses new and vanished entries. Returns the lock to keep. */
  readonly close: () => { readonly lock: Lock; readonly changes: readonly string[] };
}

/** `before` is the lock as it was found, undefined when there was none; `file` is how messages name it. */
export function openLedger(before: Lock | undefined, mode: LockMode, file: string): Ledger {
  const inputs = new Map<string, string>();
  let compiler: string | undefined;

  const differences = (): string[] => {
    const found: string[] = [];
    if (compiler !== undefined && before?.compiler !== undefined && compiler !== before.compiler) {
      found.push(`the compiler is "${printable(compiler)}", the lock says "${printable(before.compiler)}"`);
    }
    for (const [name, hash] of inputs) {
      const locked = before?.inputs.get(name);
      if (locked !== undefined && locked !== hash) {
        found.push(`${printable(name, 300)}: SHA-256 is ${hash}, the lock says ${locked}`);
      }
    }
    return found;
  };

  const verify = (): void => {
    if (mode === 'update') return;
    const found = differences();
    if (found.length === 0) return;
    const more = found.length > 1 ? ` (and ${found.length - 1} more)` : '';
    const accept =
      mode === 'frozen' ? 'build without --frozen-lock and with --update-lock' : 'build with --update-lock';
    fail('manifest', `${printable(file)}: ${found[0]}${more}; if the change is wanted, ${accept}`);
  };

  const close: Ledger['close'] = () => {
    verify();
    const lock: Lock = { ...(compiler === undefined ? {} : { compiler }), inputs };
    const changes = [
      ...(compiler === before?.compiler ? [] : [`compiler: ${compiler ?? 'none'}`]),
      ...[...inputs].filter(([name]) => !before?.inputs.has(name)).map(([name]) => `added ${name}`),
      ...[...inputs]
        .filter(([name, hash]) => before?.inputs.has(name) && before.inputs.get(name) !== hash)
        .map(([name]) => `changed ${name}`),
      ...[...(before?.inputs.keys() ?? [])].filter((name) => !inputs.has(name)).map((name) => `removed ${name}`),
    ];
    if (mode === 'frozen') {
      if (before === undefined) {
        fail('manifest', `${printable(file)}: there is no lock to hold the build to; build once without --frozen-lock`);
      }
      if (changes.length > 0) {
        fail(
          'manifest',
          `${printable(file)}: the build does not match the lock: ${printable(changes.slice(0, 3).join(', '), 300)}` +
            `${changes.length > 3 ? ` and ${changes.length - 3} more` : ''}; build without --frozen-lock to update it`,
        );
      }
    }
    return { lock, changes };
  };

  return {
    seeInput: (name, bytes) => {
      inputs.set(name, sha256(bytes));
    },
    seeCompiler: (line) => {
      compiler = line;
    },
    verify,
    close,
  };
}
