/** `casemate kernel` as a user runs it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { project } from '../pipeline/support.ts';
import { kernelFiles } from '../support/sel4-kernel.ts';

const casemate = fileURLToPath(new URL('../../dist/casemate.js', import.meta.url));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [casemate, 'kernel', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const { elf, genConfig, invocations } = kernelFiles('x86-64', { IOMMU: false });
const files = { 'kernel.elf': elf, 'gen_config.json': genConfig.text, 'invocations_all.json': invocations.text };

it('says what a kernel is, that no proof applies, and what it cannot enforce', () => {
  const { status, stdout } = run(join(project(files), 'kernel.elf'));
  expect(status).toBe(0);
  expect(stdout).toContain('It is for x86-64; root CNode of 2^12 slots; floating point: yes, debugging: yes');
  expect(stdout).toMatch(/^No proof applies: of the nearest verified configuration, X64_verified, \d+ keys differ/m);
  expect(stdout).toContain('No-execute does not exist in this kernel');
});

it('says the same as JSON', () => {
  const { status, stdout } = run(join(project(files), 'kernel.elf'), '--json');
  expect(status).toBe(0);
  const said = JSON.parse(stdout);
  expect(said).toMatchObject({ machine: 'x86-64', isMcs: false, proved: [], labels: { UntypedRetype: 1 } });
  expect(said).not.toHaveProperty('configuration');
  expect(said.comparison.differences).toContainEqual({ key: 'DEBUG_BUILD', verified: 'off', found: '1' });
});

it('refuses files of two builds with status 2, in one line', () => {
  const other = kernelFiles('x86-64', { IOMMU: true }).invocations.text;
  const { status, stdout, stderr } = run(join(project({ ...files, 'invocations_all.json': other }), 'kernel.elf'));
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^casemate: error: [^\n]*IOMMU is false, but [^\n]*X86IOPageTableMap[^\n]*two builds\n$/);
});
