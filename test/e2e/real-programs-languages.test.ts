/**
 * Language runtimes in static executables: the C runtime's start-up rules, C++ exceptions and threads, and OCaml's
 * garbage collector in a complete object; on x86-64 in both code models, and C and C++ on RISC-V under emulation.
 */
import { expect, test } from 'vitest';
import {
  cRuntime,
  cxx,
  type LinkMode,
  linkProgram,
  ocaml,
  type Program,
  riscv,
  runProgram,
  x86,
} from '../support/programs.ts';
import type { Target } from '../support/toolchain.ts';
import { requireTools } from '../support/tools.ts';

requireTools('gcc', 'g++', 'ocamlopt', 'riscv64-linux-gnu-gcc', 'riscv64-linux-gnu-g++', 'qemu-riscv64-static');

const cases: { program: Program; target: Target; mode: LinkMode }[] = [
  { program: cRuntime, target: x86, mode: 'static' },
  { program: cRuntime, target: x86, mode: 'static-pie' },
  { program: cRuntime, target: riscv, mode: 'static' },
  { program: cxx, target: x86, mode: 'static' },
  { program: cxx, target: x86, mode: 'static-pie' },
  { program: cxx, target: riscv, mode: 'static' },
  { program: ocaml, target: x86, mode: 'static' },
  { program: ocaml, target: x86, mode: 'static-pie' },
];

test.each(cases)('$program.name runs ($target.name, $mode)', async ({ program, target, mode }) => {
  const executable = await linkProgram(program, target, mode);
  const { status, stdout, stderr } = await runProgram(program, target, executable);
  expect({ status, stdout, stderr }).toEqual({ ...program.expected, stderr: '' });
});

test('C++ exceptions still unwind after unreferenced sections were collected', async () => {
  const executable = await linkProgram(cxx, x86, 'static', ['-Wl,--gc-sections']);
  const { status, stdout, stderr } = await runProgram(cxx, x86, executable);
  expect({ status, stdout, stderr }).toEqual({ ...cxx.expected, stderr: '' });
});
