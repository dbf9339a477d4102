/**
 * Stage 0: what runs between the tender's jump and the program's first instruction, and makes the protections real.
 *
 * hvt's tender maps all of memory writable and executable for the guest; a segment's flags bind only the host. So the
 * stub builds page tables in which every part of the image may do what its segment says and no more, everything else
 * is absent, text can be executed but not read, and the stack has guards on both sides; then it leaves for good. In
 * order:
 *
 *   features    what CPUID offers; halt with a message where something required is missing
 *   entropy     entropy.ts
 *   canary      __stack_chk_guard, where the image has one
 *   gates       gates.ts
 *   placement   tables and stack at random places at the top of memory
 *   tables      page-tables.ts, from the regions in the configuration
 *   switch      EFER.NXE, CR4.SMAP, CR4.PKE and PKRU, CR3; then a veneer jumps to the program
 *
 * At the top of memory, from below: heap | guard | stack | guard and random gap | veneer | boot_info | tables | random
 * gap | scratch page. Everything from the second guard on is absent for the program but the veneer (executable only)
 * and the copy of boot_info (readable only). The instruction that writes CR3 is the last one of a page that is absent
 * in the new tables; execution falls into the veneer on the next page, so no page that the program can execute holds
 * an instruction of ours that could undo this.
 *
 * The copy of boot_info says that memory ends where the heap ends: bindings take what lies between the image and that
 * end as the heap and can reach neither stack nor tables.
 *
 * Registers throughout: r15 boot_info, r14 the configuration page, r13 the end of memory (later page-tables.ts'),
 * r9, r10, r11 the feature words.
 * Sources: Intel SDM volume 3, sections 2.5 (CR4), 2.2.1 (EFER), 4.6.1 (SMAP), 4.6.2 (protection keys); volume 2, CPUID.
 */
import { type Item, label } from '../../../machine/assemble/listing.ts';
import * as x86 from '../../../machine/assemble/x86-64.ts';
import { FIELD, type Message, messageOffset, PAGE, REQUIREMENTS, type Requirement } from './config.ts';
import { randomBlock, SCRATCH } from './entropy.ts';
import { completeGates } from './gates.ts';
import { mapFunction, startTables } from './page-tables.ts';
import { LEAST_FREE, place, words } from './placement.ts';

const smapBit = 1 << 20; // CPUID.7:EBX
const pkuBit = 1 << 3; // CPUID.7:ECX
const nxBit = 1 << 20; // CPUID.80000001:EDX
const writeProtect = 1 << 16; // CR0
const smepControl = 1 << 20; // CR4
const smapControl = 1 << 21;
const pkeControl = 1 << 22;
/** Access and write disable for key 1. */
const pkru = 0xc;
const efer = 0xc0000080;
const nxe = 0x800;

/** boot_info: targets/hvt/platform/hvt.h. */
const bootInfo = { memory: 0, kernelEnd: 8, hostFeatures: 40, netRing: 48, size: 56 };
/** Bytes of the network ring, whole pages; it lies above the memory that the guest is told of. */
const netRingSize = 0xd000;

const hypercall = { puts: 0x502, halt: 0x508 };

function config(field: number): x86.Memory {
  return x86.memory('r14', field);
}

/** Halts with `message`. */
function refuse(message: Message): Item[] {
  return [label(`refuse ${message}`), x86.movImmediate('rsi', messageOffset[message]), x86.jmp('halt')];
}

/** Says the message at offset rsi of the configuration and ends the guest with status 255. */
function haltFunction(): Item[] {
  return [
    label('halt'),
    x86.alu('add', 'rsi', 'r14'),
    x86.load('rcx', x86.memory('rsi'), 8),
    x86.aluImmediate('add', 'rsi', 1),
    x86.push('rcx'),
    x86.push('rsi'),
    x86.mov('rax', 'rsp', 32),
    x86.movImmediate('rdx', hypercall.puts),
    x86.plain('out dx, eax'),
    x86.movImmediate('rcx', 255),
    x86.push('rcx'),
    x86.movImmediate('rcx', 0),
    x86.push('rcx'),
    x86.mov('rax', 'rsp', 32),
    x86.movImmediate('rdx', hypercall.halt),
    x86.plain('out dx, eax'),
    label('halted'),
    x86.plain('hlt'),
    x86.jmp('halted'),
  ];
}

function begin(configuration: number): Item[] {
  return [
    x86.plain('cli'),
    x86.plain('cld'),
    x86.mov('r15', 'rdi'),
    x86.movImmediate('r14', configuration),
    x86.load('r13', x86.memory('r15', bootInfo.memory)),
    x86.aluImmediate('and', 'r13', -PAGE),
    x86.lea('rsp', x86.memory('r13', -8)),
    x86.mov('rax', 'r13'),
    x86.aluLoad('sub', 'rax', config(FIELD.top)),
    x86.jcc('b', 'refuse memory'),
    x86.aluImmediate('cmp', 'rax', LEAST_FREE),
    x86.jcc('b', 'refuse memory'),
  ];
}

function cpuid(leaf: number): Item[] {
  return [x86.movImmediate('rax', leaf), x86.movImmediate('rcx', 0), x86.plain('cpuid')];
}

/** Goes on when `name` is not required; else to its refusal. */
function unlessRequired(name: Requirement, next: string): Item[] {
  return [
    x86.load('rax', config(FIELD.require), 32),
    x86.testImmediate('rax', 1 << REQUIREMENTS.indexOf(name), 32),
    x86.jcc('ne', `refuse ${name}`),
    label(next),
  ];
}

function readFeatures(): Item[] {
  return [
    ...cpuid(0x80000001),
    x86.testImmediate('rdx', nxBit, 32),
    x86.jcc('e', 'refuse nx'),
    ...cpuid(0),
    x86.mov('r8', 'rax', 32),
    ...cpuid(1),
    x86.mov('r11', 'rcx', 32),
    x86.alu('xor', 'r9', 'r9', 32),
    x86.alu('xor', 'r10', 'r10', 32),
    x86.aluImmediate('cmp', 'r8', 7, 32),
    x86.jcc('b', 'features known'),
    ...cpuid(7),
    x86.mov('r9', 'rbx', 32),
    x86.mov('r10', 'rcx', 32),
    label('features known'),
    x86.testImmediate('r10', pkuBit, 32),
    x86.jcc('ne', 'execute-only checked'),
    ...unlessRequired('pku', 'keys not required'),
    x86.testImmediate('r9', smapBit, 32),
    x86.jcc('ne', 'execute-only checked'),
    ...unlessRequired('xom', 'execute-only checked'),
  ];
}

function gatherEntropy(): Item[] {
  return [
    x86.aluImmediate('sub', 'rsp', SCRATCH),
    ...randomBlock(),
    x86.test('r8', 'r8', 32),
    x86.jcc('ne', 'entropy checked'),
    ...unlessRequired('entropy', 'entropy checked'),
  ];
}

/** A zero byte stops strings from running over the canary, and from reading it out. */
function setCanary(): Item[] {
  return [
    x86.load('rax', x86.memory('rsp', words.canary)),
    x86.aluImmediate('and', 'rax', -256),
    x86.load('rdx', config(FIELD.canary)),
    x86.test('rdx', 'rdx'),
    x86.jcc('e', 'no canary'),
    x86.store(x86.memory('rdx'), 'rax'),
    label('no canary'),
  ];
}

/** rax = the bits of a kind of page. */
function kindBits(kind: number): Item {
  return x86.load('rax', config(FIELD.kinds + 8 * kind));
}

const [readable, writable, executable] = [0, 1, 2];

function buildTables(): Item[] {
  return [
    ...startTables(),
    x86.lea('r11', config(FIELD.regions)),
    label('region'),
    x86.load('rdi', x86.memory('r11'), 32),
    x86.load('rsi', x86.memory('r11', 4), 32),
    x86.test('rsi', 'rsi', 32),
    x86.jcc('e', 'regions mapped'),
    x86.mov('rcx', 'rdi', 32),
    x86.aluImmediate('and', 'rcx', 3, 32),
    x86.load('rax', { base: 'r14', index: 'rcx', scale: 8, displacement: FIELD.kinds }),
    x86.aluImmediate('and', 'rdi', -PAGE, 32),
    x86.call('map'),
    x86.aluImmediate('add', 'r11', 8),
    x86.jmp('region'),
    label('regions mapped'),
    kindBits(writable),
    x86.load('rdi', config(FIELD.top)),
    x86.mov('rsi', 'rbx'),
    x86.call('map'),
    x86.mov('rdi', 'rbp'),
    x86.mov('rsi', 'r8'),
    x86.call('map'),
    // A tender that offers a network ring says where.
    x86.load('rdi', x86.memory('r15', bootInfo.netRing)),
    x86.lea('rsi', x86.memory('rdi', netRingSize)),
    x86.testImmediate('rdi', PAGE - 1, 32),
    x86.jcc('ne', 'no ring'),
    x86.test('rdi', 'rdi'),
    x86.jcc('e', 'no ring'),
    x86.call('map'),
    label('no ring'),
    kindBits(executable),
    x86.lea('rdi', x86.memory('r12', -2 * PAGE)),
    x86.lea('rsi', x86.memory('rdi', PAGE)),
    x86.call('map'),
    kindBits(readable),
    x86.mov('rsi', 'r12'),
    x86.call('map'),
  ];
}

/** Copies what the program will see, then the switch and the veneer to where they run. rdi: the page of the copy. */
function copyPages(): Item[] {
  return [
    x86.lea('rdi', x86.memory('r12', -PAGE)),
    x86.mov('rsi', 'r15'),
    x86.movImmediate('rcx', bootInfo.size),
    x86.plain('rep movsb'),
    x86.store(x86.memory('r12', bootInfo.memory - PAGE), 'rbx'),
    x86.load('rax', config(FIELD.top)),
    x86.store(x86.memory('r12', bootInfo.kernelEnd - PAGE), 'rax'),
    x86.leaLabel('rsi', 'switch'),
    x86.lea('rdi', x86.memory('r12', -2 * PAGE - switchSize)),
    x86.movImmediate('rcx', veneerSize),
    x86.plain('rep movsb'),
  ];
}

/** r8 = the stack pointer for the veneer, below it the program's entry; then the scratch space is cleared. */
function prepareStack(): Item[] {
  return [
    x86.load('rcx', x86.memory('rsp', words.stackPointer), 32),
    x86.aluImmediate('and', 'rcx', 0xff0, 32),
    x86.aluImmediate('sub', 'r8', 16),
    x86.alu('sub', 'r8', 'rcx'),
    x86.load('rax', config(FIELD.entry)),
    x86.store(x86.memory('r8'), 'rax'),
    x86.mov('rdi', 'rsp'),
    x86.movImmediate('rcx', SCRATCH / 8),
    x86.movImmediate('rax', 0),
    x86.plain('rep stosq'),
  ];
}

function protect(): Item[] {
  return [
    x86.movImmediate('rcx', efer),
    x86.plain('rdmsr'),
    x86.aluImmediate('or', 'rax', nxe, 32),
    x86.plain('wrmsr'),
    // The tender sets it; without it read-only pages bind nothing in ring 0.
    x86.readControl('rax', 'cr0'),
    x86.aluImmediate('or', 'rax', writeProtect, 32),
    x86.writeControl('cr0', 'rax'),
    x86.readControl('rax', 'cr4'),
    x86.aluImmediate('and', 'rax', ~smepControl, 32),
    x86.testImmediate('r9', smapBit, 32),
    x86.jcc('e', 'no smap'),
    x86.aluImmediate('or', 'rax', smapControl, 32),
    label('no smap'),
    x86.testImmediate('r10', pkuBit, 32),
    x86.jcc('e', 'no pku'),
    x86.aluImmediate('or', 'rax', pkeControl, 32),
    x86.writeControl('cr4', 'rax'),
    x86.movImmediate('rax', pkru),
    x86.movImmediate('rcx', 0),
    x86.movImmediate('rdx', 0),
    x86.plain('wrpkru'),
    x86.jmp('protected'),
    label('no pku'),
    x86.writeControl('cr4', 'rax'),
    label('protected'),
  ];
}

/** Loads the veneer's registers and goes to the switch. */
function leave(): Item[] {
  return [
    x86.load('rdi', config(FIELD.wipeStart), 32),
    x86.load('rcx', config(FIELD.wipeWords), 32),
    x86.lea('rbx', x86.memory('r12', -PAGE)),
    x86.lea('rsi', x86.memory('r12', -2 * PAGE - switchSize)),
    x86.mov('rax', 'r12'),
    x86.jmpRegister('rsi'),
  ];
}

const theSwitch: Item[] = [x86.writeControl('cr3', 'rax')];

/**
 * Clears the stub where it lies in the program's memory (rcx words at rdi), and enters the program as the tender would
 * have: rdi = boot_info, every other register 0, the stack 8 below a multiple of 16.
 */
function veneer(): Item[] {
  const zeroed = ['rax', 'rcx', 'rdx', 'rbx', 'rbp', 'rsi'] as const;
  const high = ['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const;
  return [
    x86.mov('rsp', 'r8'),
    x86.alu('xor', 'rax', 'rax', 32),
    x86.plain('rep stosq'),
    x86.mov('rdi', 'rbx'),
    ...[...zeroed.slice(1), ...high].map((register) => x86.alu('xor', register, register, 32)),
    x86.ret(),
  ];
}

function sizeOf(items: readonly Item[]): number {
  return items.reduce((size, item) => size + (item.kind === 'instruction' ? item.bytes.length : 0), 0);
}

const switchSize = sizeOf(theSwitch);
/** The switch and the veneer after it. */
const veneerSize = switchSize + sizeOf(veneer());

/** The stub's listing; it reads its configuration at the address `configuration`. */
export function stage0Listing(configuration: number): Item[] {
  return [
    ...begin(configuration),
    ...readFeatures(),
    ...gatherEntropy(),
    ...setCanary(),
    ...completeGates(),
    ...place(),
    ...buildTables(),
    ...copyPages(),
    ...prepareStack(),
    ...protect(),
    ...leave(),
    ...mapFunction(),
    ...refuse('memory'),
    ...refuse('nx'),
    ...refuse('xom'),
    ...refuse('pku'),
    ...refuse('entropy'),
    ...haltFunction(),
    label('switch'),
    ...theSwitch,
    ...veneer(),
  ];
}
