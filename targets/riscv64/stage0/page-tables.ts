/**
 * Paging: which mode the machine has, and tables that map what was placed, and nothing else.
 *
 * A mode is tried by writing it to satp and reading that back; a machine that lacks it leaves satp alone. While it is
 * tried, one entry of an otherwise empty table maps the stub onto itself; entry and table are gone afterwards, and no
 * table that the program runs on has such an entry. A mode in which this image does not lie in the lowest eighth of the
 * address space is passed over: nothing is mapped there, and so the switch, which runs at its physical address, ends in
 * the fault that it is to end in. Pages are of 4 KiB, and of 2 MiB where virtual and physical address
 * allow it and no boundary runs through. Tables are taken downwards from s8; there is no memory left when they reach
 * s9.
 *
 * Source: The RISC-V Instruction Set Manual, volume II, sections 4.1.11 and 4.3 to 4.5.
 */
import { type Item, label } from '../../../machine/assemble/listing.ts';
import * as rv from '../../../machine/assemble/riscv64.ts';
import { PAGE } from '../../regions.ts';
import { RANGE_SIZE } from './boot-block.ts';
import { FIELD, MODES } from './config.ts';
import { loadField } from './scratch.ts';

export const LARGE_PAGE = 0x200000;
const large = 21;
/** Valid, readable, writable, executable, accessed, dirty. */
const everything = 0xcf;

/** to = 9 * mode + offset: modes number levels. */
function shiftOf(to: rv.Register, offset: number): Item[] {
  return [rv.shift('slli', to, 's4', 3), rv.alu('add', to, to, 's4'), rv.aluImmediate('addi', to, to, offset)];
}

/** to = the bits of an address below the top table's index: 30, 39 or 48. */
export function topShift(to: rv.Register): Item[] {
  return shiftOf(to, -42);
}

/** to = an eighth of the address space: the shift is 36, 45 or 54. */
export function unitShift(to: rv.Register): Item[] {
  return shiftOf(to, -36);
}

/** to = satp for mode s4 and the table in `root`; changes t6. */
export function satpFor(to: rv.Register, root: rv.Register): Item[] {
  return [rv.shift('slli', to, 's4', 60), rv.shift('srli', 't6', root, 12), rv.alu('or', to, to, 't6')];
}

/** s4 = the mode to use: the one asked for, or the best. s7: an empty page, which is left empty. */
export function chooseMode(): Item[] {
  return [
    ...rv.li('s4', MODES.sv57),
    loadField('t5', FIELD.mode, 'lwu'),
    rv.branch('beq', 't5', 'zero', 'try mode'),
    rv.mv('s4', 't5'),
    label('try mode'),
    ...topShift('t0'),
    rv.la('t1', 'try mode'),
    rv.alu('srl', 't1', 't1', 't0'),
    // The lowest eighth is where no table maps anything: from there the switch is sure to fault into the veneer.
    rv.shift('srli', 't2', 't1', 6),
    rv.branch('bne', 't2', 'zero', 'next mode'),
    rv.alu('sll', 't2', 't1', 't0'),
    rv.shift('srli', 't2', 't2', 2),
    rv.aluImmediate('ori', 't2', 't2', everything),
    rv.shift('slli', 't1', 't1', 3),
    rv.alu('add', 't1', 't1', 's7'),
    rv.store('sd', 't2', 't1'),
    ...satpFor('t3', 's7'),
    rv.plain('sfence.vma'),
    rv.csrw('satp', 't3'),
    rv.csrr('t4', 'satp'),
    rv.csrw('satp', 'zero'),
    rv.plain('sfence.vma'),
    rv.store('sd', 'zero', 't1'),
    rv.branch('beq', 't3', 't4', 'mode is known'),
    label('next mode'),
    rv.branch('bne', 't5', 'zero', 'refuse mode'),
    rv.aluImmediate('addi', 's4', 's4', -1),
    ...rv.li('t0', MODES.sv39),
    rv.branch('bgeu', 's4', 't0', 'try mode'),
    rv.j('refuse mode'),
    label('mode is known'),
  ];
}

/** t4 = a new table, empty. Changes t6. */
function newTable(): Item[] {
  return [
    label('new table'),
    ...rv.li('t6', PAGE),
    rv.alu('sub', 's8', 's8', 't6'),
    rv.branch('bltu', 's8', 's9', 'refuse memory'),
    rv.mv('t4', 's8'),
    rv.alu('add', 't6', 's8', 't6'),
    label('clear table'),
    ...[0, 8, 16, 24].map((offset) => rv.store('sd', 'zero', 't4', offset)),
    rv.aluImmediate('addi', 't4', 't4', 32),
    rv.branch('bne', 't4', 't6', 'clear table'),
    rv.mv('t4', 's8'),
    rv.jalr('zero', 't5'),
  ];
}

/**
 * The functions "map range": writes a range of kind a4 for the boot block at s11, then "map": a2 bytes of the physical
 * address a1 at the virtual one a0, with bits a3; whole pages. Both change a0, a1, a2, t0 to t6.
 */
export function mapFunctions(): Item[] {
  return [
    label('map range'),
    ...(['a0', 'a1', 'a2', 'a4'] as const).map((word, i) => rv.store('sd', word, 's11', 8 * i)),
    rv.aluImmediate('addi', 's11', 's11', RANGE_SIZE),
    label('map'),
    rv.branch('beq', 'a2', 'zero', 'mapped'),
    // t3: the shift of the page's size.
    ...rv.li('t3', 12),
    rv.alu('or', 't0', 'a0', 'a1'),
    rv.shift('slli', 't0', 't0', 64 - large),
    rv.branch('bne', 't0', 'zero', 'small page'),
    rv.shift('srli', 't0', 'a2', large),
    rv.branch('beq', 't0', 'zero', 'small page'),
    ...rv.li('t3', large),
    label('small page'),
    rv.mv('t0', 's7'),
    ...topShift('t1'),
    label('level'),
    rv.alu('srl', 't2', 'a0', 't1'),
    rv.aluImmediate('andi', 't2', 't2', 511),
    rv.shift('slli', 't2', 't2', 3),
    rv.alu('add', 't0', 't0', 't2'),
    rv.branch('beq', 't1', 't3', 'leaf'),
    rv.load('ld', 't4', 't0'),
    rv.branch('bne', 't4', 'zero', 'has table'),
    rv.jal('t5', 'new table'),
    rv.shift('srli', 't4', 't4', 2),
    rv.aluImmediate('ori', 't4', 't4', 1),
    rv.store('sd', 't4', 't0'),
    label('has table'),
    rv.shift('srli', 't0', 't4', 10),
    rv.shift('slli', 't0', 't0', 12),
    rv.aluImmediate('addi', 't1', 't1', -9),
    rv.j('level'),
    label('leaf'),
    rv.shift('srli', 't4', 'a1', 2),
    rv.alu('or', 't4', 't4', 'a3'),
    rv.store('sd', 't4', 't0'),
    ...rv.li('t2', 1),
    rv.alu('sll', 't2', 't2', 't3'),
    rv.alu('add', 'a0', 'a0', 't2'),
    rv.alu('add', 'a1', 'a1', 't2'),
    rv.alu('sub', 'a2', 'a2', 't2'),
    rv.j('map'),
    label('mapped'),
    rv.ret(),
    ...newTable(),
  ];
}
