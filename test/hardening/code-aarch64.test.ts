/** What is said of AArch64 images, whose code is not read: nothing passes for that reason. Linked by casemate-ld. */
import { describe, expect, it } from 'vitest';
import { exitProgram, project } from '../support/small-links.ts';
import { aarch64 } from '../support/toolchain.ts';
import { outcomes, subjectOf, text } from './support.ts';

async function linked(source: string): Promise<string> {
  const p = await project(aarch64, { 'a.s': source });
  return (await p.link('a.o')).path;
}

const plain = exitProgram(aarch64, 'mov x0, #0');

describe('an image for aarch64', () => {
  it.each([
    ['execute-only', 'loads from text: code of aarch64 is not decoded'],
    ['privilege-gadgets', 'code of aarch64 is not scanned'],
    ['canary', 'code of aarch64 is not decoded'],
  ])('leaves %s unknown', async (rule, reason) => {
    const subject = subjectOf(await linked(plain));
    expect(outcomes(rule, subject)).toContain('unknown');
    expect(text(rule, subject)).toContain(reason);
  });

  it('passes what needs no code: permissions of segments', async () => {
    expect(outcomes('wx', subjectOf(await linked(plain)))).toEqual(['pass', 'pass']);
  });

  it('fails for a pool of literals in text, which the assembler marks', async () => {
    const subject = subjectOf(await linked(`${plain}.globl load\nload: ldr x0, =0x123456789abcdef0\nret\n`));
    expect(outcomes('execute-only', subject)).toContain('fail');
    expect(text('execute-only', subject)).toMatch(/data that \$d marks: 8 bytes at 0x/);
  });

  it('does not take a mark without bytes, or one of data, for data in text', async () => {
    const subject = subjectOf(await linked(`${plain}.data\n.word 1\n.text\n.balign 4\n`));
    expect(outcomes('execute-only', subject)).not.toContain('fail');
  });
});
