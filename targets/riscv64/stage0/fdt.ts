/**
 * What the stub learns from the flattened device tree: memory, seed, and the registers of a few devices.
 *
 * The tree comes from firmware, and may be anything: every read is within the size that its header names (at most
 * 1 MiB), every token moves forward, so the walk ends within a number of steps that is bounded by that size; what is
 * damaged ends in one line and a power-off. One pass over the structure block collects:
 *
 *   memory      the bank of a node of device_type "memory" that holds this image; of it, what lies between the image
 *               and the first reserved range after it (memory reservations, children of /reserved-memory)
 *   seed        every "rng-seed", folded into ChaCha20's key, and cleared in the tree
 *   windows     "reg" of nodes that are compatible with a device that programs drive, unless they are disabled
 *
 * For each open node there is a frame of four bytes: its children's #address-cells and #size-cells (3: not 1 or 2),
 * whether their addresses are the processor's (each "ranges" on the way is empty), and whether they are reserved.
 *
 * Registers: s1 the tree, s2 its end, s3 the strings, s4 the cursor, s5 the structure's end, s6 bytes of a property's
 * value, s7 the frame of the innermost node, s8 what that node is, s9 and s10 its "reg" and the bytes of that.
 * Source: Devicetree Specification 0.4, sections 2.3, 3.4, 3.5 and 5.
 */
import { type Item, label } from '../../../machine/assemble/listing.ts';
import * as rv from '../../../machine/assemble/riscv64.ts';
import { MOST_WINDOW, MOST_WINDOWS, type NameList, nameOffset } from './config.ts';
import {
  addressOf,
  FRAMES,
  fromMiddle,
  get,
  KEY,
  MIDDLE,
  MOST_DEPTH,
  onTrap,
  pageDown,
  put,
  WINDOWS,
} from './scratch.ts';

const fdtMagic = 0xd00dfeed;
/** Of the header of version 17. */
const header = { totalSize: 4, structure: 8, strings: 12, reservations: 16, version: 20, structureSize: 36, size: 40 };
const version = 17;
export const MOST_TREE = 2 ** 20;
/** Fewer bytes are not taken for entropy. */
export const LEAST_SEED = 16;

const is = { device: 1, memory: 2, disabled: 4 };
/** Offsets in a frame; the parent's is 4 below. */
const frame = { addressCells: 0, sizeCells: 1, mapped: 2, reserved: 3, size: 4 };
const parent = -frame.size;

function find(at: rv.Register, list: NameList): Item[] {
  return [rv.mv('a0', at), addressOf('a1', nameOffset[list]), rv.call('find')];
}

/** a0 = the header's word at `offset`. */
function headerWord(offset: number): Item[] {
  return [rv.aluImmediate('addi', 'a1', 's1', offset), rv.call('be32')];
}

function checkHeader(): Item[] {
  return [
    rv.branch('beq', 's1', 'zero', 'refuse fdt'),
    rv.aluImmediate('andi', 't0', 's1', 7),
    rv.branch('bne', 't0', 'zero', 'refuse fdt'),
    rv.aluImmediate('addi', 's2', 's1', header.size),
    ...headerWord(0),
    ...rv.li('t0', fdtMagic),
    rv.branch('bne', 'a0', 't0', 'refuse fdt'),
    ...headerWord(header.version),
    rv.aluImmediate('addi', 'a0', 'a0', -version),
    rv.branch('blt', 'a0', 'zero', 'refuse fdt'),
    ...headerWord(header.totalSize),
    rv.aluImmediate('addi', 't0', 'a0', -header.size),
    ...rv.li('t1', MOST_TREE - header.size),
    rv.branch('bltu', 't1', 't0', 'refuse fdt'),
    put('fdtSize', 'a0'),
    rv.alu('add', 's2', 's1', 'a0'),
    rv.branch('bltu', 's2', 's1', 'refuse fdt'),
    // A tree that shares memory with this image was loaded over it.
    get('t0', 'imageEnd'),
    rv.aluImmediate('addi', 't1', 's0', -MIDDLE),
    rv.branch('bgeu', 't1', 's2', 'tree is apart'),
    rv.branch('bltu', 's1', 't0', 'refuse fdt'),
    label('tree is apart'),
    ...headerWord(header.structure),
    rv.aluImmediate('andi', 't0', 'a0', 3),
    rv.branch('bne', 't0', 'zero', 'refuse fdt'),
    rv.alu('add', 's4', 's1', 'a0'),
    ...headerWord(header.structureSize),
    rv.alu('add', 's5', 's4', 'a0'),
    rv.branch('bltu', 's2', 's5', 'refuse fdt'),
    ...headerWord(header.strings),
    rv.alu('add', 's3', 's1', 'a0'),
  ];
}

/** a0 = a number of a2 cells (1 or 2) at a1, which moves on. Its link is t5; changes a2, a3, ra. */
function callNumber(): Item {
  return rv.jal('t5', 'number');
}

function reservations(): Item[] {
  return [
    ...headerWord(header.reservations),
    rv.alu('add', 'a1', 's1', 'a0'),
    label('reservation'),
    ...rv.li('a2', 2),
    callNumber(),
    rv.mv('a6', 'a0'),
    ...rv.li('a2', 2),
    callNumber(),
    rv.alu('or', 't0', 'a6', 'a0'),
    rv.branch('beq', 't0', 'zero', 'reservations done'),
    rv.alu('add', 'a7', 'a6', 'a0'),
    rv.branch('bltu', 'a7', 'a6', 'reservation'),
    rv.call('reserve'),
    rv.j('reservation'),
    label('reservations done'),
  ];
}

function beginNode(): Item[] {
  return [
    label('node begins'),
    rv.call('finish'),
    rv.aluImmediate('addi', 's7', 's7', frame.size),
    addressOf('t0', FRAMES + frame.size * MOST_DEPTH),
    rv.branch('bltu', 't0', 's7', 'refuse fdt'),
    // Two cells of address and one of size, unless the node says otherwise.
    ...rv.li('t0', 0x102),
    rv.store('sw', 't0', 's7'),
    addressOf('t0', FRAMES + frame.size),
    rv.branch('bne', 't0', 's7', 'not the root'),
    ...rv.li('t0', 1),
    rv.store('sb', 't0', 's7', frame.mapped),
    label('not the root'),
    addressOf('t0', FRAMES + 2 * frame.size),
    rv.branch('bne', 't0', 's7', 'skip name'),
    ...find('s4', 'reserved'),
    rv.branch('blt', 'a2', 'zero', 'skip name'),
    ...rv.li('t0', 1),
    rv.store('sb', 't0', 's7', frame.reserved),
    label('skip name'),
    rv.branch('bgeu', 's4', 's5', 'refuse fdt'),
    rv.load('lbu', 't0', 's4'),
    rv.aluImmediate('addi', 's4', 's4', 1),
    rv.branch('bne', 't0', 'zero', 'skip name'),
    rv.j('align'),
  ];
}

function endNode(): Item[] {
  return [
    label('node ends'),
    rv.call('finish'),
    addressOf('t0', FRAMES),
    rv.branch('beq', 't0', 's7', 'refuse fdt'),
    rv.aluImmediate('addi', 's7', 's7', -frame.size),
    rv.j('token'),
  ];
}

/** In the order of names.properties. */
const handlers = ['cells', 'cells', 'compatible', 'type', 'ranges', 'reg', 'seed', 'status'];

function property(): Item[] {
  return [
    label('property'),
    rv.mv('a1', 's4'),
    rv.call('be32'),
    rv.mv('s6', 'a0'),
    rv.call('be32'),
    rv.mv('s4', 'a1'),
    rv.alu('add', 't0', 's4', 's6'),
    rv.branch('bltu', 's5', 't0', 'refuse fdt'),
    rv.alu('add', 'a0', 's3', 'a0'),
    addressOf('a1', nameOffset.properties),
    rv.call('find'),
    rv.mv('t0', 'a2'),
    ...handlers.flatMap((name, i) => [
      ...(i === 0 ? [] : [rv.aluImmediate('addi', 't0', 't0', -1)]),
      rv.branch('beq', 't0', 'zero', name),
    ]),
    label('next'),
    rv.alu('add', 's4', 's4', 's6'),
    label('align'),
    rv.aluImmediate('addi', 's4', 's4', 3),
    rv.aluImmediate('andi', 's4', 's4', -4),
    rv.j('token'),
  ];
}

function setFlag(flag: number): Item[] {
  return [rv.aluImmediate('ori', 's8', 's8', flag), rv.j('next')];
}

function cells(): Item[] {
  return [
    label('cells'),
    rv.alu('add', 't6', 's7', 'a2'),
    rv.mv('a1', 's4'),
    rv.call('be32'),
    rv.aluImmediate('sltiu', 't0', 'a0', 3),
    rv.branch('bne', 't0', 'zero', 'cells known'),
    ...rv.li('a0', 3),
    label('cells known'),
    rv.store('sb', 'a0', 't6'),
    rv.j('next'),
  ];
}

function compatible(): Item[] {
  return [
    label('compatible'),
    rv.mv('a6', 's4'),
    rv.alu('add', 'a7', 's4', 's6'),
    label('one compatible'),
    rv.branch('bgeu', 'a6', 'a7', 'next'),
    ...find('a6', 'devices'),
    rv.branch('blt', 'a2', 'zero', 'skip compatible'),
    ...setFlag(is.device),
    label('skip compatible'),
    rv.branch('bgeu', 'a6', 'a7', 'next'),
    rv.load('lbu', 't0', 'a6'),
    rv.aluImmediate('addi', 'a6', 'a6', 1),
    rv.branch('bne', 't0', 'zero', 'skip compatible'),
    rv.j('one compatible'),
  ];
}

/** What a node is, by its own properties. */
function nodeKinds(): Item[] {
  return [
    label('type'),
    addressOf('t0', FRAMES + 2 * frame.size),
    rv.branch('bne', 't0', 's7', 'next'),
    ...find('s4', 'memory'),
    rv.branch('blt', 'a2', 'zero', 'next'),
    ...setFlag(is.memory),
    label('status'),
    ...find('s4', 'okay'),
    rv.branch('bge', 'a2', 'zero', 'next'),
    ...setFlag(is.disabled),
    label('ranges'),
    rv.branch('bne', 's6', 'zero', 'next'),
    rv.load('lbu', 't0', 's7', parent + frame.mapped),
    rv.store('sb', 't0', 's7', frame.mapped),
    rv.j('next'),
    label('reg'),
    rv.mv('s9', 's4'),
    rv.mv('s10', 's6'),
    rv.j('next'),
  ];
}

/** Folds a seed into the key and clears it. One of zeros is one that somebody has used already. */
function seed(): Item[] {
  return [
    label('seed'),
    ...[rv.mv('t0', 's4'), rv.alu('add', 't1', 's4', 's6')],
    ...rv.li('t2', 0),
    ...rv.li('t3', 0),
    label('seed byte'),
    rv.branch('bgeu', 't0', 't1', 'seed done'),
    rv.load('lbu', 't4', 't0'),
    rv.store('sb', 'zero', 't0'),
    rv.alu('or', 't3', 't3', 't4'),
    rv.aluImmediate('andi', 't5', 't2', 31),
    rv.alu('add', 't5', 't5', 's0'),
    rv.load('lbu', 't6', 't5', fromMiddle(KEY)),
    rv.alu('xor', 't6', 't6', 't4'),
    rv.store('sb', 't6', 't5', fromMiddle(KEY)),
    rv.aluImmediate('addi', 't0', 't0', 1),
    rv.aluImmediate('addi', 't2', 't2', 1),
    rv.j('seed byte'),
    label('seed done'),
    rv.branch('beq', 't3', 'zero', 'next'),
    rv.aluImmediate('sltiu', 't0', 's6', LEAST_SEED),
    rv.branch('bne', 't0', 'zero', 'next'),
    ...rv.li('t0', 1),
    put('hasEntropy', 't0'),
    rv.j('next'),
  ];
}

/** Takes what the "reg" of the node that has been read means; forgets the node. */
function finishFunction(): Item[] {
  return [
    label('finish'),
    rv.branch('beq', 's9', 'zero', 'forget'),
    rv.aluImmediate('andi', 't0', 's8', is.disabled),
    rv.branch('bne', 't0', 'zero', 'forget'),
    rv.load('lbu', 't0', 's7', parent + frame.mapped),
    rv.branch('beq', 't0', 'zero', 'forget'),
    rv.aluImmediate('addi', 'sp', 'sp', -16),
    rv.store('sd', 'ra', 'sp'),
    rv.alu('add', 's10', 's9', 's10'),
    label('one range'),
    rv.load('lbu', 'a4', 's7', parent + frame.addressCells),
    rv.load('lbu', 'a5', 's7', parent + frame.sizeCells),
    // Both are 1 or 2, or nothing is known of the range.
    ...['a4' as const, 'a5' as const].flatMap((count) => [
      rv.aluImmediate('addi', 't0', count, -1),
      rv.aluImmediate('sltiu', 't0', 't0', 2),
      rv.branch('beq', 't0', 'zero', 'finished'),
    ]),
    rv.alu('add', 't0', 'a4', 'a5'),
    rv.shift('slli', 't0', 't0', 2),
    rv.alu('add', 't0', 't0', 's9'),
    rv.branch('bltu', 's10', 't0', 'finished'),
    rv.mv('a1', 's9'),
    rv.mv('a2', 'a4'),
    callNumber(),
    rv.mv('a6', 'a0'),
    rv.mv('a2', 'a5'),
    callNumber(),
    rv.mv('s9', 'a1'),
    // What is empty, wraps or lies beyond physical addresses (56 bits) is nothing.
    rv.alu('add', 'a7', 'a6', 'a0'),
    rv.branch('bgeu', 'a6', 'a7', 'one range'),
    rv.shift('srli', 't0', 'a7', 56),
    rv.branch('bne', 't0', 'zero', 'one range'),
    rv.load('lbu', 't0', 's7', parent + frame.reserved),
    rv.branch('beq', 't0', 'zero', 'not reserved'),
    rv.call('reserve'),
    label('not reserved'),
    rv.aluImmediate('andi', 't0', 's8', is.memory),
    rv.branch('bne', 't0', 'zero', 'memory bank'),
    rv.aluImmediate('andi', 't0', 's8', is.device),
    rv.branch('beq', 't0', 'zero', 'one range'),
    ...rv.li('t0', MOST_WINDOW),
    rv.branch('bltu', 't0', 'a0', 'one range'),
    get('t1', 'windowCount'),
    rv.aluImmediate('sltiu', 't0', 't1', MOST_WINDOWS),
    rv.branch('beq', 't0', 'zero', 'one range'),
    ...pageDown('a6'),
    rv.shift('slli', 't0', 't1', 4),
    rv.alu('add', 't0', 't0', 's0'),
    rv.store('sd', 'a6', 't0', fromMiddle(WINDOWS)),
    ...rv.li('a6', 0xfff),
    rv.alu('add', 'a7', 'a7', 'a6'),
    ...pageDown('a7'),
    rv.store('sd', 'a7', 't0', fromMiddle(WINDOWS + 8)),
    rv.aluImmediate('addi', 't1', 't1', 1),
    put('windowCount', 't1'),
    rv.j('one range'),
    label('memory bank'),
    rv.aluImmediate('addi', 't0', 's0', -MIDDLE),
    rv.branch('bltu', 't0', 'a6', 'one range'),
    rv.branch('bgeu', 't0', 'a7', 'one range'),
    put('memoryEnd', 'a7'),
    rv.j('one range'),
    label('finished'),
    rv.load('ld', 'ra', 'sp'),
    rv.aluImmediate('addi', 'sp', 'sp', 16),
    label('forget'),
    ...rv.li('s8', 0),
    ...rv.li('s9', 0),
    rv.ret(),
  ];
}

/** Keeps memory from a6 to a7 out of use, by using none from there on. The tree itself is copied. */
function reserveFunction(): Item[] {
  return [
    label('reserve'),
    rv.branch('beq', 'a6', 's1', 'reserved'),
    get('t0', 'imageEnd'),
    rv.branch('bgeu', 't0', 'a7', 'reserved'),
    rv.branch('bltu', 't0', 'a6', 'reserve above'),
    rv.mv('a6', 't0'),
    label('reserve above'),
    get('t1', 'limit'),
    rv.branch('bgeu', 'a6', 't1', 'reserved'),
    put('limit', 'a6'),
    label('reserved'),
    rv.ret(),
  ];
}

/** a0 = the big-endian word at a1, which moves on. Changes t0 to t3. */
function wordFunction(): Item[] {
  return [
    label('be32'),
    rv.aluImmediate('addi', 't0', 'a1', 4),
    rv.branch('bltu', 's2', 't0', 'refuse fdt'),
    rv.branch('bltu', 'a1', 's1', 'refuse fdt'),
    ...(['a0', 't1', 't2', 't3'] as const).map((to, i) => rv.load('lbu', to, 'a1', i)),
    ...(['a0', 't1', 't2'] as const).map((to, i) => rv.shift('slli', to, to, 24 - 8 * i)),
    rv.alu('or', 'a0', 'a0', 't1'),
    rv.alu('or', 'a0', 'a0', 't2'),
    rv.alu('or', 'a0', 'a0', 't3'),
    rv.mv('a1', 't0'),
    rv.ret(),
    label('number'),
    ...rv.li('a3', 0),
    label('cell'),
    rv.shift('slli', 'a3', 'a3', 32),
    rv.call('be32'),
    rv.alu('or', 'a3', 'a3', 'a0'),
    rv.aluImmediate('addi', 'a2', 'a2', -1),
    rv.branch('bne', 'a2', 'zero', 'cell'),
    rv.mv('a0', 'a3'),
    rv.jalr('zero', 't5'),
  ];
}

/** a2 = the index of the string at a0 in the list at a1, or -1. Changes a1, t0 to t2. */
function findFunction(): Item[] {
  return [
    label('find'),
    ...rv.li('a2', 0),
    label('find next'),
    rv.load('lbu', 't1', 'a1'),
    rv.branch('bne', 't1', 'zero', 'find this'),
    ...rv.li('a2', -1),
    rv.ret(),
    label('find this'),
    rv.mv('t0', 'a0'),
    label('find byte'),
    rv.load('lbu', 't1', 'a1'),
    rv.aluImmediate('addi', 'a1', 'a1', 1),
    rv.branch('bgeu', 't0', 's2', 'refuse fdt'),
    rv.load('lbu', 't2', 't0'),
    rv.aluImmediate('addi', 't0', 't0', 1),
    rv.branch('bne', 't1', 't2', 'find differs'),
    rv.branch('bne', 't1', 'zero', 'find byte'),
    rv.ret(),
    label('find differs'),
    rv.branch('beq', 't1', 'zero', 'find after'),
    rv.load('lbu', 't1', 'a1'),
    rv.aluImmediate('addi', 'a1', 'a1', 1),
    rv.j('find differs'),
    label('find after'),
    rv.aluImmediate('addi', 'a2', 'a2', 1),
    rv.j('find next'),
  ];
}

/** Reads the tree at s1; falls through when it is done. */
export function readTree(): Item[] {
  return [
    onTrap('fdt'),
    ...checkHeader(),
    ...reservations(),
    addressOf('s7', FRAMES),
    ...rv.li('s8', 0),
    ...rv.li('s9', 0),
    label('token'),
    rv.branch('bgeu', 's4', 's5', 'refuse fdt'),
    rv.mv('a1', 's4'),
    rv.call('be32'),
    rv.mv('s4', 'a1'),
    ...[
      ['node begins', 1],
      ['node ends', 1],
      ['property', 1],
      ['token', 1],
      ['tree is read', 5],
    ].flatMap(([name, step]) => [
      rv.aluImmediate('addi', 'a0', 'a0', -(step as number)),
      rv.branch('beq', 'a0', 'zero', name as string),
    ]),
    rv.j('refuse fdt'),
    ...beginNode(),
    ...endNode(),
    ...property(),
    ...cells(),
    ...compatible(),
    ...nodeKinds(),
    ...seed(),
    label('tree is read'),
    get('t0', 'memoryEnd'),
    rv.branch('beq', 't0', 'zero', 'refuse bank'),
  ];
}

export function treeFunctions(): Item[] {
  return [...finishFunction(), ...reserveFunction(), ...wordFunction(), ...findFunction()];
}
