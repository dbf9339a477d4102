/** The unit of a verified program compiles for each machine, freestanding, and its object says where it comes from. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { noteAssembly, VERIFIED_NOTE } from '../../lowering/c/note.ts';
import { prelude } from '../../lowering/c/prelude.ts';
import { hostedFlags, type UnitMachine, unitFlags } from '../../pipeline/unit-flags.ts';
import { lowerText } from '../support/lowered.ts';
import { machines } from '../support/lowered-builds.ts';
import { temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTool } from '../support/tools.ts';

const names: Readonly<Record<UnitMachine, RegExp>> = {
  'x86-64': /Machine: +Advanced Micro Devices X86-64/,
  riscv64: /Machine: +RISC-V/,
  aarch64: /Machine: +AArch64/,
};
const description = '{"version": 1, "functions": [{"function": "half.ts:half"}]}';

describe('an object of lowered TypeScript', async () => {
  const { lowered } = lowerText(
    'half.ts',
    `import type { u8 } from 'casemate';\n/** @verified */ export function half(n: u8): u8 { return n >>> 1; }`,
  );
  const folder = temporaryFolder('unit');
  writeFileSync(join(folder, 'casemate-lowered.h'), prelude());
  writeFileSync(join(folder, 'half.h'), lowered.header);
  writeFileSync(join(folder, 'half.c'), `${lowered.source}\n${noteAssembly(description)}\n`);

  it.each(machines)('for %s has its code, and the note', async (machine) => {
    const object = join(folder, `${machine}.o`);
    const flags = [...hostedFlags(machine), ...unitFlags];
    await runOrThrow(requireTool('clang'), [...flags, '-c', join(folder, 'half.c'), '-o', object]);
    const read = (what: string): Promise<string> => runOrThrow(requireTool('readelf'), [what, '-W', object]);
    expect(await read('-h')).toMatch(names[machine]);
    expect(await read('-s')).toMatch(/FUNC +GLOBAL +DEFAULT +\d+ half$/m);
    expect(await read(`-p${VERIFIED_NOTE.section}`)).toContain(description);
  });
});
