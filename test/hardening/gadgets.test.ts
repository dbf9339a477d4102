/** The scans for privileged instructions, against decoders of others. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findCsrWrites } from '../../hardening/gadgets-riscv64.ts';
import { findGadgets, type GadgetKind } from '../../hardening/gadgets-x86-64.ts';
import { iced, sweep } from '../../machine/decode-x86-64.ts';
import { encodeAbi, encodeNote } from '../../targets/hvt/notes.ts';
import { bare, findings, load, madeSubject, outcomes, program, stripped, subjectOf, text } from './support.ts';

/** What the decoder's mnemonics mean to us. */
function kindOf(mnemonic: string, operands: { controlRegister?: number }): GadgetKind | undefined {
  const simple: Record<string, GadgetKind> = {
    Lmsw: 'lmsw',
    Wrmsr: 'wrmsr',
    Wrmsrns: 'wrmsr',
    Wrmsrlist: 'wrmsr',
    Wrpkru: 'wrpkru',
    Xrstor: 'xrstor',
    Xrstor64: 'xrstor',
    Xrstors: 'xrstor',
    Xrstors64: 'xrstor',
    Lgdt: 'lgdt',
    Lidt: 'lidt',
    Lldt: 'lldt',
    Ltr: 'ltr',
    Lkgs: 'lkgs',
    Swapgs: 'swapgs',
    Wrfsbase: 'wrfsbase',
    Wrgsbase: 'wrgsbase',
    Sysret: 'sysret',
    Sysretq: 'sysret',
    Sysexit: 'sysexit',
    Sysexitq: 'sysexit',
    Erets: 'eret',
    Eretu: 'eret',
    Stac: 'stac',
    Popf: 'popf',
    Popfq: 'popf',
    Iret: 'iret',
    Iretd: 'iret',
    Iretq: 'iret',
  };
  if (mnemonic === 'Mov' && operands.controlRegister !== undefined) {
    return [0, 3, 4].includes(operands.controlRegister) ? 'mov cr' : undefined;
  }
  return simple[mnemonic];
}

/** Kind and end of the instruction at the start of `bytes` as iced sees it. */
function decoded(bytes: Uint8Array): { kind: GadgetKind | undefined; length: number } {
  const { Mnemonic, Register } = iced();
  let result: { kind: GadgetKind | undefined; length: number } | undefined;
  sweep(bytes, 0n, [], (instruction, offset, length) => {
    if (offset !== 0) return;
    const register = instruction.op0Register;
    const operands =
      register >= Register.CR0 && register <= Register.CR15 ? { controlRegister: register - Register.CR0 } : {};
    result = { kind: kindOf(Mnemonic[instruction.mnemonic]!, operands), length };
  });
  return result!;
}

const prefix = fc.constantFrom(0x26, 0x2e, 0x64, 0x66, 0x67, 0xf2, 0xf3, 0x40, 0x41, 0x48, 0x4f);
const opcode = fc.oneof(
  fc.tuple(fc.constant(0x0f), fc.constantFrom(0, 1, 7, 0x20, 0x22, 0x23, 0x30, 0x32, 0x35, 0xae, 0xc7), fc.nat(255)),
  fc.tuple(fc.constantFrom(0x9d, 0xcf, 0x9c, 0xcb, 0x90), fc.nat(255), fc.nat(255)),
  fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)),
);
const code = fc
  .tuple(fc.array(prefix, { maxLength: 3 }), opcode)
  .map(([prefixes, rest]) => Uint8Array.from([...prefixes, ...rest, ...new Array<number>(12).fill(0)]));

describe('the scan of x86-64 code', () => {
  it('finds every privileged instruction that a decoder finds, at any offset, with any prefixes', () => {
    fc.assert(
      fc.property(code, (bytes) => {
        const { kind, length } = decoded(bytes);
        if (kind === undefined) return;
        const sites = findGadgets(bytes).filter(({ offset }) => offset < length);
        expect(sites.map((site) => site.kind)).toContain(kind);
      }),
      { seed: 3, numRuns: 4000 },
    );
  });

  it('finds nothing that no decoder takes for one, from the opcode or from a prefix before it', () => {
    fc.assert(
      fc.property(code, (bytes) => {
        for (const { offset, kind } of findGadgets(bytes)) {
          const starts = Array.from({ length: Math.min(offset, 6) + 1 }, (_, i) => offset - i);
          expect(starts.map((start) => decoded(bytes.subarray(start)).kind)).toContain(kind);
        }
      }),
      { seed: 5, numRuns: 4000 },
    );
  });

  it('finds each kind in what an assembler makes of it, and not what is harmless', async () => {
    const lines = {
      'mov cr': 'mov %rax, %cr3; mov %rax, %cr0; mov %r8, %cr4',
      lmsw: 'lmsw %ax; lmsw (%rax)',
      wrmsr: 'wrmsr',
      wrpkru: 'wrpkru',
      xrstor: 'xrstor (%rax); xrstor64 8(%r9); xrstors (%rdx)',
      lgdt: 'lgdt (%rax)',
      lidt: 'lidt 0x1000(%rip)',
      ltr: 'ltr %ax',
      wrfsbase: 'wrfsbase %rax; wrfsbase %r9d',
      wrgsbase: 'wrgsbase %rax',
      stac: 'stac',
      popf: 'popfq',
      iret: 'iretq',
    };
    const all = `.globl _start\n.type _start,@function\n_start: ${Object.values(lines).join('; ')}\nclac; lfence; pushfq; mov %cr3, %rax; rdmsr; sidt (%rax); xsave (%rax)\n.size _start, .-_start\n.section .note.GNU-stack\n`;
    const subject = subjectOf(await program(all, bare, 'S'));
    const kinds = findGadgets(subject.code[0]!.bytes).map(({ kind }) => kind);
    const expected = Object.entries(lines).flatMap(([kind, text_]) => text_.split(';').map(() => kind));
    expect(kinds.slice(0, expected.length)).toEqual(expected);
    expect(kinds).toHaveLength(expected.length);
    expect(outcomes('privilege-gadgets', subject)).toEqual(['fail', 'unknown']);
  });
});

describe('privilege-gadgets', () => {
  const notes = Buffer.from(encodeNote(0x31494241, encodeAbi(1, 2)));
  const guest = (name: string, body: string): string =>
    `.globl _start, ${name}\n.type ${name},@function\n_start: nop\n${name}: ${body}; ret\n.size ${name}, .-${name}\n` +
    `.section .note.x,"a",@note\n.byte ${[...notes].join()}\n.section .note.GNU-stack\n`;

  it('does not count SYSRET in a Solo5 guest, where it is an invalid opcode', async () => {
    const [solo5, other] = [guest('f', 'sysretq'), guest('f', 'sysretq').replace(/\.section \.note\.x.*\n.*\n/, '')];
    expect(outcomes('privilege-gadgets', subjectOf(await program(solo5, bare, 'S')))[0]).toBe('pass');
    const alone = subjectOf(await program(other, bare, 'S'));
    expect(alone.loader).toBe('unknown');
    expect(outcomes('privilege-gadgets', alone)[0]).toBe('fail');
  });

  it('allows the bindings their own sites, shows them, and nobody else', async () => {
    const own = subjectOf(await program(guest('hvt_traps_init', 'lidt (%rax)'), bare, 'S'));
    expect(own.loader).toBe('solo5');
    expect(findings('privilege-gadgets', own)[0]).toMatchObject({ outcome: 'pass' });
    expect(text('privilege-gadgets', own)).toContain('1 site of the bindings allowed (lidt 1)');
    for (const [name, body] of [
      ['somebody', 'lidt (%rax)'],
      ['hvt_traps_init', 'wrmsr'],
      // The bytes of lidt (%rax) inside a constant.
      ['hvt_traps_init', 'movl $0x0018010f, %eax'],
    ] as const) {
      expect(outcomes('privilege-gadgets', subjectOf(await program(guest(name, body), bare, 'S')))[0]).toBe('fail');
    }
  });

  it('knows no names in a stripped image', async () => {
    const path = await stripped(await program(guest('hvt_traps_init', 'lidt (%rax)'), bare, 'S'));
    expect(findings('privilege-gadgets', subjectOf(path))[0]).toMatchObject({ outcome: 'fail' });
    expect(text('privilege-gadgets', subjectOf(path))).toContain('without symbols');
  });

  it('asks a user program only for what works in ring 3', async () => {
    const source = 'int main(void) { __asm__ volatile("popfq; wrmsr; lgdt (%rax)"); return 0; }';
    expect(outcomes('privilege-gadgets', subjectOf(await program(source, [])))).toEqual(['pass']);
    const keys = 'int main(void) { __asm__ volatile("wrpkru"); return 0; }';
    expect(outcomes('privilege-gadgets', subjectOf(await program(keys, [])))).toEqual(['fail']);
  });

  it('finds writes of control registers on RISC-V, and not reads', () => {
    const words = (...list: number[]): Uint8Array => new Uint8Array(Uint32Array.from(list).buffer);
    // csrrw x0, satp, a0; csrrs x0, sstatus, a0; csrrs a0, sstatus, x0; csrrci x0, sstatus, 1; csrrw x0, time, a0
    const made = words(0x18051073, 0x10052073, 0x10002573, 0x1000f073, 0xc0151073);
    expect(findCsrWrites(made).map(({ register }) => register)).toEqual(['satp', 'sstatus', 'sstatus']);
    const shifted = new Uint8Array(2 + made.length);
    shifted.set(made, 2);
    expect(findCsrWrites(shifted)).toHaveLength(3);
    const subject = madeSubject([{ ...load(5, 0x80000000n, made.length), bytes: made }], 243);
    expect(outcomes('privilege-gadgets', subject)).toEqual(['fail']);
    expect(text('privilege-gadgets', subject)).toContain('write of satp at 0x80000000');
  });
});
