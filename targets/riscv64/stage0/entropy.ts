/**
 * The stub's randomness: the device tree's seed, expanded into words of which each has one consumer.
 *
 * RISC-V has no instruction for random numbers that supervisor code may count on, so the entropy is what firmware put
 * into the tree; fdt.ts folded it into the key. Two readings of the time counter, one from before the tree was read, go
 * into the nonce: little, and all there is where the tree has no seed; such a start is known as one without entropy, and
 * the program is told so. Two ChaCha20 blocks make 16 words of 64 bits, so no consumer learns anything about another's.
 *
 * Afterwards the key is gone and the words lie at BLOCK. Changes a0 to a7, t0 to t6.
 * Source: RFC 8439, section 2.3.
 */
import { type Item, label } from '../../../machine/assemble/listing.ts';
import * as rv from '../../../machine/assemble/riscv64.ts';
import { FIELD } from './config.ts';
import { addressOf, BLOCK, fromMiddle, get, loadField, STATE, words } from './scratch.ts';

const counter = STATE + 48;
const blocks = 2;

/** a += b; d ^= a; d <<<= count. */
function mix(a: rv.Register, b: rv.Register, d: rv.Register, count: number): Item[] {
  return [
    rv.alu('addw', a, a, b),
    rv.alu('xor', d, d, a),
    rv.shift('slliw', 't0', d, count),
    rv.shift('srliw', d, d, 32 - count),
    rv.alu('or', d, d, 't0'),
  ];
}

function prepare(): Item[] {
  const at = (offset: number): number => fromMiddle(STATE + offset);
  return [
    ...[0, 8].flatMap((offset) => [loadField('t0', FIELD.sigma + offset), rv.store('sd', 't0', 's0', at(offset))]),
    get('t0', 'early'),
    rv.store('sw', 't0', 's0', at(52)),
    rv.csrr('t0', 'time'),
    rv.store('sd', 't0', 's0', at(56)),
  ];
}

/** One block at a6 from the input at STATE. */
function block(): Item[] {
  const value = ['a0', 'a1', 'a2', 'a3'] as const;
  const place = ['t1', 't2', 't3', 't4'] as const;
  const [a, b, c, d] = value;
  return [
    addressOf('t1', STATE),
    ...[0, 8, 16, 24, 32, 40, 48, 56].flatMap((offset) => [
      rv.load('ld', 't0', 't1', offset),
      rv.store('sd', 't0', 'a6', offset),
    ]),
    // Ten double rounds of eight quarter rounds; the pattern repeats, so counting down selects it.
    ...rv.li('t6', 80),
    label('quarter round'),
    rv.alu('sub', 't5', 'zero', 't6'),
    rv.aluImmediate('andi', 't5', 't5', 7),
    rv.shift('slli', 't5', 't5', 2),
    rv.alu('add', 't5', 't5', 's0'),
    ...place.flatMap((register, i) => [
      rv.load('lbu', register, 't5', fromMiddle(FIELD.rounds + i)),
      rv.shift('slli', register, register, 2),
      rv.alu('add', register, register, 'a6'),
      rv.load('lw', value[i]!, register),
    ]),
    ...mix(a, b, d, 16),
    ...mix(c, d, b, 12),
    ...mix(a, b, d, 8),
    ...mix(c, d, b, 7),
    ...place.map((register, i) => rv.store('sw', value[i]!, register)),
    rv.aluImmediate('addi', 't6', 't6', -1),
    rv.branch('bne', 't6', 'zero', 'quarter round'),
    addressOf('t1', STATE),
    ...rv.li('t6', 16),
    label('add input'),
    rv.load('lw', 't2', 't1'),
    rv.load('lw', 't3', 'a6'),
    rv.alu('addw', 't2', 't2', 't3'),
    rv.store('sw', 't2', 'a6'),
    rv.aluImmediate('addi', 't1', 't1', 4),
    rv.aluImmediate('addi', 'a6', 'a6', 4),
    rv.aluImmediate('addi', 't6', 't6', -1),
    rv.branch('bne', 't6', 'zero', 'add input'),
  ];
}

/** The whole: see the essay for registers. */
export function randomWords(): Item[] {
  const clear = [0, 8, 16, 24].map((offset) => rv.store('sd', 'zero', 's0', fromMiddle(words.seed + offset)));
  return [
    ...prepare(),
    addressOf('a6', BLOCK),
    ...rv.li('a7', blocks),
    label('block'),
    ...block(),
    rv.load('lw', 't0', 's0', fromMiddle(counter)),
    rv.aluImmediate('addi', 't0', 't0', 1),
    rv.store('sw', 't0', 's0', fromMiddle(counter)),
    rv.aluImmediate('addi', 'a7', 'a7', -1),
    rv.branch('bne', 'a7', 'zero', 'block'),
    // What could be read later must not tell of the key; nor is a guess a seed.
    ...[0, 8, 16, 24, 32, 40, 48, 56].map((offset) => rv.store('sd', 'zero', 's0', fromMiddle(STATE + offset))),
    get('t0', 'hasEntropy'),
    rv.branch('bne', 't0', 'zero', 'words are drawn'),
    ...clear,
    label('words are drawn'),
  ];
}
