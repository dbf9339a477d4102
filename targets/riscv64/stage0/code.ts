/**
 * Stage 0: what runs between firmware's jump and the program's first instruction, and makes the protections real.
 *
 * Firmware and U-Boot start a supervisor with address translation off: all of memory is writable and executable. So the
 * stub builds page tables in which every part of the program may do what its segment says and no more, at addresses that
 * are new at every start; then it leaves for good. It runs wherever it was loaded. In order:
 *
 *   trap vector  whatever traps from here on ends in one line and a power-off
 *   tree         fdt.ts: memory, seed, device windows
 *   entropy      entropy.ts; halt where it is required and there is none
 *   placement    placement.ts, physical; the tree is copied; .bss and stacks are cleared
 *   mode         page-tables.ts: Sv57, else Sv48, else Sv39, or the one that was asked for
 *   placement    placement.ts, virtual
 *   relocation   RELATIVE and RELR entries, for the base that was drawn
 *   tables       page-tables.ts; the boot block (boot-block.ts) says what is where
 *   switch       the trap vector becomes the veneer's virtual address; writing satp makes the next fetch fault, since
 *                no page of the stub is in the tables; so the veneer runs, clears the registers and enters the program
 *
 * Only the veneer stays mapped, execute-only: no page that the program can execute holds an instruction of ours that
 * could undo this. sstatus is left with MXR and SUM clear, and the floating-point unit on, since the program has no
 * instruction to do so.
 *
 * Registers throughout: s0 the middle of the header's page (scratch.ts), tp what to say at a trap, sp a small stack in
 * that page.
 * Sources: The RISC-V Instruction Set Manual, volume II, sections 4.1.1, 4.1.2 and 4.1.11; RISC-V SBI 1.0, chapters 5
 * (legacy console, shutdown) and 10 (SRST), SBI 2.0, chapter 12 (DBCN).
 */
import { data, type Item, label } from '../../../machine/assemble/listing.ts';
import * as rv from '../../../machine/assemble/riscv64.ts';
import { PAGE } from '../../regions.ts';
import { BOOT, BOOT_MAGIC, RANGE_KINDS, type RangeKind } from './boot-block.ts';
import { entryBits, FIELD, REGION_SIZE, REQUIREMENTS, TRAP_STACK } from './config.ts';
import { randomWords } from './entropy.ts';
import { readTree, treeFunctions } from './fdt.ts';
import { chooseMode, mapFunctions, satpFor } from './page-tables.ts';
import { placeHeap, placePhysical, placeVirtual, sizeHeap, TREE_OFFSET } from './placement.ts';
import { addressOf, get, loadField, MIDDLE, onTrap, put, refuse, WINDOWS, words } from './scratch.ts';

const sie = 1 << 1; // sstatus
const fsInitial = 1 << 13;
const sum = 1 << 18;
const mxr = 1 << 19;

/** Extension and function numbers. */
const sbi = {
  putchar: 1,
  shutdown: 8,
  debug: { extension: 0x4442434e, writeByte: 2 },
  reset: { extension: 0x53525354, shutdown: 0, failure: 1 },
};

const relative = 3; // R_RISCV_RELATIVE
const fromPageToProgram = 3 * PAGE - MIDDLE;

/** to = the program's physical address. */
function programAddress(to: rv.Register): Item[] {
  return [...rv.li(to, fromPageToProgram), rv.alu('add', to, to, 's0')];
}

function begin(): Item[] {
  return [
    rv.la('t0', 'halt'),
    rv.csrw('stvec', 't0'),
    rv.csrw('sie', 'zero'),
    rv.csrw('satp', 'zero'),
    rv.la('sp', 'code'),
    ...rv.li('s0', -MIDDLE),
    rv.alu('add', 's0', 's0', 'sp'),
    ...rv.li('t0', sie | sum | mxr),
    rv.csr('csrrc', 'zero', 'sstatus', 't0'),
    ...rv.li('t0', fsInitial),
    rv.csr('csrrs', 'zero', 'sstatus', 't0'),
    rv.aluImmediate('addi', 'sp', 'sp', -16),
    rv.store('sd', 'a0', 'sp'),
    rv.mv('s1', 'a1'),
    rv.csrr('t0', 'time'),
    put('early', 't0'),
    ...rv.li('t0', -1),
    put('limit', 't0'),
    ...programAddress('t0'),
    loadField('t1', FIELD.span),
    rv.alu('add', 't0', 't0', 't1'),
    put('imageEnd', 't0'),
  ];
}

function checkEntropy(): Item[] {
  return [
    loadField('t1', FIELD.require, 'lwu'),
    rv.aluImmediate('andi', 't1', 't1', 1 << REQUIREMENTS.indexOf('entropy')),
    rv.branch('beq', 't1', 'zero', 'entropy checked'),
    get('t0', 'hasEntropy'),
    rv.branch('beq', 't0', 'zero', 'refuse entropy'),
    label('entropy checked'),
  ];
}

/** The tree goes to the pages after the image: it lies at or above them, or below the image. Zero bytes follow it. */
function copyTree(): Item[] {
  return [
    get('t0', 'imageEnd'),
    rv.mv('t2', 's1'),
    label('copy tree'),
    ...rv.li('t3', 0),
    rv.branch('bgeu', 't2', 's2', 'after the tree'),
    rv.load('ld', 't3', 't2'),
    label('after the tree'),
    rv.store('sd', 't3', 't0'),
    rv.aluImmediate('addi', 't2', 't2', 8),
    rv.aluImmediate('addi', 't0', 't0', 8),
    rv.branch('bne', 't0', 's10', 'copy tree'),
  ];
}

/** Clears from t0 to t1, multiples of 64 bytes apart. */
function clear(name: string): Item[] {
  return [
    rv.branch('bgeu', 't0', 't1', `${name} cleared`),
    label(name),
    ...[0, 8, 16, 24, 32, 40, 48, 56].map((offset) => rv.store('sd', 'zero', 't0', offset)),
    rv.aluImmediate('addi', 't0', 't0', 64),
    rv.branch('bltu', 't0', 't1', name),
    label(`${name} cleared`),
  ];
}

function clearMemory(): Item[] {
  return [
    ...programAddress('t0'),
    loadField('t1', FIELD.zeroFrom),
    rv.alu('add', 't0', 't0', 't1'),
    get('t1', 'imageEnd'),
    ...clear('clear bss'),
    rv.mv('t0', 's10'),
    get('t1', 'trapStack'),
    ...rv.li('t2', TRAP_STACK),
    rv.alu('add', 't1', 't1', 't2'),
    ...clear('clear stacks'),
    get('s7', 'stack'),
  ];
}

/** t3 = the program's physical address, s6 its virtual one. */
function relocate(): Item[] {
  return [
    ...programAddress('t3'),
    loadField('t0', FIELD.rela),
    rv.alu('add', 't0', 't0', 't3'),
    loadField('t1', FIELD.relaCount),
    label('rela'),
    rv.branch('beq', 't1', 'zero', 'rela done'),
    rv.load('lw', 't2', 't0', 8),
    rv.aluImmediate('addi', 't2', 't2', -relative),
    rv.branch('bne', 't2', 'zero', 'rela next'),
    rv.load('ld', 't2', 't0'),
    rv.load('ld', 't4', 't0', 16),
    rv.alu('add', 't2', 't2', 't3'),
    rv.alu('add', 't4', 't4', 's6'),
    rv.store('sd', 't4', 't2'),
    label('rela next'),
    rv.aluImmediate('addi', 't0', 't0', 24),
    rv.aluImmediate('addi', 't1', 't1', -1),
    rv.j('rela'),
    label('rela done'),
    // RELR: an even word is an address; an odd one says which of the next 63 words are relocated as well.
    loadField('t0', FIELD.relr),
    rv.alu('add', 't0', 't0', 't3'),
    loadField('t1', FIELD.relrCount),
    label('relr'),
    rv.branch('beq', 't1', 'zero', 'relr done'),
    rv.aluImmediate('addi', 't1', 't1', -1),
    rv.load('ld', 't4', 't0'),
    rv.aluImmediate('addi', 't0', 't0', 8),
    rv.aluImmediate('andi', 't5', 't4', 1),
    rv.branch('bne', 't5', 'zero', 'relr bits'),
    rv.alu('add', 't2', 't4', 't3'),
    ...addBase('t2'),
    rv.aluImmediate('addi', 't2', 't2', 8),
    rv.j('relr'),
    label('relr bits'),
    rv.mv('t6', 't2'),
    label('relr bit'),
    rv.shift('srli', 't4', 't4', 1),
    rv.branch('beq', 't4', 'zero', 'relr bits done'),
    rv.aluImmediate('andi', 't5', 't4', 1),
    rv.branch('beq', 't5', 'zero', 'relr skip'),
    ...addBase('t6'),
    label('relr skip'),
    rv.aluImmediate('addi', 't6', 't6', 8),
    rv.j('relr bit'),
    label('relr bits done'),
    rv.aluImmediate('addi', 't2', 't2', 63 * 8),
    rv.j('relr'),
    label('relr done'),
  ];
}

/** Adds the base to the word at an address. Changes t5. */
function addBase(at: rv.Register): Item[] {
  return [rv.load('ld', 't5', at), rv.alu('add', 't5', 't5', 's6'), rv.store('sd', 't5', at)];
}

function kind(name: RangeKind): Item[] {
  return rv.li('a4', RANGE_KINDS.indexOf(name));
}

/** Maps a1 .. for a2 bytes at a0 and tells the program. */
function mapAs(name: RangeKind): Item[] {
  return [...kind(name), rv.call('map range')];
}

function mapImage(): Item[] {
  return [
    addressOf('s3', FIELD.regions),
    loadField('s5', FIELD.count, 'lwu'),
    ...kind('image'),
    label('region'),
    rv.branch('beq', 's5', 'zero', 'image is mapped'),
    rv.load('lwu', 'a0', 's3'),
    ...programAddress('a1'),
    rv.alu('add', 'a1', 'a1', 'a0'),
    rv.alu('add', 'a0', 'a0', 's6'),
    rv.load('lwu', 'a2', 's3', 4),
    rv.load('lwu', 'a3', 's3', 8),
    rv.call('map range'),
    rv.aluImmediate('addi', 's3', 's3', REGION_SIZE),
    rv.aluImmediate('addi', 's5', 's5', -1),
    rv.j('region'),
    label('image is mapped'),
  ];
}

/** Device windows one after another, with a page or more between them; none over this image or the memory in use. */
function mapDevices(): Item[] {
  return [
    get('a6', 'deviceAddress'),
    addressOf('s3', WINDOWS),
    get('s5', 'windowCount'),
    label('window'),
    rv.branch('beq', 's5', 'zero', 'devices are mapped'),
    rv.aluImmediate('addi', 's5', 's5', -1),
    rv.load('ld', 'a1', 's3'),
    rv.load('ld', 'a2', 's3', 8),
    rv.aluImmediate('addi', 's3', 's3', 16),
    rv.aluImmediate('addi', 't0', 's0', -MIDDLE),
    rv.branch('bgeu', 't0', 'a2', 'window is apart'),
    get('t0', 'limit'),
    rv.branch('bltu', 'a1', 't0', 'window'),
    label('window is apart'),
    rv.alu('sub', 'a2', 'a2', 'a1'),
    // A large one gets large pages: what its address has in common with the physical one.
    rv.shift('srli', 't0', 'a2', 21),
    rv.branch('beq', 't0', 'zero', 'small window'),
    rv.alu('sub', 't0', 'a1', 'a6'),
    rv.shift('slli', 't0', 't0', 64 - 21),
    rv.shift('srli', 't0', 't0', 64 - 21),
    rv.alu('add', 'a6', 'a6', 't0'),
    label('small window'),
    rv.mv('a0', 'a6'),
    rv.alu('add', 'a6', 'a6', 'a2'),
    ...rv.li('t0', PAGE),
    rv.alu('add', 'a6', 'a6', 't0'),
    rv.call('map range'),
    rv.j('window'),
    label('devices are mapped'),
  ];
}

function mapEverything(): Item[] {
  const bits = (of: keyof typeof entryBits): Item[] => rv.li('a3', entryBits[of]);
  return [
    rv.jal('t5', 'new table'),
    rv.mv('s7', 't4'),
    rv.aluImmediate('addi', 's11', 's10', BOOT.ranges),
    ...mapImage(),
    get('a0', 'veneerAddress'),
    rv.la('a1', 'veneer'),
    ...rv.li('a2', PAGE),
    ...bits('execute'),
    rv.call('map'),
    get('a0', 'infoAddress'),
    rv.mv('a1', 's10'),
    ...rv.li('a2', PAGE),
    ...bits('read'),
    rv.call('map'),
    get('a0', 'infoAddress'),
    ...rv.li('t0', TREE_OFFSET),
    rv.alu('add', 'a0', 'a0', 't0'),
    get('a1', 'imageEnd'),
    rv.mv('a2', 'gp'),
    ...mapAs('fdt'),
    get('a0', 'stackAddress'),
    get('a1', 'stack'),
    get('a2', 'stackSize'),
    ...bits('write'),
    ...mapAs('stack'),
    get('a0', 'trapAddress'),
    get('a1', 'trapStack'),
    ...rv.li('a2', TRAP_STACK),
    ...mapAs('trap-stack'),
    ...kind('device'),
    ...mapDevices(),
    ...sizeHeap(),
    ...placeHeap(),
    get('a0', 'heapAddress'),
    get('a1', 'heap'),
    get('a2', 'heapSize'),
    ...mapAs('heap'),
  ];
}

/** The words at s10. */
function fillBootBlock(): Item[] {
  const word = (at: number, from: rv.Register): Item => rv.store('sd', from, 's10', at);
  const copied = (at: number, name: string): Item[] => [get('t0', name), word(at, 't0')];
  const from = (offset: number, at: number): Item[] => [loadField('t0', offset), word(at, 't0')];
  const area = (start: number, address: string, size: Item[]): Item[] => [
    ...copied(start, address),
    ...size,
    rv.alu('add', 't0', 't0', 't1'),
    word(start + 8, 't0'),
  ];
  return [
    ...rv.li('t0', BOOT_MAGIC),
    word(BOOT.magic, 't0'),
    rv.load('ld', 't0', 'sp'),
    word(BOOT.hart, 't0'),
    get('t0', 'infoAddress'),
    ...rv.li('t1', TREE_OFFSET),
    rv.alu('add', 't0', 't0', 't1'),
    word(BOOT.fdt, 't0'),
    ...copied(BOOT.fdtSize, 'fdtSize'),
    ...area(BOOT.stack, 'stackAddress', [get('t1', 'stackSize')]),
    rv.mv('s3', 't0'),
    ...area(BOOT.trapStack, 'trapAddress', rv.li('t1', TRAP_STACK)),
    ...copied(BOOT.heap, 'heapAddress'),
    ...copied(BOOT.heapSize, 'heapSize'),
    ...[0, 8, 16, 24].flatMap((offset) => from(words.seed + offset, BOOT.seed + offset)),
    ...copied(BOOT.hasEntropy, 'hasEntropy'),
    word(BOOT.mode, 's4'),
    loadField('t0', words.canary),
    rv.aluImmediate('andi', 't0', 't0', -256),
    word(BOOT.canary, 't0'),
    rv.alu('sub', 't0', 's11', 's10'),
    rv.aluImmediate('addi', 't0', 't0', -BOOT.ranges),
    rv.shift('srli', 't0', 't0', 5),
    word(BOOT.count, 't0'),
  ];
}

/** Loads the veneer's registers, clears the scratch space, and switches. s3: the stack's end. */
function leave(): Item[] {
  return [
    rv.load('ld', 'a0', 'sp'),
    get('a1', 'imageEnd'),
    get('a2', 'infoAddress'),
    loadField('t2', FIELD.entry),
    rv.alu('add', 't2', 't2', 's6'),
    ...satpFor('t4', 's7'),
    get('t3', 'veneerAddress'),
    rv.mv('sp', 's3'),
    addressOf('t0', FIELD.scratch),
    rv.la('t1', 'code'),
    ...clear('clear scratch'),
    rv.plain('fence.i'),
    rv.plain('sfence.vma'),
    rv.csrw('stvec', 't3'),
    rv.csrw('satp', 't4'),
    // Only a machine that takes back the mode it had taken comes here.
    rv.la('t0', 'halt'),
    rv.csrw('stvec', 't0'),
    rv.j('refuse mode'),
  ];
}

/** Prints the text at tp and turns the machine off. */
function haltFunction(): Item[] {
  return [
    label('halt'),
    rv.load('lbu', 'a0', 'tp'),
    rv.branch('beq', 'a0', 'zero', 'power off'),
    ...rv.li('a6', sbi.debug.writeByte),
    ...rv.li('a7', sbi.debug.extension),
    rv.plain('ecall'),
    rv.branch('beq', 'a0', 'zero', 'printed'),
    rv.load('lbu', 'a0', 'tp'),
    ...rv.li('a7', sbi.putchar),
    rv.plain('ecall'),
    label('printed'),
    rv.aluImmediate('addi', 'tp', 'tp', 1),
    rv.j('halt'),
    label('power off'),
    ...powerOff('off'),
  ];
}

function powerOff(name: string): Item[] {
  return [
    ...rv.li('a0', sbi.reset.shutdown),
    ...rv.li('a1', sbi.reset.failure),
    ...rv.li('a6', 0),
    ...rv.li('a7', sbi.reset.extension),
    rv.plain('ecall'),
    ...rv.li('a7', sbi.shutdown),
    rv.plain('ecall'),
    label(name),
    rv.plain('wfi'),
    rv.j(name),
  ];
}

/** Registers that tell the program nothing. a0 the hart, a1 and a2 the tree and the boot block, sp its stack. */
const cleared = rv.registers.filter((name) => !['zero', 'sp', 'a0', 'a1', 'a2', 't2'].includes(name));

/** Enters the program at t2. What traps before it has a trap vector of its own turns the machine off. */
function veneer(): Item[] {
  return [
    label('veneer'),
    rv.plain('sfence.vma'),
    rv.la('t0', 'early trap'),
    rv.csrw('stvec', 't0'),
    ...(['sscratch', 'sepc', 'stval'] as const).map((name) => rv.csrw(name, 'zero')),
    ...cleared.map((name) => rv.aluImmediate('addi', name, 'zero', 0)),
    rv.jalr('zero', 't2'),
    label('early trap'),
    ...powerOff('early off'),
  ];
}

/** The listing of the stub's two pages; `header` is the page before them. */
export function stage0Listing(): Item[] {
  return [
    label('code'),
    ...begin(),
    ...readTree(),
    onTrap('fault'),
    ...randomWords(),
    ...checkEntropy(),
    ...placePhysical(),
    ...copyTree(),
    ...clearMemory(),
    ...chooseMode(),
    ...placeVirtual(),
    ...relocate(),
    ...mapEverything(),
    ...fillBootBlock(),
    ...leave(),
    ...treeFunctions(),
    ...mapFunctions(),
    ...(['fdt', 'bank', 'memory', 'mode', 'entropy'] as const).flatMap(refuse),
    ...haltFunction(),
    label('code end'),
    data([], PAGE),
    ...veneer(),
  ];
}
