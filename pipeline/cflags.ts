/**
 * Which compiler flags a manifest may use.
 *
 * A compiler flag can load code (-fplugin=, -Xclang -load), run programs (-B, -wrapper), read any file (@file,
 * -include, -fprofile-use=) or write one (-o, -MF, -save-temps). So flags are allow-listed: those that choose
 * optimisation, language, warnings, macros, instruction sets and debug information, and none that takes a path.
 * Headers are found through the manifest's "include", which is confined.
 */
import { fail, printable } from '../base/errors.ts';

/** -f flags by name, each also as -fno-NAME. */
const features = [
  'asynchronous-unwind-tables',
  'builtin',
  'common',
  'data-sections',
  'delete-null-pointer-checks',
  'exceptions',
  'fast-math',
  'finite-math-only',
  'function-sections',
  'inline',
  'inline-functions',
  'jump-tables',
  'math-errno',
  'merge-all-constants',
  'omit-frame-pointer',
  'optimize-sibling-calls',
  'pic',
  'PIC',
  'pie',
  'PIE',
  'plt',
  'rounding-math',
  'semantic-interposition',
  'short-enums',
  'signed-char',
  'signed-zeros',
  'slp-vectorize',
  'stack-clash-protection',
  'stack-protector',
  'stack-protector-all',
  'stack-protector-strong',
  'strict-aliasing',
  'strict-overflow',
  'strict-return',
  'trapping-math',
  'trapv',
  'tree-vectorize',
  'unroll-loops',
  'unsigned-char',
  'unwind-tables',
  'vectorize',
  'wrapv',
  'zero-initialized-in-bss',
];

/** -f flags with a value. */
const valued = [
  /^-fbuiltin-[a-z0-9_]+$/,
  /^-fno-builtin-[a-z0-9_]+$/,
  /^-ffp-contract=(on|off|fast)$/,
  /^-ffp-model=(precise|strict|fast)$/,
  /^-fcf-protection(=(none|branch|return|full))?$/,
  /^-fmax-[a-z-]+=\d+$/,
  /^-fpack-struct=\d+$/,
  /^-fvisibility=(default|hidden|internal|protected)$/,
  /^-ftls-model=(global-dynamic|local-dynamic|initial-exec|local-exec)$/,
  /^-ftrivial-auto-var-init=(uninitialized|zero|pattern)$/,
  /^-fzero-call-used-regs=[a-z-]+$/,
  /^-ftrap-function=[A-Za-z_]\w*$/,
];

const instructionSets = [
  /^-march=[A-Za-z0-9_.+-]+$/,
  /^-mtune=[A-Za-z0-9_.+-]+$/,
  /^-mcpu=[A-Za-z0-9_.+-]+$/,
  /^-m(no-)?(adx|aes|avx|avx2|bmi|bmi2|f16c|fma|fsgsbase|lzcnt|movbe|pclmul|popcnt|rdrnd|rdseed|sha|xsave)$/,
  /^-m(no-)?(sse|sse2|sse3|ssse3|sse4\.1|sse4\.2)$/,
  /^-m(no-)?(relax|strict-align)$/,
];

const general = [
  /^-O([0-3sgz]|fast)?$/,
  /^-g([0-3]|gdb[0-3]?|dwarf-[2-5]|line-tables-only|line-directives-only)?$/,
  // The value may be anything: it reaches the compiler as one argument, never through a shell.
  /^-D[A-Za-z_]\w*(\([^()]*\))?(=.*)?$/s,
  /^-U[A-Za-z_]\w*$/,
  /^-std=(c|gnu|iso9899:)[a-z0-9]+$/,
  /^-(ansi|pedantic|pedantic-errors|W)$/,
  // No comma: -Wa, -Wp, and -Wl, pass options on to other programs.
  /^-W(no-)?[A-Za-z][A-Za-z0-9+-]*(=[A-Za-z0-9+-]+)?$/,
];

const patterns = [...general, ...valued, ...instructionSets];
const featureFlags = new Set(features.flatMap((name) => [`-f${name}`, `-fno-${name}`]));

/** Why a refused flag is refused and what to do instead, where there is something better than the general rule. */
function advice(flag: string): string {
  if (/^-(I|isystem|iquote|idirafter)/.test(flag)) return 'name the folder in "include" instead';
  if (/^-(l|L|Wl,|T|static|pie|no-pie|nostdlib|u|z|e)/.test(flag)) return 'options of the link belong in "link"';
  // Clang lets -w silence even warnings made errors, and __DATE__ must stay one.
  if (flag === '-w') return 'write -Wno-everything instead';
  if (/^-flto/.test(flag)) return 'the linker takes machine code only; remove it';
  if (/^-fsanitize/.test(flag)) return 'sanitizers need a run-time library that a unikernel does not have; remove it';
  if (/^-(target|m32|mcmodel|ffreestanding|nostd|ffile-prefix|fdebug-)/.test(flag))
    return 'the target sets this itself';
  return 'allowed are -O, -g, -D, -U, -std=, -W and the -f and -m flags in docs/manifest.md; none may name a file';
}

/** True when `flag` is on the allow-list. */
export function isAllowedFlag(flag: string): boolean {
  return !flag.includes('\0') && (featureFlags.has(flag) || patterns.some((pattern) => pattern.test(flag)));
}

/** Refuses the first flag that is not on the allow-list; `where(i)` names the i-th flag in the message. */
export function checkFlags(flags: readonly string[], where: (index: number) => string): void {
  const bad = flags.findIndex((flag) => !isAllowedFlag(flag));
  if (bad < 0) return;
  fail(
    'manifest',
    `${where(bad)}: the flag ${printable(JSON.stringify(flags[bad]), 100)} is not allowed; ${advice(flags[bad])}`,
  );
}
