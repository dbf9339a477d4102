/**
 * casemate-ld from arguments to exit status: parse, read, link, write.
 *
 * As GNU ld: one line per failure and exit status 1; an output of an earlier link does not outlive a failed one, so
 * that nobody runs it by mistake. Everything is written under a temporary name and renamed, except to what is no
 * regular file (`-o /dev/null`, which configure scripts use).
 */
import { lstatSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fail, printable } from '../../base/errors.ts';
import { readFileIfPresent, reasonOf, writeFileAtomic } from '../../base/files.ts';
import { type Arena, createArena, u8 } from '../../linker/arena.ts';
import type { LinkRequest } from '../../linker/request.ts';
import { writeRecording } from '../../pipeline/record.ts';
import { failureText } from '../failure.ts';
import { dependencyRule } from './dependencies.ts';
import type { LinkCommand } from './draft.ts';
import { outputFormats } from './formats.ts';
import { helpText, versionText } from './help.ts';
import { type FileAccess, type LoadedInputs, loadInputs } from './inputs.ts';
import { parseCommandLine } from './parse.ts';
import { createReadAhead } from './read-ahead.ts';
import { expandResponseFiles } from './response.ts';

/** What a link gives: the program's bytes, and what to tell the user. */
export interface LinkOutcome {
  /** Chunks of the output file in order. */
  readonly bytes: Uint8Array | readonly Uint8Array[];
  readonly warnings: readonly string[];
  /** Lines that were asked for (--print-gc-sections). */
  readonly notes: readonly string[];
  /** Present when options.map is set. */
  readonly mapText: string | undefined;
}

export interface Streams {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/** `wipes`: functions that --wipe names. */
type LinkProgram = (request: LinkRequest, wipes: readonly string[]) => LinkOutcome;

/** Runs one command line; answers the exit status. */
export function runLinker(argv: readonly string[], linkProgram: LinkProgram, streams: Streams): 0 | 1 {
  try {
    const command = commandToLink(argv, streams);
    if (command === undefined) return 0;
    const arena = createArena();
    const disk = diskFor((path) => readFileIfPresent(path, roomIn(arena)));
    linkLoaded({ command, arena, disk, linkProgram, streams }, loadFor(command, disk));
    return 0;
  } catch (error) {
    streams.error(failureText(error, 'casemate-ld'));
    return 1;
  }
}

/** The same, with inputs read in the background. */
export async function runLinkerAhead(
  argv: readonly string[],
  linkProgram: LinkProgram,
  streams: Streams,
): Promise<0 | 1> {
  try {
    const command = commandToLink(argv, streams);
    if (command === undefined) return 0;
    const arena = createArena();
    const ahead = createReadAhead(roomIn(arena));
    const loaded = loadFor(command, diskFor(ahead.read));
    await ahead.settled().catch((error: unknown) => failedToLoad(command, error));
    const disk = diskFor((path) => readFileIfPresent(path, roomIn(arena)));
    linkLoaded({ command, arena, disk, linkProgram, streams }, loaded);
    return 0;
  } catch (error) {
    streams.error(failureText(error, 'casemate-ld'));
    return 1;
  }
}

/** The command line's link; undefined when it asks for something else, which then has been answered. */
function commandToLink(argv: readonly string[], streams: Streams): LinkCommand | undefined {
  const expanded = expandResponseFiles(argv, readText);
  const command = parseCommandLine(expanded.argv, expanded.origins);
  if (command.action !== 'link') {
    streams.out(answer(command));
    return undefined;
  }
  if (command.printVersion) streams.out(versionText);
  return command.inputs.length > 0 ? command : undefined;
}

/** What is printed instead of linking. */
function answer({ action, sysroot, options }: LinkCommand): string {
  if (action === 'help') return helpText();
  if (action === 'version') return versionText;
  if (action === 'sysroot') return `${printable(sysroot)}\n`;
  return `${outputFormats[options.machine ?? 'x86-64']}\n`;
}

function readText(path: string): string | undefined {
  const bytes = readFileIfPresent(path);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
}

/** Files are read to where the linker wants them. */
function roomIn(arena: Arena): (size: number) => Uint8Array {
  return (size) => u8(arena, size, 16);
}

function diskFor(read: FileAccess['read']): FileAccess {
  return { read, exists: (path) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false };
}

function loadFor(command: LinkCommand, disk: FileAccess): LoadedInputs {
  try {
    return loadInputs(command, disk);
  } catch (error) {
    return failedToLoad(command, error);
  }
}

function failedToLoad(command: LinkCommand, error: unknown): never {
  removeStale(
    command.output ?? 'a.out',
    command.inputs.map((input) => input.name),
  );
  throw error;
}

/** A link whose inputs are read. */
interface Job {
  readonly command: LinkCommand;
  readonly arena: Arena;
  readonly disk: FileAccess;
  readonly linkProgram: LinkProgram;
  readonly streams: Streams;
}

function linkLoaded({ command, arena, disk, linkProgram, streams }: Job, loaded: LoadedInputs): void {
  const output = command.output ?? loaded.output ?? 'a.out';
  const warn = (texts: readonly string[]): void => {
    if (!command.quiet) for (const text of texts) streams.error(`casemate-ld: warning: ${text}\n`);
  };
  warn(command.warnings);
  if (command.trace) streams.out(loaded.files.map((file) => `${printable(file.name)}\n`).join(''));
  refuseOverwriting(output, loaded.reads);
  try {
    const reads = [...loaded.reads];
    const outcome = linkProgram(
      {
        arena,
        files: loaded.files,
        options: { ...command.options, scripts: loaded.scripts },
        readMember: (path) => {
          const bytes = disk.read(path);
          if (bytes !== undefined) reads.push(path);
          return bytes;
        },
      },
      command.wipes,
    );
    warn(outcome.warnings);
    const warnings = command.warnings.length + outcome.warnings.length;
    if (command.options.fatalWarnings && warnings > 0) {
      fail('usage', `${warnings} warning${warnings > 1 ? 's' : ''} with --fatal-warnings`);
    }
    for (const note of outcome.notes) streams.error(`casemate-ld: ${note}\n`);
    writeMap(command, output, outcome.mapText, streams);
    writeOutput(output, outcome.bytes, 0o777);
    if (command.dependencyFile !== undefined) {
      writeOutput(command.dependencyFile, Buffer.from(dependencyRule(output, reads)));
    }
    if (command.record !== undefined) record(command, command.record, loaded, reads, output);
  } catch (error) {
    removeStale(output, loaded.reads);
    throw error;
  }
}

function writeMap(command: LinkCommand, output: string, text: string | undefined, streams: Streams): void {
  if (command.mapPath === undefined || text === undefined) return;
  if (command.mapPath === '-') {
    streams.out(text);
    return;
  }
  const isFolder = statSync(command.mapPath, { throwIfNoEntry: false })?.isDirectory() ?? false;
  writeOutput(isFolder ? join(command.mapPath, `${basename(output)}.map`) : command.mapPath, Buffer.from(text));
}

/** Writes a file all or nothing; into what exists and is no regular file, directly. */
function writeOutput(path: string, bytes: Uint8Array | readonly Uint8Array[], mode = 0o666): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isFile()) {
    writeFileAtomic(path, bytes, mode);
    return;
  }
  if (found.isDirectory()) fail('io', `${printable(path)}: cannot write: is a folder`);
  try {
    for (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) writeFileSync(path, chunk);
  } catch (error) {
    fail('io', `${printable(path)}: cannot write: ${reasonOf(error)}`);
  }
}

function isSameFile(a: string, b: string): boolean {
  if (basename(a) !== basename(b)) return false;
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}

function refuseOverwriting(output: string, reads: readonly string[]): void {
  const input = reads.find((path) => isSameFile(path, output));
  if (input !== undefined) {
    fail('usage', `the output ${printable(output)} is also an input; name another file with -o`);
  }
}

/** Removes what an earlier link left at `output`, never an input. */
function removeStale(output: string, reads: readonly string[]): void {
  const found = lstatSync(output, { throwIfNoEntry: false });
  if (found === undefined || !(found.isFile() || found.isSymbolicLink())) return;
  if (reads.some((path) => isSameFile(path, output))) return;
  try {
    rmSync(output);
  } catch {
    // The failure that brought us here is the one to report.
  }
}

function record(
  command: LinkCommand,
  manifest: string,
  loaded: LoadedInputs,
  reads: readonly string[],
  output: string,
): void {
  const named = new Set([...loaded.files.map((file) => file.name), ...loaded.scriptPaths]);
  writeRecording(
    {
      inputs: loaded.files.map((file) => ({ path: file.name, whole: file.wholeArchive === true })),
      scripts: loaded.scriptPaths,
      options: command.options,
      defsym: command.defsymTexts,
      wipes: command.wipes,
      reads: reads.filter((path) => !named.has(path)),
      output,
    },
    manifest,
  );
}
