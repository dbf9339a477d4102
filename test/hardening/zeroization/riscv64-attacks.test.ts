/**
 * RISC-V code of which it would be wrong to say that the secret is gone: it is left, or nobody can tell, and the analysis
 * says which. What is left is seen by the oracle, too, wherever it looks there.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { analyzeErasure, defaults } from '../../../hardening/zeroization/analyze.ts';
import type { Answer, Argument, Verdict } from '../../../hardening/zeroization/question.ts';
import { type Linked, linkedText } from '../../support/erasure/analysis.ts';
import { observe } from '../../support/erasure/oracle.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { riscv } from '../../support/toolchain.ts';

/** Each takes a pointer to 32 secret bytes, and one to 16 that are public; of a0 the result is four bytes. */
const source = `.text
.macro begin name
.globl \\name
.type \\name, @function
\\name:
.endm

begin restores_secret
addi sp, sp, -16
sd s0, 8(sp)
ld t0, 0(a0)
sd t0, 8(sp)
ld s0, 8(sp)
sd zero, 8(sp)
li t0, 0
li a0, 0
addi sp, sp, 16
ret
begin keeps_and_restores
addi sp, sp, -16
sd s0, 8(sp)
ld s0, 0(a0)
mv a0, zero
ld s0, 8(sp)
addi sp, sp, 16
ret
begin leaves_temporary
ld t0, 0(a0)
li a0, 0
ret
begin leaves_below
ld t0, 0(a0)
sd t0, -512(sp)
li t0, 0
li a0, 0
ret
begin leaves_by_gp
ld t0, 0(a0)
sd t0, -2048(gp)
li t0, 0
li a0, 0
ret
begin leaves_by_tp
ld t0, 0(a0)
sd t0, 16(tp)
li t0, 0
li a0, 0
ret
begin tail_calls
li a1, 0
j leaves_temporary
begin tail_calls_far
.option push
.option norelax
la t2, leaves_temporary
jr t2
.option pop
begin leaves_compressed
c.addi16sp sp, -32
c.ld a0, 0(a0)
c.sdsp a0, 24(sp)
c.mv a5, a0
c.li a0, 0
c.li a5, 0
c.addi16sp sp, 32
c.jr ra
begin leaves_compressed_float
c.addi16sp sp, -32
c.fld fa0, 8(a0)
c.fsdsp fa0, 8(sp)
fmv.d.x fa0, zero
c.li a0, 0
c.addi16sp sp, 32
ret
begin leaves_under_return_address
addi sp, sp, -16
sd ra, 8(sp)
ld ra, 0(a0)
sd ra, 0(sp)
ld ra, 8(sp)
li a0, 0
addi sp, sp, 16
ret
begin returns_through_t0
mv t0, ra
ld ra, 0(a0)
li a0, 0
jr t0
begin spills_link
addi sp, sp, -32
sd ra, 24(sp)
call leaves_below
ld ra, 24(sp)
addi sp, sp, 32
li a0, 0
ret
begin shares_its_prologue
jal t0, shared_prologue
ld s0, 0(a0)
li a0, 0
j shared_epilogue
begin shared_prologue
addi sp, sp, -16
sd s0, 0(sp)
sd ra, 8(sp)
jr t0
begin shared_epilogue
ld s0, 0(sp)
ld ra, 8(sp)
addi sp, sp, 16
ret
begin leaves_float
fcvt.d.l fs0, a1
ld a0, 0(a0)
fmv.d.x fs0, a0
li a0, 0
ret
begin leaves_boxed
flw ft0, 0(a0)
fmv.w.x ft0, zero
flw ft1, 0(a0)
fsgnjn.d ft2, ft1, ft1
fmv.d.x ft1, zero
li a0, 0
ret
begin raises_flags
fld ft0, 0(a0)
fadd.d ft0, ft0, ft0
fmv.d.x ft0, zero
li a0, 0
ret
begin raises_flags_or_not
lbu t0, 0(a0)
li a0, 0
andi t0, t0, 1
beqz t0, 1f
fcvt.d.l ft0, a1
fdiv.d ft0, ft0, ft0
1: li t0, 0
fmv.d.x ft0, zero
ret
begin compares_floats
fld ft0, 0(a0)
flt.d t3, ft0, ft0
fmv.d.x ft0, zero
li a0, 0
ret
begin multiplies_high
ld t0, 0(a0)
mulhu t1, t0, t0
li t0, 0
li a0, 0
ret
begin divides_by_secret
ld t0, 0(a0)
li t1, 100
remu t1, t1, t0
li t0, 0
li a0, 0
ret
begin swaps
lla t1, small
ld t0, 0(a0)
amoswap.d zero, t0, (t1)
li t0, 0
li a0, 0
ret
begin reads_reserved
lr.d t0, (a0)
li a0, 0
ret
begin chooses_least
lbu t0, 0(a0)
li t1, 77
sd t1, -8(sp)
addi t2, sp, -8
amominu.d zero, t0, (t2)
li t0, 0
li a0, 0
ret
begin branches
lbu t0, 0(a0)
li t1, 1
beqz t0, 1f
li t1, 2
1: li t0, 0
li a0, 0
ret
begin sets_if_less
lbu t0, 0(a0)
sltiu t0, t0, 77
li a0, 0
ret
begin marks_by_secret
addi sp, sp, -16
sd zero, 0(sp)
sd zero, 8(sp)
lbu t0, 0(a0)
andi t0, t0, 15
add t0, t0, sp
li t1, 1
sb t1, 0(t0)
li t0, 0
li a0, 0
addi sp, sp, 16
ret
begin wipes_somewhere
ld t0, 0(a0)
sd t0, -8(sp)
sd t0, -16(sp)
lbu t1, 0(a1)
andi t1, t1, 8
addi t2, sp, -16
add t1, t1, t2
sd zero, 0(t1)
li t0, 0
li a0, 0
ret
begin leaves_high_word
ld t0, 0(a0)
sd t0, -8(sp)
sw zero, -8(sp)
li t0, 0
li a0, 0
ret
begin wipes_low_word
ld t0, 0(a0)
srli t0, t0, 32
slli t0, t0, 32
li a0, 0
ret
begin leaves_above_its_frame
ld t0, 0(a0)
sd t0, 24(sp)
li t0, 0
li a0, 0
ret
begin leaves_behind_the_secret
ld t0, 0(a0)
sd t0, 64(a0)
li t0, 0
li a0, 0
ret
begin stores_what_is_kept
addi sp, sp, -32
sd ra, 24(sp)
sd s1, 16(sp)
ld s1, 8(a1)
mv a2, s1
call writes_into_it
ld s1, 16(sp)
ld ra, 24(sp)
addi sp, sp, 32
li a0, 0
ret
begin writes_into_it
addi sp, sp, -16
sd a2, 8(sp)
lbu t0, 0(a1)
andi t0, t0, 7
addi t1, sp, 8
add t1, t1, t0
lbu t2, 0(a0)
sb t2, 0(t1)
li t2, 0
addi sp, sp, 16
ret
begin asks_who_calls
mv t1, ra
lla t0, oracle_call
sub t1, t1, t0
sltiu t1, t1, 1024
li t0, 0
mv a2, a0
li a0, 0
beqz t1, 1f
ld a2, 0(a2)
ret
1: li a2, 0
ret

begin says_less_than_zero
lbu t0, 0(a0)
snez a0, t0
negw a0, a0
li t0, 0
ret
begin says_so_on_two_ways
lbu t0, 0(a0)
li a0, -1
bnez t0, 1f
li a0, 0
1: li t0, 0
ret
begin says_more_than_it_should
lbu t0, 0(a0)
slli a0, t0, 33
li t0, 0
ret
begin says_more_on_one_way
lbu t0, 0(a0)
li a0, -1
bnez t0, 1f
li a0, 1
slli a0, a0, 32
1: li t0, 0
ret

begin returns_to_secret
ld ra, 0(a0)
ret
begin jumps_by_secret
lbu t0, 0(a0)
lla t1, 1f
add t0, t0, t1
1: jr t0
begin loses_return
addi sp, sp, -16
sd ra, 8(sp)
ld t0, 0(a0)
sd t0, 8(sp)
ld ra, 8(sp)
addi sp, sp, 16
ret
begin grows_its_frame
lbu t0, 0(a1)
slli t0, t0, 4
sub sp, sp, t0
add sp, sp, t0
ret
begin switches_stacks
mv t0, sp
mv sp, a1
ld t1, 0(a0)
sd t1, 0(sp)
mv sp, t0
ret
begin stores_conditionally
1: lr.d t0, (a1)
sc.d t1, t0, (a1)
bnez t1, 1b
ret
begin asks_environment
ecall
ret
begin asks_flags
fld ft0, 0(a0)
fadd.d ft0, ft0, ft0
frflags t0
ret
begin asks_time
rdcycle t0
ret
begin rotates_by_extension
.word 0x60b55533
ret
begin changes_gp
ld t0, 0(a1)
mv gp, t0
sd zero, 0(gp)
ret
begin stores_by_pointer
ld t0, 0(a1)
ld t1, 0(a0)
sd t1, 0(t0)
ret
begin writes_its_code
lla t0, 1f
sh zero, 0(t0)
1: ret
begin runs_into_nothing
j . - 0x100000

.section .sdata, "aw"
.balign 8
small: .quad 5
.section .note.GNU-stack, "", @progbits
`;

const asked: Readonly<Record<number, Argument>> = {
  0: { kind: 'secret', size: 32 },
  1: { kind: 'buffer', size: 16 },
};

const hidden = (answer: Answer): Record<string, Verdict<unknown>> => ({
  stack: answer.stack,
  registers: answer.registers,
  ...answer.elsewhere,
});

/** Parts that are not said to be clean, with the register where one is. */
function remains(answer: Answer): string[] {
  return Object.entries(hidden(answer)).flatMap(([part, verdict]) => {
    if (verdict.kind === 'erased') return [];
    if (verdict.kind === 'unknown') return [`unknown ${part}`];
    if (part !== 'registers') return [part];
    return answer.registers.kind === 'residue' ? answer.registers.residue.map(({ register }) => register) : [];
  });
}

/** What is left, and whether the oracle looks there and sees it. */
const left: readonly (readonly [string, readonly string[], 'seen' | 'unseen'])[] = [
  ['restores_secret', ['s0'], 'unseen'],
  ['leaves_temporary', ['t0'], 'seen'],
  ['leaves_below', ['stack'], 'seen'],
  ['leaves_by_gp', ['image'], 'seen'],
  ['leaves_by_tp', ['thread'], 'unseen'],
  ['tail_calls', ['t0'], 'seen'],
  ['tail_calls_far', ['t0'], 'seen'],
  ['leaves_compressed', ['stack'], 'seen'],
  ['leaves_compressed_float', ['stack'], 'seen'],
  ['leaves_under_return_address', ['stack'], 'seen'],
  ['returns_through_t0', ['ra'], 'seen'],
  ['spills_link', ['stack'], 'seen'],
  ['leaves_float', ['fs0'], 'unseen'],
  ['leaves_boxed', ['ft2'], 'seen'],
  ['raises_flags', ['fcsr'], 'unseen'],
  ['raises_flags_or_not', ['fcsr'], 'unseen'],
  ['compares_floats', ['t3', 'fcsr'], 'unseen'],
  ['multiplies_high', ['t1'], 'seen'],
  ['divides_by_secret', ['t1'], 'unseen'],
  ['swaps', ['image'], 'seen'],
  ['reads_reserved', ['t0'], 'seen'],
  ['chooses_least', ['stack'], 'seen'],
  ['branches', ['t1'], 'unseen'],
  ['sets_if_less', ['t0'], 'seen'],
  ['marks_by_secret', ['stack'], 'seen'],
  ['wipes_somewhere', ['stack'], 'seen'],
  ['leaves_high_word', ['stack'], 'seen'],
  ['wipes_low_word', ['t0'], 'seen'],
  ['leaves_above_its_frame', ['stack'], 'unseen'],
  ['leaves_behind_the_secret', ['0'], 'unseen'],
  ['stores_what_is_kept', ['stack'], 'seen'],
];

describe('RISC-V code that wants to be called clean', () => {
  let program: Linked;
  beforeAll(async () => {
    program = await linkedText(riscv, source, riscv.cc, [], temporaryFolder('attacks-riscv64'), 'attacks');
  });
  const ask = (name: string): Answer =>
    analyzeErasure(
      program.followed,
      { function: name, arguments: asked, result: 4, clears: false },
      { ...defaults, mostSteps: 1000 },
    );

  it.each(left)('leaves what is said: %s, in %s', (name, where) => {
    expect(remains(ask(name))).toEqual(where);
  });

  it.runIf(process.env['CASEMATE_LONG'] === '1').each(left.filter(([, , seen]) => seen === 'seen'))(
    'leaves what runs show: %s',
    async (name, where) => {
      const seen = await observe(riscv, program.image, {
        function: name,
        arguments: [
          { kind: 'secret', size: 32 },
          { kind: 'public', bytes: new Uint8Array(16).fill(3) },
        ],
        result: 4,
      });
      const parts = { stack: seen.stack, image: seen.memory, 1: seen.buffers.get(1)! };
      const names = Object.entries(parts).flatMap(([part, ranges]) => (ranges.length > 0 ? [part] : []));
      // By the names of the calling convention.
      const floats: Readonly<Record<string, string>> = { f2: 'ft2' };
      expect([...names, ...seen.registers.map((register) => floats[register] ?? register)]).toEqual(where);
    },
  );

  it('is clean where it is: registers are restored, prologues shared', () => {
    expect(remains(ask('keeps_and_restores'))).toEqual([]);
    expect(remains(ask('shares_its_prologue'))).toEqual([]);
  });

  it('may have the sign of its result in all of the register, and nothing more', () => {
    expect(remains(ask('says_less_than_zero'))).toEqual([]);
    expect(remains(ask('says_so_on_two_ways'))).toEqual([]);
    expect(remains(ask('says_more_than_it_should'))).toEqual(['a0']);
    expect(remains(ask('says_more_on_one_way'))).toEqual(['a0']);
  });

  it('does not decide by who calls', () => {
    expect(remains(ask('asks_who_calls'))).toEqual(['a2']);
  });

  it.each([
    ['returns_to_secret', 'a jump to where nobody knows'],
    ['jumps_by_secret', 'a jump to where nobody knows'],
    ['loses_return', 'a jump to where nobody knows'],
    ['grows_its_frame', 'the stack pointer is computed in a way that is not understood'],
    ['switches_stacks', 'the stack pointer is computed in a way that is not understood'],
    ['stores_conditionally', 'sc.d: it has no meaning here'],
    ['asks_environment', 'ecall: it has no meaning here'],
    ['asks_flags', 'csrrs: it has no meaning here'],
    ['asks_time', 'csrrs: it has no meaning here'],
    ['rotates_by_extension', '0x60b55533, no instruction of RV64GC: it has no meaning here'],
    ['changes_gp', 'a store to nobody knows where'],
    ['stores_by_pointer', 'the secret is stored to nobody knows where'],
    ['writes_its_code', 'which is code: it modifies itself'],
    ['runs_into_nothing', 'no code is there'],
  ])('is unknown where nobody can tell: %s', (name, reason) => {
    const { stack, registers } = ask(name);
    expect(stack.kind === 'unknown' ? stack.reason : stack.kind).toContain(reason);
    expect(registers.kind).toBe('unknown');
    const start = program.followed.symbols.get(name)!;
    if (name !== 'runs_into_nothing')
      expect(stack.kind === 'unknown' && stack.at >= start && stack.at - start < 20).toBe(true);
  });

  it('finds data by gp where the image says what gp is', () => {
    const { image, followed } = program;
    expect(ask('leaves_by_gp').elsewhere['image']).toMatchObject({
      residue: [{ from: image.address('small'), length: 8 }],
    });
    expect(ask('leaves_by_gp').assumptions).toContain('gp holds the address that __global_pointer$ has');
    const { globalPointer, ...unsaid } = followed;
    expect(globalPointer).toBe(image.address('small') + 2048);
    const { stack } = analyzeErasure(unsaid, { function: 'leaves_by_gp', arguments: asked, result: 4, clears: false });
    expect(stack).toMatchObject({ kind: 'unknown', reason: 'the secret is stored to nobody knows where' });
  });

  it('is unknown altogether on a machine whose instructions have no meaning here', () => {
    const { stack } = analyzeErasure(
      { ...program.followed, machine: 183 },
      { function: 'leaves_below', arguments: asked, result: 4, clears: false },
    );
    expect(stack).toMatchObject({ kind: 'unknown', reason: 'aarch64: what its instructions do is not known here' });
  });
});
