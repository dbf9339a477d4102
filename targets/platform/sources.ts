/**
 * What a target's platform layer is as data, and the files that all layers share.
 *
 * Every target implements Solo5's public API (include/solo5.h). What of that knows nothing of a machine (Solo5's own
 * words on the command line, the manifest's form, how ticks become nanoseconds) is in layer/; the rest is the target's.
 */

/** A function of a layer, and the object that it is in. */
export interface LayerFunction {
  readonly name: string;
  readonly object: string;
}

/** What machine code does not show of a layer's calls. */
export interface LayerCalls {
  /** Who calls the program's constructors. */
  readonly constructors: LayerFunction;
  /** Who calls functions of the layer through pointers, and which. */
  readonly indirect?: readonly { readonly from: LayerFunction; readonly to: readonly LayerFunction[] }[];
  /** Who is active so often at once, at most. */
  readonly activations: readonly (LayerFunction & { readonly count: number })[];
}

export interface PlatformSources {
  /** C and assembly files, in link order. */
  readonly sources: readonly string[];
  /** What programs include <solo5.h> from. */
  readonly include: string;
  /** clang flags for the layer and for programs alike; a program's own flags come after them. */
  readonly cflags: readonly string[];
  /** Further flags for the layer's own files. */
  readonly platformCflags: readonly string[];
  /** Where execution starts. */
  readonly entry: string;
}

/** Where <solo5.h> is. */
export const sharedInclude = 'targets/platform/include';

/** Headers that layers share and programs do not see. */
export const sharedHeaders = 'targets/platform/layer';

/** C files that belong to every layer. */
export const sharedSources: readonly string[] = ['arguments.c', 'forget.c', 'secrets.c'].map(
  (file) => `${sharedHeaders}/${file}`,
);

/** The module `casemate/platform` in C, over what every layer implements: for programs that import it. */
export const verifiedModule = {
  folder: 'targets/platform/verified',
  sources: ['targets/platform/verified/platform.c'],
  /** What a broken precondition comes to: its name on the console, and the end. */
  preconditions: 'targets/platform/verified/precondition.c',
} as const;

/** The same where there is no console that we know of. */
export const trapSource = 'targets/platform/verified/trap.c';

/** The probes' unikernel of a target, as files relative to the package's root; all land in one folder. */
export interface ProbeFiles {
  readonly target: 'hvt' | 'riscv64';
  readonly sources: readonly string[];
  readonly headers: readonly string[];
}

/** What the probes of all targets share: how they say what happens. */
export const sharedProbeSource = 'targets/platform/probes/say.c';
export const sharedProbeHeader = 'targets/platform/probes/say.h';
