/*
 * Code that wants to be called clean, see riscv64-attacks.test.ts. Each takes a pointer to 32 secret bytes, and one to 16
 * that are public; of a0 the result is four bytes.
 */
.text
.macro begin name
.globl \name
.type \name, @function
\name:
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
