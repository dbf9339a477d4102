/** A variable has another name for whoever asks, static or global, and nothing that is none, or several, has one. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Exposure } from '../../linker/expose.ts';
import type { LinkedImage } from '../../linker/image.ts';
import { link } from '../../linker/link.ts';
import { defaultOptions } from '../../linker/request.ts';
import { rejectionOf } from '../pipeline/support.ts';
import { project } from '../support/small-links.ts';
import { riscv, type Target, x86 } from '../support/toolchain.ts';

const variables = `.globl _start, shared, both
_start: .quad 0
.bss
.type hidden, @object
.size hidden, 12
.zero 8
hidden: .zero 12
.type shared, @object
.size shared, 16
shared: .zero 16
both: .zero 4
.section .rodata
.type fixed, @object
.size fixed, 4
fixed: .long 7
.section .tbss, "awT", @nobits
.type of_thread, @object
.size of_thread, 8
of_thread: .zero 8
`;
const others = `.data
both: .quad 1
.type unsized, @object
unsized: .quad 3
`;
const table = `.section .data.rel.ro, "aw"
.globl table
table: .quad first, second
`;

async function linked(target: Target, exposures: readonly Exposure[]): Promise<LinkedImage> {
  const { path } = await project(target, { 'a.s': variables, 'b.s': others, 't.s': table });
  const files = ['a.o', 'b.o', 't.o'].map((name) => ({ name, bytes: readFileSync(path(name)) }));
  const options = { ...defaultOptions, exposures, undefinedPolicy: 'ignore' as const };
  return link({ files, options, readMember: () => undefined }).image;
}

const expose = (variable: string, bytes: number, as = 'first'): Exposure => ({ variable, as, bytes });

describe.each([[x86], [riscv]])('a variable of $name', (target) => {
  it('has the address that its object gives it, by its other name', async () => {
    const image = await linked(target, [expose('hidden', 12), expose('shared', 16, 'second')]);
    const section = (wanted: string) => image.sections.find(({ name }) => name === wanted)!;
    const view = Buffer.from(image.bytes);
    const at = section('.data.rel.ro').fileOffset;
    const bss = section('.bss').address;
    expect(view.readBigUInt64LE(at)).toBe(BigInt(bss + 8));
    expect(view.readBigUInt64LE(at + 8)).toBe(BigInt(bss + 20));
  });

  it.each([
    ['absent', 4, 'undefined-symbol', 'absent: the link has no variable of this name'],
    ['both', 4, 'duplicate-symbol', 'both: names several variables: '],
    ['fixed', 4, 'unsupported-input', 'fixed: is no variable that can be written'],
    ['of_thread', 4, 'unsupported-input', 'of_thread: is no variable that can be written, or one of a thread'],
    ['hidden', 13, 'unsupported-input', 'hidden: has 12 bytes, and 13 are meant'],
    ['unsized', 9, 'unsupported-input', 'unsized: has 8 bytes, and 9 are meant'],
    ['_start', 4, 'unsupported-input', '_start: is no variable that can be written'],
  ])('is refused: %s of %i bytes', async (variable, bytes, code, message) => {
    const error = await rejectionOf(linked(target, [expose(variable, bytes)]));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
  });
});
