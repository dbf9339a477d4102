/**
 * argv to LinkCommand: a pure function that knows GNU ld's spellings.
 *
 * Long names take one dash or two, except that names in `o` need two (`-omagic` is the output file `magic`); they may
 * be shortened while they stay unique, after two dashes. Values are joined by `=` or follow. Letters take their value
 * joined or separate; letters without value can be run together. An exact long name wins over a letter with a joined
 * value: `-Ttext=0` is not a script named `text=0`.
 * Source: GNU ld manual, section 2.1; getopt_long_only(3).
 */
import { fail, printable } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';
import { type Draft, type Flag, type LinkCommand, openDraft } from './draft.ts';
import { flags } from './flags.ts';
import { otherFlags } from './other-flags.ts';

const longFlags = new Map<string, Flag>();
const letterFlags = new Map<string, Flag>();
for (const flag of [...flags.flatMap((group) => group.flags), ...otherFlags]) {
  for (const name of flag.names) longFlags.set(name, flag);
  for (const letter of flag.letters ?? '') letterFlags.set(letter, flag);
}

/**
 * Reads a whole command line, response files expanded; `origins` names the response file of each argument that stands
 * in one. Throws 'usage', or 'script' for an expression of --defsym.
 */
export function parseCommandLine(argv: readonly string[], origins: readonly (string | undefined)[] = []): LinkCommand {
  const draft = openDraft();
  for (let i = 0; i < argv.length; ) {
    const argument = argv[i];
    if (argument === '--') {
      for (let rest = i + 1; rest < argv.length; rest++) addFile(draft, argv[rest], origins[rest]);
      break;
    }
    i +=
      argument.length > 1 && argument.startsWith('-') ? readFlag(draft, argv, i) : addFile(draft, argument, origins[i]);
  }
  return finish(draft);
}

function addFile(draft: Draft, name: string, origin: string | undefined): 1 {
  if (name === '-') fail('usage', '-: standard input cannot be linked; write it to a file');
  if (name === '') {
    fail(
      'usage',
      origin === undefined ? 'an empty file name' : `${printable(origin)}: an empty file name; close its quotes`,
    );
  }
  draft.inputs.push({ kind: 'file', name, ...draft.state });
  return 1;
}

/** Applies the flag at `index`; answers how many arguments it took. */
function readFlag(draft: Draft, argv: readonly string[], index: number): 1 | 2 {
  const argument = argv[index];
  const twoDashes = argument.startsWith('--');
  const body = argument.slice(twoDashes ? 2 : 1);
  const equals = body.indexOf('=');
  const name = equals < 0 ? body : body.slice(0, equals);
  const long = twoDashes ? findLong(name) : name.startsWith('o') ? undefined : longFlags.get(name);
  if (long !== undefined) {
    const spelled = argument.slice(0, argument.length - body.length + name.length);
    if (equals >= 0) {
      if (long.argument === undefined)
        fail('usage', `${printable(spelled)} takes no value; found '${printable(argument)}'`);
      long.apply(draft, body.slice(equals + 1), spelled);
      return 1;
    }
    if (long.argument !== 'value') {
      long.apply(draft, '', spelled);
      return 1;
    }
    long.apply(draft, following(argv, index, spelled, long), spelled);
    return 2;
  }
  if (twoDashes) return failUnknown(argument, name);
  return readLetters(draft, argv, index, body) ?? failUnknown(argument, name);
}

/** Applies `-x`, `-xVALUE`, `-x VALUE` or `-xyz`; undefined when these are no letters of ours. */
function readLetters(draft: Draft, argv: readonly string[], index: number, body: string): 1 | 2 | undefined {
  const letter = body[0];
  const flag = letterFlags.get(letter);
  if (flag === undefined) return undefined;
  const spelled = `-${letter}`;
  if (flag.argument === 'optional') {
    flag.apply(draft, body.slice(1), spelled);
    return 1;
  }
  if (flag.argument === 'value') {
    if (body.length > 1) {
      flag.apply(draft, body.slice(1), spelled);
      return 1;
    }
    flag.apply(draft, following(argv, index, spelled, flag), spelled);
    return 2;
  }
  const run = [...body].map((each) => letterFlags.get(each));
  if (run.some((each) => each === undefined || each.argument !== undefined)) return undefined;
  run.forEach((each, i) => {
    each?.apply(draft, '', `-${body[i]}`);
  });
  return 1;
}

function following(argv: readonly string[], index: number, spelled: string, flag: Flag): string {
  const value = argv[index + 1];
  if (value === undefined) fail('usage', `${printable(spelled)} needs a value: ${spelled} ${flag.metavar ?? 'VALUE'}`);
  return value;
}

/** The flag of a long name or of its unique beginning. */
function findLong(name: string): Flag | undefined {
  const exact = longFlags.get(name);
  if (exact !== undefined || name === '') return exact;
  const matches = [...longFlags].filter(([known]) => known.startsWith(name));
  const found = new Set(matches.map(([, flag]) => flag));
  if (found.size < 2) return matches[0]?.[1];
  const shown = matches.slice(0, 4).map(([known]) => `--${known}`);
  return fail('usage', `--${printable(name, 60)} is the beginning of several options: ${shown.join(', ')}, ...`);
}

function failUnknown(argument: string, name: string): never {
  const meant = nearest(name, [...longFlags.keys()]);
  const hint = meant === undefined ? 'see --help' : `did you mean --${meant}?`;
  return fail('usage', `unrecognized option '${printable(argument, 100)}': ${hint}`);
}

function finish(draft: Draft): LinkCommand {
  const { options, state: _state, saved: _saved, openGroups, dynamicLinker, ...rest } = draft;
  const { undefinedSymbols, requiredSymbols, wrap, defsym, sectionStart, ...command } = rest;
  if (draft.action === 'link') {
    if (options.pie && dynamicLinker !== undefined) {
      fail(
        'usage',
        '-pie with -dynamic-linker asks for a dynamic program; casemate links statically: give the compiler -static-pie, or -static for fixed addresses',
      );
    }
    if (openGroups > 0) command.warnings.push('--start-group has no --end-group');
    if (draft.inputs.length === 0 && !draft.printVersion) fail('usage', 'no input files; see --help');
  }
  return {
    ...command,
    options: {
      ...options,
      undefinedSymbols,
      requiredSymbols,
      wrap,
      defsym,
      sectionStart,
      map: draft.mapPath !== undefined,
    },
  };
}
