/**
 * Real programs on aarch64: C with threads, thread-locals and constructors, C++ with exceptions, Lua and SQLite, linked
 * with static glibc and libstdc++ through the cross compiler, at a fixed address and anywhere, and run under user-mode
 * emulation.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { isLong } from '../support/long.ts';
import { cRuntime, cxx, type LinkMode, linkProgram, lua, runProgram, sqlite } from '../support/programs.ts';
import { aarch64 } from '../support/toolchain.ts';
import { requireTools } from '../support/tools.ts';

requireTools('aarch64-linux-gnu-gcc', 'aarch64-linux-gnu-g++', 'qemu-aarch64-static');

/** Compiling the others takes most of a minute on a cold cache. */
const programs = isLong ? [cRuntime, cxx, lua, sqlite] : [cRuntime, cxx];
const modes: readonly LinkMode[] = ['static', 'static-pie'];

describe.each(programs)('$name on aarch64', (program) => {
  beforeAll(async () => {
    for (const mode of modes) await program.inputs(aarch64, mode);
  });

  const plain = [
    ['static', ['-Wl,--gc-sections']],
    ['static-pie', ['-Wl,-z,pack-relative-relocs']],
  ] as const;
  test.each([...plain, ...(isLong ? modes.map((mode) => [mode, []] as const) : [])])(
    'runs, %s %o',
    async (mode, flags) => {
      const executable = await linkProgram(program, aarch64, mode, flags);
      const { status, stdout, stderr } = await runProgram(program, aarch64, executable);
      expect({ status, stdout, stderr }).toEqual({ ...program.expected, stderr: '' });
    },
  );
});
