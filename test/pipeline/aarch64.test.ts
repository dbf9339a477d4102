/**
 * Plain executables for aarch64: C and proved TypeScript in one program that runs; and what would have to read its code is
 * refused by name.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { machineOf } from '../../linker/identify.ts';
import { buildProject } from '../../pipeline/build.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { openProverFor } from '../../pipeline/prove.ts';
import { defaultSteps } from '../../proofs/smt/steps.ts';
import { requireTool } from '../support/tools.ts';
import { project, rejectionOf } from './support.ts';

const start = `
int answer(void);
__asm__(".globl _start\\n_start: bl answer\\nmov x8, #93\\nsvc #0\\nudf #0");
`;
const caller = `${start}unsigned char half(unsigned char n);\nint answer(void) { return half(84); }\n`;
const half = `import type { u8 } from 'casemate';
/** @ensures result <= 127 */
export function half(n: u8): u8 { return n >>> 1; }
`;

const cache = { folder: mkdtempSync(join(tmpdir(), 'casemate-proofs-')), secret: randomBytes(32) };
const prover = openProverFor({ budget: defaultSteps, crossCheck: false, cache });
afterAll(() => {
  prover.close();
  rmSync(cache.folder, { recursive: true });
});

function build(manifest: object, files: Record<string, string>) {
  const json = { name: 'prog', target: 'elf', sources: Object.keys(files), link: { machine: 'aarch64' }, ...manifest };
  const folder = project({ 'casemate.json': JSON.stringify(json), ...files });
  const progress = createProgress({ write: () => 0, terminal: false, verbose: false, now: () => 0, patience: 60_000 });
  return buildProject({ folder, lock: 'verify', progress, proofs: { prover } });
}

const runner = () => requireTool('qemu-aarch64-static');

it('C and proved TypeScript become one program', async () => {
  const built = await build({}, { 'main.c': caller, 'half.ts': half });
  expect(built.stack!.bytes).toBeGreaterThan(0);
  expect(built.verified!.functions.map(({ status }) => status)).toEqual(['proved']);
  expect(machineOf(execFileSync('cat', [built.output]), 0)).toBe('aarch64');
  expect(spawnSync(runner(), [built.output]).status).toBe(42);
});

it('a proved program whose stack cannot be bounded is refused, and why is said', async () => {
  const deep = caller.replace('return half(84);', 'return half(84) + answer();');
  const error = await rejectionOf(build({ cflags: ['-O0'] }, { 'main.c': deep, 'half.ts': half }));
  expect([error.code, error.message]).toEqual([
    'unproved',
    expect.stringMatching(/the stack has no bound: answer at 0x[0-9a-f]+: [^;]*called again before it returns/),
  ]);
});

it('functions are not wiped after, since no veneer is written for it', async () => {
  const link = { machine: 'aarch64', wipe: ['answer:64'] };
  const error = await rejectionOf(build({ link }, { 'main.c': `${start}int answer(void) { return 3; }\n` }));
  expect([error.code, error.message]).toEqual([
    'unsupported-input',
    'wiping after functions: the image is for aarch64, whose code is not read; x86-64 and riscv64 are',
  ]);
});
