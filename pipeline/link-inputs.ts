/**
 * The linker's inputs, read from disk: confined, recorded in the lock, and expanded.
 *
 * Besides objects and archives an input may be text: a linker script that names other inputs (Debian's libm.a is
 * `GROUP(...)`) or that lays out sections. The files that such a script names, and the members of thin archives, are
 * paths that came from an input, so they are confined and recorded like the manifest's own.
 */
import { posix } from 'node:path';
import { fail, printable } from '../base/errors.ts';
import { readFile } from '../base/files.ts';
import { isBitcode, isElf } from '../linker/identify.ts';
import { isArchive } from '../linker/read-archive.ts';
import type { InputFile, LinkRequest } from '../linker/request.ts';
import type { LinkerScript, ScriptInput } from '../linker/script/ast.ts';
import { parseScript } from '../linker/script/parse.ts';
import type { Ledger } from './lock.ts';
import type { At, Manifest, ManifestInput } from './manifest.ts';
import { type Confinement, confinePath, isPresent } from './paths.ts';

/** Everything the phases after this one need of the project's files. */
export interface LinkInputs {
  readonly files: readonly InputFile[];
  /** "link.script" in order, then text inputs that lay out sections. */
  readonly scripts: readonly LinkerScript[];
  readonly readMember: LinkRequest['readMember'];
}

interface Reader {
  readonly confinement: Confinement;
  readonly ledger: Ledger;
}

/** GROUPs that name each other would otherwise never end. */
const deepestGroup = 16;
const mostInputs = 100_000;

function readConfined(reader: Reader, declared: string, where: string, base?: string): Uint8Array {
  const path = confinePath(reader.confinement, declared, where, 'file', base);
  const bytes = readFile(path.real);
  reader.ledger.seeInput(posix.normalize(declared), bytes);
  return bytes;
}

function parseConfined(reader: Reader, bytes: Uint8Array, name: string): LinkerScript {
  return parseScript(Buffer.from(bytes).toString('utf8'), name, {
    readInclude: (include) => {
      // As GNU ld: the working folder first (the project's), then beside the including script.
      const candidates = [include, posix.join(posix.dirname(name), include)];
      const found = candidates.find((candidate) => isPresent(reader.confinement, candidate));
      if (found === undefined) return undefined;
      return Buffer.from(readConfined(reader, found, `${printable(name)}: INCLUDE`)).toString('utf8');
    },
  });
}

/** The file that an INPUT or GROUP entry of the script `from` means. */
function locate(reader: Reader, entry: ScriptInput, from: string): string {
  const name = /^-l:/.test(entry.name)
    ? entry.name.slice(3)
    : entry.name.startsWith('-l')
      ? `lib${entry.name.slice(2)}.a`
      : entry.name;
  const beside = posix.join(posix.dirname(from), name);
  if (posix.isAbsolute(name)) return name;
  return isPresent(reader.confinement, name) && !entry.name.startsWith('-l') ? name : beside;
}

function expand(
  reader: Reader,
  file: InputFile,
  path: string,
  depth: number,
  into: { files: InputFile[]; scripts: LinkerScript[] },
): void {
  if (isElf(file.bytes) || isArchive(file.bytes) || isBitcode(file.bytes)) {
    into.files.push(file);
    if (into.files.length > mostInputs) fail('limit', `${printable(path)}: more than ${mostInputs} inputs in all`);
    return;
  }
  if (file.bytes.length === 0 || file.bytes.includes(0)) {
    fail('unsupported-input', `${printable(path)}: is neither an ELF object, nor an archive, nor a linker script`);
  }
  if (depth > deepestGroup) fail('script', `${printable(path)}: scripts that name one another, ${deepestGroup} deep`);
  const script = parseConfined(reader, file.bytes, path);
  for (const entry of script.inputs) {
    const found = locate(reader, entry, path);
    const bytes = readConfined(reader, found, `${printable(path)}: ${printable(entry.name)}`);
    expand(reader, { ...file, name: found, bytes }, found, depth + 1, into);
  }
  if (script.hasSections || script.commands.length > 0 || script.insert !== undefined) into.scripts.push(script);
}

/** The manifest's inputs in link order, without the compiled sources: objects, archives, "link.inputs". */
function declaredInputs(manifest: Manifest, at: At): { input: ManifestInput; where: string }[] {
  const list = (key: string, entries: readonly (string | ManifestInput)[] = []) =>
    entries.map((entry, i) => ({
      input: typeof entry === 'string' ? { path: entry } : entry,
      where: at(`/${key}/${i}`),
    }));
  return [
    ...list('objects', manifest.objects),
    ...list('archives', manifest.archives),
    ...list('link/inputs', manifest.link?.inputs),
  ];
}

/** A thin archive's member is named relative to the archive; an archive that is known by another name misleads that. */
function memberPath(path: string, inputs: readonly ManifestInput[]): string {
  for (const input of inputs) {
    if (input.as === undefined) continue;
    const folder = `${posix.dirname(input.as)}/`;
    if (input.as.includes('/') ? path.startsWith(folder) : !path.includes('/')) {
      const rest = input.as.includes('/') ? path.slice(folder.length) : path;
      return posix.join(posix.dirname(input.path), rest);
    }
  }
  return path;
}

/** Reads everything that the manifest's link names. Each file is recorded in `ledger` under its declared name. */
export function readLinkInputs(manifest: Manifest, at: At, confinement: Confinement, ledger: Ledger): LinkInputs {
  const reader: Reader = { confinement, ledger };
  const given = manifest.link?.script ?? [];
  const scripts = [given].flat().map((path, i) => {
    const where = at(typeof given === 'string' ? '/link/script' : `/link/script/${i}`);
    return parseConfined(reader, readConfined(reader, path, where), path);
  });
  const into = { files: [] as InputFile[], scripts };
  const inputs = declaredInputs(manifest, at);
  for (const { input, where } of inputs) {
    const bytes = readConfined(reader, input.path, where);
    const whole = input.whole === true ? { wholeArchive: true } : {};
    expand(reader, { name: input.as ?? input.path, bytes, ...whole }, input.path, 0, into);
  }
  const renamed = inputs.map(({ input }) => input).filter((input) => input.as !== undefined);
  return {
    ...into,
    readMember: (path) => {
      const found = isPresent(confinement, path) ? path : memberPath(path, renamed);
      return isPresent(confinement, found) ? readConfined(reader, found, 'a thin archive') : undefined;
    },
  };
}
