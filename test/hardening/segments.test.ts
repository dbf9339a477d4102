/** Rules that program headers alone decide: W^X, RELRO, guard pages, bounds, notes. */
import { describe, expect, it } from 'vitest';
import { encodeManifest, MFT1 } from '../../targets/hvt/manifest.ts';
import { encodeAbi, encodeNote } from '../../targets/hvt/notes.ts';
import { bare, findings, load, type MadeSegment, madeSubject, outcomes, program, subjectOf, text } from './support.ts';

const abi: MadeSegment = { type: 4, bytes: encodeNote(0x31494241, encodeAbi(1, 2)), align: 4n };
const manifest: MadeSegment = { type: 4, bytes: encodeNote(MFT1, encodeManifest([])), align: 4n };

describe('wx', () => {
  it('finds a segment that is writable and executable', () => {
    expect(outcomes('wx', madeSubject([load(7, 0x1000n)]))).toEqual(['fail', 'pass']);
    expect(text('wx', madeSubject([load(7, 0x1000n)]))).toContain('program header 0: RWX, 0x1000 to 0x1010');
    expect(outcomes('wx', madeSubject([load(5, 0x1000n), load(6, 0x2000n)]))).toEqual(['pass', 'pass']);
  });

  it('finds segments that share a page, and lets neighbours be', () => {
    const shared = madeSubject([load(5, 0x1000n, 0x1001), load(6, 0x2ff0n)]);
    expect(outcomes('wx', shared)).toEqual(['pass', 'fail']);
    expect(text('wx', shared)).toContain('pages 0x2000 to 0x3000: program header 0 (R-X) and 1 (RW-)');
    expect(outcomes('wx', madeSubject([load(5, 0x1000n, 0x1000), load(6, 0x2000n)]))).toEqual(['pass', 'pass']);
    expect(outcomes('wx', madeSubject([load(4, 0x1000n), load(4, 0x1800n)]))).toEqual(['pass', 'pass']);
  });

  it('takes whole pages of RELRO as read-only', () => {
    const loads = [load(4, 0x1000n, 0x1800), load(6, 0x2800n, 0x1800)];
    const relro = (size: bigint): MadeSegment => ({ type: 0x6474e552, address: 0x2800n, memorySize: size });
    expect(outcomes('wx', madeSubject([...loads, relro(0x800n)]))).toEqual(['pass', 'pass']);
    expect(outcomes('wx', madeSubject([...loads, relro(0x7ffn)]))).toEqual(['pass', 'fail']);
  });

  it('finds an executable stack that real tools ask for', async () => {
    const path = await program('void _start(void) { for (;;); }', [...bare, '-Wl,-z,execstack']);
    expect(text('wx', subjectOf(path))).toContain('PT_GNU_STACK asks for an executable stack');
  });

  it('finds what GNU ld -N makes', async () => {
    const path = await program('int x = 1; void _start(void) { x = 2; for (;;); }', [...bare, '-Wl,-N']);
    expect(outcomes('wx', subjectOf(path))[0]).toBe('fail');
  });
});

describe('relro', () => {
  const source = 'extern void _start(void); void (*const table[])(void) = {_start}; void _start(void) { for (;;); }';
  const flags = ['-nostdlib', '-O2', '-fPIE', '-static-pie', '-Wl,--build-id=none'];
  it('asks for the header, and passes with it', async () => {
    const covered = await program(source, [...flags, '-Wl,-z,relro,-z,now']);
    expect(text('relro', subjectOf(covered))).toContain('no relocated table stays writable');
    const open = subjectOf(await program(source, [...flags, '-Wl,-z,norelro']));
    expect(outcomes('relro', open)).toEqual(['fail']);
    expect(text('relro', open)).toContain('.data.rel.ro: 8 of 8 bytes stay writable');
  });

  it('is not fooled by a header that covers nothing', () => {
    const nothing: MadeSegment = { type: 0x6474e552, address: 0x2000n, memorySize: 0xfffn };
    expect(text('relro', madeSubject([load(6, 0x2000n, 0x2000), nothing]))).toContain('covers no whole page');
    const elsewhere: MadeSegment = { type: 0x6474e552, address: 0x8000n, memorySize: 0x1000n };
    expect(text('relro', madeSubject([load(6, 0x2000n, 0x2000), elsewhere]))).toContain('lies in no PT_LOAD');
  });

  it('asks for BIND_NOW where functions are bound lazily', async () => {
    const main = 'int puts(const char*); int main(void) { return puts("x"); }';
    const lazy = subjectOf(await program(main, ['-fplt', '-Wl,-z,relro,-z,lazy']));
    expect(text('relro', lazy)).toContain('bound lazily');
    expect(outcomes('relro', subjectOf(await program(main, ['-fplt', '-Wl,-z,relro,-z,now'])))).toEqual(['pass']);
  });
});

describe('guard-pages', () => {
  it('finds a writable segment that runs into another', () => {
    expect(outcomes('guard-pages', madeSubject([load(6, 0x1000n), load(6, 0x2000n)]))).toEqual(['fail', 'unknown']);
    expect(outcomes('guard-pages', madeSubject([load(6, 0x1000n), load(6, 0x3000n)]))).toEqual(['pass', 'unknown']);
    expect(outcomes('guard-pages', madeSubject([load(5, 0x1000n), load(6, 0x2000n)]))).toEqual(['pass', 'unknown']);
  });
});

describe('bss-bounds', () => {
  const solo5 = [abi, manifest];
  it.each([
    ['overlaps', [load(6, 0x200000n, 0, 0x2000n), load(6, 0x201000n)], /ends at 0x202000, \d begins at 0x201000/],
    ['begins too low', [load(6, 0xff000n, 0, 0x1000n)], /begins at 0xff000; guests' memory begins at 0x100000/],
    ['ends too high', [load(6, 0xfffff000n, 0, 0x1001n)], /ends at 0x100000001; guests have at most 0x100000000/],
    ['wraps', [load(6, 0xfffffffffffff000n, 0, 0x2000n)], /beyond the address space/],
    ['is not writable', [load(4, 0x200000n, 0, 0x1000n)], /R-- without file contents: the tender skips it/],
    ['is smaller than its file part', [load(6, 0x200000n, 32, 16n)], /16 bytes in memory, fewer than its 32 in the/],
  ])('finds memory that %s', (_, loads, message) => {
    expect(text('bss-bounds', madeSubject([...solo5, ...loads]))).toMatch(message);
    expect(outcomes('bss-bounds', madeSubject([...solo5, ...loads]))).toEqual(['fail']);
  });

  it('passes what is in bounds, and says what the tender skips', () => {
    const good = madeSubject([...solo5, load(6, 0x200000n, 8, 0x2000n), load(6, 0x203000n, 0, 0x1000n)]);
    expect(outcomes('bss-bounds', good)).toEqual(['pass']);
    expect(text('bss-bounds', good)).toContain('program header 3 is skipped by the tender');
  });
});

describe('note-shape', () => {
  const both = { ...abi, bytes: Buffer.concat([abi.bytes!, manifest.bytes!]) };
  const cut = { ...manifest, bytes: manifest.bytes!.subarray(0, 60) };
  const twoEntries = manifest.bytes!.slice();
  twoEntries[20 + 8] = 2;
  it.each([
    ['two notes in one segment', [both], 'is not the first of its PT_NOTE'],
    ['no manifest', [abi], '0 MFT1 notes that the tender sees'],
    ['two manifests', [abi, manifest, manifest], '2 MFT1 notes that the tender sees'],
    ['a cut note', [abi, cut], 'ends at 136 in a PT_NOTE of 60 bytes'],
    ['a manifest that lies about its size', [abi, { ...manifest, bytes: twoEntries }], '2 entries take 220'],
    ['an unknown target', [{ ...abi, bytes: encodeNote(0x31494241, encodeAbi(9, 2)) }, manifest], 'target 9'],
  ])('finds %s', (_, notes, message) => {
    expect(outcomes('note-shape', madeSubject(notes))).toEqual(['fail']);
    expect(text('note-shape', madeSubject(notes))).toContain(message);
  });

  it('passes notes as casemate makes them', () => {
    expect(findings('note-shape', madeSubject([abi, manifest]))[0]).toMatchObject({ outcome: 'pass' });
  });
});
