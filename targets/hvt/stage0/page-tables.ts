/**
 * The stub's page tables: identity mapped, 2 MiB pages wherever no boundary runs through, absent everywhere else.
 *
 * hvt passes guest-physical addresses to the host, so an address must mean the same in the tables as in memory. The
 * block of tables is PML4, PDPT, four page directories (hvt guests have at most 4 GiB), then page tables of the lowest
 * level, taken one after another by the first small page in each 2 MiB.
 *
 * Registers: r12 the block, zeroed; r13 the next page table to take.
 * Source: Intel SDM volume 3, section 4.5 (4-level paging).
 */
import { type Item, label } from '../../../machine/assemble/listing.ts';
import * as x86 from '../../../machine/assemble/x86-64.ts';
import { PAGE } from './config.ts';

const largePage = 0x200000;
const largePageBit = 0x80;
/** Present, writable, user, accessed: the entry of the lowest level decides. */
const upperBits = 0x27;

export const UPPER_TABLES = 6;
const directories = 2 * PAGE;

/** Fills the top two levels and points r13 behind the directories. Changes rax, rcx. */
export function startTables(): Item[] {
  return [
    x86.lea('rax', x86.memory('r12', PAGE + upperBits)),
    x86.store(x86.memory('r12'), 'rax'),
    x86.movImmediate('rcx', 0),
    label('directory'),
    x86.aluImmediate('add', 'rax', PAGE),
    x86.store({ base: 'r12', index: 'rcx', scale: 8, displacement: PAGE }, 'rax'),
    x86.aluImmediate('add', 'rcx', 1, 32),
    x86.aluImmediate('cmp', 'rcx', 4, 32),
    x86.jcc('b', 'directory'),
    x86.lea('r13', x86.memory('r12', UPPER_TABLES * PAGE)),
  ];
}

/** The function "map": maps [rdi, rsi) with the bits in rax. Changes rcx, rdx, rdi. */
export function mapFunction(): Item[] {
  const entry: x86.Memory = { base: 'r12', index: 'rcx', scale: 8, displacement: directories };
  return [
    label('map'),
    x86.alu('cmp', 'rdi', 'rsi'),
    x86.jcc('ae', 'mapped'),
    x86.mov('rcx', 'rdi'),
    x86.shift('shr', 'rcx', 21),
    x86.testImmediate('rdi', largePage - 1, 32),
    x86.jcc('ne', 'small page'),
    x86.lea('rdx', x86.memory('rdi', largePage)),
    x86.alu('cmp', 'rdx', 'rsi'),
    x86.jcc('a', 'small page'),
    // Address and bits have none in common: adding joins them.
    x86.lea('rdx', { base: 'rdi', index: 'rax', displacement: largePageBit }),
    x86.store(entry, 'rdx'),
    x86.aluImmediate('add', 'rdi', largePage),
    x86.jmp('map'),
    label('small page'),
    x86.load('rdx', entry),
    x86.test('rdx', 'rdx'),
    x86.jcc('ne', 'has table'),
    x86.lea('rdx', x86.memory('r13', upperBits)),
    x86.store(entry, 'rdx'),
    x86.aluImmediate('add', 'r13', PAGE),
    label('has table'),
    x86.aluImmediate('and', 'rdx', -PAGE),
    x86.mov('rcx', 'rdi', 32),
    x86.shift('shr', 'rcx', 12, 32),
    x86.aluImmediate('and', 'rcx', 511, 32),
    x86.lea('rdx', { base: 'rdx', index: 'rcx', scale: 8 }),
    x86.lea('rcx', { base: 'rdi', index: 'rax' }),
    x86.store(x86.memory('rdx'), 'rcx'),
    x86.aluImmediate('add', 'rdi', PAGE),
    x86.jmp('map'),
    label('mapped'),
    x86.ret(),
  ];
}
