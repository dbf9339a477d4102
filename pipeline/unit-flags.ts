/**
 * How the C that TypeScript becomes is compiled, on each machine that there is one for: freestanding, with every warning
 * an error, by the target's own flags or, for a plain object, by these.
 */

/** What clang calls the machines. */
export const triples = {
  'x86-64': 'x86_64-linux-gnu',
  riscv64: 'riscv64-linux-gnu',
  aarch64: 'aarch64-linux-gnu',
} as const;

export type UnitMachine = keyof typeof triples;

/** For an object of a hosted system. Tables of jumps for aarch64 hold distances that a bound of the stack cannot read. */
export const hostedFlags = (machine: UnitMachine): readonly string[] => [
  ...['-O2', `--target=${triples[machine]}`],
  ...(machine === 'aarch64' ? ['-fno-jump-tables'] : []),
];

/** For the unit alone, after the target's. Loops without an effect may run for ever, as in TypeScript. */
export const unitFlags = [
  '-std=c11',
  '-ffreestanding',
  '-nostdlibinc',
  '-fno-finite-loops',
  '-Wall',
  '-Wextra',
  '-Wconversion',
  '-Werror',
];
