/** --emit-relocs describes the bytes that stand in the output, not those that were read. */
import { expect, test } from 'vitest';
import { SHF } from '../support/elf-builder.ts';
import { CODE, relocated } from '../support/hostile/case.ts';
import { exitProgram, type Image, project } from '../support/small-links.ts';
import { x86 } from '../support/toolchain.ts';

/** Places (offsets into .text) and types of the relocations that were kept for .text. */
function kept(image: Image): { at: number; type: number }[] {
  const section = image.findSection('.rela.text');
  if (!section) return [];
  const bytes = Buffer.from(section.data);
  const start = Number(image.section('.text').address);
  return Array.from({ length: bytes.length / 24 }, (_, i) => ({
    at: Number(bytes.readBigUInt64LE(24 * i)) - start,
    type: bytes.readUInt32LE(24 * i + 8),
  }));
}

test('a rewritten thread-local sequence does not keep the relocation of its call', async () => {
  const source = `.section .tdata,"awT",@progbits
    own: .long 7
    .text
    ${exitProgram(
      x86,
      `.byte 0x66
       leaq own@tlsgd(%rip), %rdi
       .value 0x6666
       rex64
       call __tls_get_addr@PLT
       leaq own@tlsld(%rip), %rdi
       call __tls_get_addr@PLT
       call after`,
    )}
    .globl after
    after: ret`;
  const p = await project(x86, { 'a.s': source });
  const image = await p.link('a.o', '--emit-relocs');
  // R_X86_64_PLT32 is left for the call of `after` alone: 5 bytes of call before mov (5) and syscall (2).
  const calls = kept(image).filter(({ type }) => type === 4);
  const end = image.address('after') - Number(image.section('.text').address);
  expect(calls).toEqual([{ at: end - 2 - 5 - 4, type: 4 }]);
});

test.each([
  ['names a symbol out of range', { offset: 12, type: 4, symbol: 0xfffffff }, /R_X86_64_PLT32: symbol 268435455 of 2/],
  ['is somewhere else', { offset: 24, type: 4, symbol: 1 }, /R_X86_64_TLSGD: .* must follow/],
  ['is no call', { offset: 12, type: 1, symbol: 1 }, /R_X86_64_TLSGD: .* must follow/],
] as const)('a thread-local sequence whose call %s is refused', async (_what, call, says) => {
  const sequence = Buffer.from('66488d3d00000000666648e800000000', 'hex');
  const bytes = relocated(
    [
      { offset: 4, type: 19, symbol: 1, addend: -4 },
      { ...call, addend: -4 },
      { offset: 20, type: 2, symbol: 1, addend: -4 },
    ],
    {
      first: { flags: CODE, bytes: Buffer.concat([sequence, Buffer.alloc(48, 0x90)]) },
      sections: [{ name: '.tdata', flags: SHF.ALLOC | SHF.WRITE | SHF.TLS, bytes: Buffer.alloc(8), align: 8 }],
    },
  );
  const p = await project(x86, {});
  p.write('victim.o', bytes);
  for (const flags of [[], ['--emit-relocs']]) {
    const message = await p.refusal('-e0', 'victim.o', ...flags);
    expect(message).toMatch(/victim\.o:\(\.text\+0x/);
    expect(message).toMatch(says);
  }
});
