/** How tests build lowered C: for this processor under sanitizers, and as a build does for each machine that it has. */
import { hostedFlags, type UnitMachine, unitFlags } from '../../pipeline/unit-flags.ts';
import type { Build } from './lowered.ts';
import { requireTool, type Tool } from './tools.ts';

const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/** Stopped by the first undefined behaviour, and the first access out of bounds. */
export const sanitized = (compiler: 'gcc' | 'clang', level: string): Build => ({
  compiler: requireTool(compiler),
  flags: [level, ...sanitizers],
});

const hosts: Readonly<Record<UnitMachine, { readonly compiler: Tool; readonly emulator?: Tool }>> = {
  'x86-64': { compiler: 'gcc' },
  riscv64: { compiler: 'riscv64-linux-gnu-gcc', emulator: 'qemu-riscv64-static' },
  aarch64: { compiler: 'aarch64-linux-gnu-gcc', emulator: 'qemu-aarch64-static' },
};

/** Freestanding, by clang, as an image has it; beside a driver that the machine's own C library runs. */
export function freestanding(machine: UnitMachine): Build {
  const { compiler, emulator } = hosts[machine];
  return {
    compiler: requireTool('clang'),
    flags: [...hostedFlags(machine), ...unitFlags],
    host: { compiler: requireTool(compiler), flags: ['-static'] },
    ...(emulator && { emulator: requireTool(emulator) }),
  };
}

export const machines: readonly UnitMachine[] = ['x86-64', 'riscv64', 'aarch64'];

/** One under each sanitizer, and one for each machine. */
export const allBuilds = (): readonly (readonly [string, Build])[] => [
  ['gcc, sanitized', sanitized('gcc', '-O0')],
  ['clang, sanitized', sanitized('clang', '-O1')],
  ...machines.map((machine) => [`${machine}, freestanding`, freestanding(machine)] as const),
];
