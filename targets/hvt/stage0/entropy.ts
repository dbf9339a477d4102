/**
 * The stub's randomness: gathering it, and expanding it into words of which each has one consumer.
 *
 * Four 64-bit words are drawn from RDSEED, or from RDRAND where that is missing or has run dry; a draw counts only when
 * the carry flag says so and the value is neither all zeros nor all ones, which broken processors have answered with
 * the flag set. They are combined with the image's own seed (secret when the image was made for one launch) and form
 * the key of one ChaCha20 block; its counter and nonce are two readings of the time-stamp counter, one before and one
 * after the draws. So the block is unpredictable when any one of the sources is, and no consumer learns anything about
 * another's word.
 *
 * Registers on entry: r9, r11 the feature words of CPUID leaves 7 (EBX) and 1 (ECX); r14 the configuration; rsp at
 * SCRATCH free bytes. On return: r8 is 1 if every draw succeeded, else 0; the block lies at BLOCK in the scratch space.
 * Every other register but r9, r10, r13, r14, r15 may have changed.
 * Sources: RFC 8439, section 2.3; Intel SDM volume 2, RDRAND, RDSEED.
 */
import { type Item, label } from '../../../machine/assemble/listing.ts';
import * as x86 from '../../../machine/assemble/x86-64.ts';
import { FIELD } from './config.ts';

/** Bytes below the stack pointer's value that the block's input and output take, and where the output is. */
export const SCRATCH = 128;
export const BLOCK = 64;

const rdseedBit = 1 << 18; // CPUID.7:EBX
const rdrandBit = 1 << 30; // CPUID.1:ECX
/** As often as the manual's own examples try, and more: RDSEED runs dry under load. */
const tries = { rdseed: 64, rdrand: 16 };

/** Leaves with rax = two readings' worth of the counter in one register. */
function readCounter(offset: number): Item[] {
  return [
    x86.plain('rdtsc'),
    x86.store(x86.memory('rsp', offset), 'rax', 32),
    x86.store(x86.memory('rsp', offset + 4), 'rdx', 32),
  ];
}

/** Tries one instruction; goes to `drawn` with the word in rax, else falls through. */
function draw(name: 'rdseed' | 'rdrand', drawn: string): Item[] {
  const [again, next] = [`${name} again`, `${name} next`];
  return [
    x86.movImmediate('rcx', tries[name]),
    label(again),
    name === 'rdseed' ? x86.rdseed('rax') : x86.rdrand('rax'),
    x86.jcc('ae', next),
    // 0 and -1 are 1 and 0 after this.
    x86.lea('rdx', x86.memory('rax', 1)),
    x86.aluImmediate('cmp', 'rdx', 1),
    x86.jcc('a', drawn),
    label(next),
    x86.plain('pause'),
    x86.aluImmediate('sub', 'rcx', 1, 32),
    x86.jcc('ne', again),
  ];
}

function gather(): Item[] {
  const key = 16;
  return [
    x86.load('rax', x86.memory('r14', FIELD.sigma)),
    x86.store(x86.memory('rsp'), 'rax'),
    x86.load('rax', x86.memory('r14', FIELD.sigma + 8)),
    x86.store(x86.memory('rsp', 8), 'rax'),
    ...readCounter(48),
    x86.movImmediate('r8', 1),
    x86.movImmediate('rsi', 0),
    label('key word'),
    x86.testImmediate('r9', rdseedBit, 32),
    x86.jcc('e', 'no rdseed'),
    ...draw('rdseed', 'drawn'),
    label('no rdseed'),
    x86.testImmediate('r11', rdrandBit, 32),
    x86.jcc('e', 'no word'),
    ...draw('rdrand', 'drawn'),
    label('no word'),
    x86.movImmediate('rax', 0),
    x86.movImmediate('r8', 0),
    label('drawn'),
    x86.aluLoad('xor', 'rax', { base: 'r14', index: 'rsi', scale: 8, displacement: FIELD.seed }),
    x86.store({ base: 'rsp', index: 'rsi', scale: 8, displacement: key }, 'rax'),
    x86.aluImmediate('add', 'rsi', 1, 32),
    x86.aluImmediate('cmp', 'rsi', 4, 32),
    x86.jcc('b', 'key word'),
    ...readCounter(56),
    // The seed has done its work: what could be read later must not tell of it.
    x86.movImmediate('rax', 0),
    ...[0, 8, 16, 24].map((offset) => x86.store(x86.memory('r14', FIELD.seed + offset), 'rax')),
  ];
}

/** Word `index` (a register) of the working block. */
function word(index: x86.Register): x86.Memory {
  return { base: 'rsp', index, scale: 4, displacement: BLOCK };
}

/** One half of a quarter round's step: a += b; d ^= a; d <<<= count. */
function mix(a: x86.Register, b: x86.Register, d: x86.Register, count: number): Item[] {
  return [x86.alu('add', a, b, 32), x86.alu('xor', d, a, 32), x86.shift('rol', d, count, 32)];
}

function expand(): Item[] {
  const index = ['rdi', 'r11', 'r12', 'rbp'] as const;
  const value = ['rax', 'rbx', 'rdx', 'rsi'] as const;
  const [a, b, c, d] = value;
  return [
    // The working block begins as a copy of the input.
    x86.mov('rsi', 'rsp'),
    x86.lea('rdi', x86.memory('rsp', BLOCK)),
    x86.movImmediate('rcx', 64),
    x86.plain('rep movsb'),
    // Ten double rounds of eight quarter rounds; the pattern repeats, so counting down selects it.
    x86.movImmediate('rcx', 80),
    label('quarter round'),
    x86.mov('rdx', 'rcx', 32),
    x86.one('neg', 'rdx', 32),
    x86.aluImmediate('and', 'rdx', 7, 32),
    x86.lea('rsi', { base: 'r14', index: 'rdx', scale: 4, displacement: FIELD.rounds }),
    ...index.map((register, i) => x86.load(register, x86.memory('rsi', i), 8)),
    ...value.map((register, i) => x86.load(register, word(index[i]!), 32)),
    ...mix(a, b, d, 16),
    ...mix(c, d, b, 12),
    ...mix(a, b, d, 8),
    ...mix(c, d, b, 7),
    ...value.map((register, i) => x86.store(word(index[i]!), register, 32)),
    x86.aluImmediate('sub', 'rcx', 1, 32),
    x86.jcc('ne', 'quarter round'),
    // rcx is 0: add the input, word by word.
    label('add input'),
    x86.load('rax', { base: 'rsp', index: 'rcx', scale: 4 }, 32),
    x86.aluStore('add', word('rcx'), 'rax', 32),
    x86.aluImmediate('add', 'rcx', 1, 32),
    x86.aluImmediate('cmp', 'rcx', 16, 32),
    x86.jcc('b', 'add input'),
  ];
}

/** The whole: see the essay for registers. */
export function randomBlock(): Item[] {
  return [...gather(), ...expand()];
}
