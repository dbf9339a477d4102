/**
 * A command line being read, and what it comes to.
 *
 * GNU ld's command line is a small program: most flags set an option for the whole link, some change how the inputs
 * after them are read (--whole-archive), and two save and restore that state. So flags act on a draft in order, and the
 * finished LinkCommand is plain data.
 */
import { defaultOptions, type LinkOptions } from '../../linker/request.ts';
import type { Expression } from '../../linker/script/ast.ts';

/** One input as it was named. `whole`: --whole-archive was in force. */
export type InputSpec =
  | { readonly kind: 'file'; readonly name: string; readonly whole: boolean }
  /** -lNAME; `:FILE` for -l:FILE. */
  | { readonly kind: 'library'; readonly name: string; readonly whole: boolean }
  /** -T SCRIPT. */
  | { readonly kind: 'script'; readonly name: string };

export type Action = 'link' | 'help' | 'version' | 'output-format' | 'sysroot';

export interface LinkCommand {
  /** `link`, or what to print instead. */
  readonly action: Action;
  /** -v, -V, --verbose: print the version first; with no inputs that is all. */
  readonly printVersion: boolean;
  readonly inputs: readonly InputSpec[];
  /** -L in order, as given: a leading `=` or `$SYSROOT` stands for the sysroot. */
  readonly libraryDirs: readonly string[];
  /** -nostdlib: search no folders but those of -L and SEARCH_DIR. */
  readonly noStandardDirs: boolean;
  /** '' when none was given. */
  readonly sysroot: string;
  /** Without `scripts`, which have to be read first. */
  readonly options: LinkOptions;
  /** --defsym arguments as given, for --record. */
  readonly defsymTexts: readonly string[];
  /** --wipe arguments as given. */
  readonly wipes: readonly string[];
  /** -dT: used when no other script lays out sections. */
  readonly defaultScript: string | undefined;
  /** -o; undefined: what a script's OUTPUT() says, else a.out. */
  readonly output: string | undefined;
  /** -Map; '-' is standard output. */
  readonly mapPath: string | undefined;
  readonly dependencyFile: string | undefined;
  /** --record: write the link down as a manifest. */
  readonly record: string | undefined;
  /** -t: print the name of each input. */
  readonly trace: boolean;
  /** -w: print no warnings. */
  readonly quiet: boolean;
  readonly warnings: readonly string[];
}

/** How the inputs that follow are read; saved by --push-state. */
export interface InputState {
  readonly whole: boolean;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export interface Draft {
  readonly options: Writable<LinkOptions>;
  readonly undefinedSymbols: string[];
  readonly requiredSymbols: string[];
  readonly wrap: string[];
  readonly defsym: { name: string; value: Expression }[];
  readonly defsymTexts: string[];
  readonly wipes: string[];
  readonly sectionStart: Map<string, number>;
  readonly inputs: InputSpec[];
  readonly libraryDirs: string[];
  readonly warnings: string[];
  state: InputState;
  readonly saved: InputState[];
  openGroups: number;
  action: Action;
  printVersion: boolean;
  sysroot: string;
  noStandardDirs: boolean;
  defaultScript: string | undefined;
  output: string | undefined;
  mapPath: string | undefined;
  dependencyFile: string | undefined;
  record: string | undefined;
  trace: boolean;
  quiet: boolean;
  /** -dynamic-linker's argument; undefined after --no-dynamic-linker. */
  dynamicLinker: string | undefined;
}

export function openDraft(): Draft {
  return {
    options: { ...defaultOptions },
    undefinedSymbols: [],
    requiredSymbols: [],
    wrap: [],
    defsym: [],
    defsymTexts: [],
    wipes: [],
    sectionStart: new Map(),
    inputs: [],
    libraryDirs: [],
    warnings: [],
    state: { whole: false },
    saved: [],
    openGroups: 0,
    action: 'link',
    printVersion: false,
    sysroot: '',
    noStandardDirs: false,
    defaultScript: undefined,
    output: undefined,
    mapPath: undefined,
    dependencyFile: undefined,
    record: undefined,
    trace: false,
    quiet: false,
    dynamicLinker: undefined,
  };
}

/** A flag of the command line. */
export interface Flag {
  /** Long names without dashes; some, as `Ttext`, are written with one dash by custom. */
  readonly names: readonly string[];
  /** Single letters. */
  readonly letters?: string;
  /** 'optional' arguments must be joined: --build-id=sha1, -O2. */
  readonly argument?: 'value' | 'optional';
  /** The argument's name in the help text. */
  readonly metavar?: string;
  /** One line for --help; flags without one are listed by name only. */
  readonly help?: string;
  /** `spelled` is the flag as the user wrote it, for messages. */
  readonly apply: (draft: Draft, value: string, spelled: string) => void;
}
