/** Scripts that leave no room for the linker's tables: refused where code needs them, else left out. */
import { describe, expect, test } from 'vitest';
import { exitProgram, isGnu, project } from '../support/small-links.ts';
import { x86 } from '../support/toolchain.ts';

/** Uses an ifunc, a GOT slot and, in a PIE, relative relocations. */
const source = `
  ${exitProgram(x86, 'mov slot@GOTPCREL(%rip), %rax\ncall chosen\nxor %edi, %edi')}
  .type chosen, @gnu_indirect_function
  chosen: ret
  .data
  .globl slot
  slot: .quad slot
  .section .text.frames,"ax"
  .cfi_startproc
  nop
  .cfi_endproc`;

/** A script for all of it, but for what `first` takes. */
const script = (first: string): string => `SECTIONS {
  . = 0x10000;
  .text : { *(.text .text.*) }
  ${first}
  .frames : { *(.eh_frame) }
  . = ALIGN(0x1000);
  .data : { *(.data) *(.got .igot.plt) }
}`;

const linked = await project(x86, { 'a.s': source });

async function refusal(first: string, ...flags: string[]): Promise<string> {
  linked.write('layout.ld', script(first));
  return linked.refusal('a.o', '--no-relax', '-T', 'layout.ld', ...flags);
}

describe.skipIf(isGnu())('a table that code needs', () => {
  test.each([
    ['.got', [], 'holds addresses that code loads'],
    ['.iplt', [], 'holds 1 ifunc'],
    ['.rela.iplt', [], 'holds 1 ifunc'],
    ['.rela.dyn', ['-pie'], 'holds the relocations of a position-independent program'],
    ['.relr.dyn', ['-pie', '-z', 'pack-relative-relocs'], 'holds the relocations of a position-independent program'],
  ])('%s must not be without contents or discarded', async (name, flags, why) => {
    expect(await refusal(`.hole (NOLOAD) : { *(${name}) }`, ...flags)).toContain(
      `layout.ld:4: section .hole: has no room in the file for ${name}, which ${why}; place it`,
    );
    expect(await refusal(`/DISCARD/ : { *(${name}) }`, ...flags)).toContain(
      `layout.ld: discards ${name}, which ${why}; keep it`,
    );
  });

  test('.igot.plt needs addresses alone: start-up code fills it', async () => {
    linked.write('layout.ld', script('.slots (NOLOAD) : { *(.igot.plt) }'));
    expect((await linked.link('a.o', '-T', 'layout.ld')).section('.slots').type).toBe(8);
    expect(await refusal('/DISCARD/ : { *(.igot.plt) }')).toContain('discards .igot.plt');
  });
});

// GNU ld fails without .dynsym and .hash.
describe.skipIf(isGnu())('a table that only a dynamic loader or an unwinder reads', () => {
  test.each([
    ['.dynamic', ['-pie']],
    ['.dynsym', ['-pie']],
    ['.dynstr', ['-pie']],
    ['.hash', ['-pie']],
    ['.eh_frame_hdr', ['--eh-frame-hdr']],
  ])('%s may be discarded', async (name, flags) => {
    linked.write('layout.ld', script(`/DISCARD/ : { *(${name}) }`));
    const image = await linked.link('a.o', '-T', 'layout.ld', ...flags);
    expect(image.findSection(name)).toBeUndefined();
    // What is left must not point at what is gone.
    const tags: Readonly<Record<string, bigint>> = { '.hash': 4n, '.dynstr': 5n, '.dynsym': 6n };
    const dynamic = Buffer.from(image.findSection('.dynamic')?.data ?? []);
    const found = Array.from({ length: dynamic.length / 16 }, (_, i) => dynamic.readBigUInt64LE(16 * i));
    if (name in tags) expect(found).toContain(0x1en);
    expect(found).not.toContain(tags[name]);
  });

  test('they must not be in memory without contents', async () => {
    expect(await refusal('.hole (NOLOAD) : { *(.dynamic) }', '-pie')).toContain('no room in the file for .dynamic;');
  });
});

test('data in a NOLOAD section is not written over what is in the file', async () => {
  const p = await project(x86, { 'b.s': `${exitProgram(x86, 'xor %edi, %edi')}\n.data\n.quad 0x1111111111111111` });
  p.write(
    'layout.ld',
    'SECTIONS { .hole (NOLOAD) : { QUAD(0x2222222222222222) } .text : { *(.text) } .data : { *(.data) } }',
  );
  const image = await p.link('b.o', '-T', 'layout.ld');
  expect(image.bytes.includes(Buffer.alloc(8, 0x22))).toBe(false);
});

describe.skipIf(isGnu())('a layout that cannot be is blamed on a file', () => {
  test('sections out of order, on the input', async () => {
    expect(await linked.refusal('a.o', '-Ttext=0x402000', '-Tdata=0x402001')).toContain(
      'a.o:(.data): section .data: its addresses',
    );
  });

  test('one that does not settle, on the script', async () => {
    linked.write(
      'layout.ld',
      'SECTIONS { . = end & 0x1000 ? 0x10000 : 0x11000; .text : { *(.text .text.*) } end = .; }',
    );
    expect(await linked.refusal('a.o', '-T', 'layout.ld')).toContain('layout.ld: the layout does not settle');
  });
});
