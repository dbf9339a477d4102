/**
 * Putting the stub in front of a program: what comes out, and which programs are refused, by name and reason.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { alignUp } from '../../../base/arithmetic.ts';
import type { CasemateError } from '../../../base/errors.ts';
import { findCsrWrites } from '../../../hardening/gadgets-riscv64.ts';
import { guardPages } from '../../../hardening/rules/guard-pages.ts';
import { readSubject } from '../../../hardening/subject.ts';
import * as elf from '../../../linker/elf.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { writeElfFile } from '../../../linker/write-elf-file.ts';
import { ownProtection } from '../../../targets/enforcement.ts';
import { PAGE } from '../../../targets/regions.ts';
import { entropyBits } from '../../../targets/riscv64/entropy-bits.ts';
import { defaultHardening, type HardenOptions, hardenRiscv, rawImage } from '../../../targets/riscv64/harden.ts';
import { decodeConfig, FIELD, STUB_SIZE } from '../../../targets/riscv64/stage0/config.ts';
import { findStub, LOAD_BASE, stubCode } from '../../../targets/riscv64/stage0/stub.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { requireTool } from '../../support/tools.ts';
import { guestProgram, harden, linkProgram } from './stub-guest.ts';

let program: Uint8Array;
beforeAll(async () => {
  program = await guestProgram();
});

/** Code and message of the error that hardening ends in. */
function refusal(bytes: Uint8Array, options: Partial<HardenOptions> = {}): string {
  try {
    hardenRiscv(bytes, 'guest.elf', { ...defaultHardening, ...options });
  } catch (error) {
    return `${(error as CasemateError).code}: ${(error as Error).message}`;
  }
  return 'none';
}

type Edit = (view: DataView, bytes: Uint8Array) => void;

function edited(bytes: Uint8Array, edit: Edit): Uint8Array {
  const copy = bytes.slice();
  edit(new DataView(copy.buffer), copy);
  return copy;
}

/** File offset of the program header of index `i`; those of the guest: text, rodata, data, dynamic, RELRO. */
const header = (i: number): number => 64 + 56 * i;

describe('the stub', () => {
  it('leaves no instruction in its veneer that could undo a protection', () => {
    const veneer = stubCode().pages.subarray(PAGE);
    expect(findCsrWrites(veneer)).toEqual([]);
    // The scan sees such instructions where they are.
    const code = findCsrWrites(stubCode().pages.subarray(0, PAGE)).map(({ register }) => register);
    expect(code).toEqual(expect.arrayContaining(['sstatus', 'satp']));
  });

  it('has a page each for header, code and veneer, and room left in each', () => {
    const { sizes } = stubCode();
    expect(sizes.code).toBeLessThanOrEqual(PAGE);
    expect(sizes.veneer).toBeLessThanOrEqual(PAGE);
    expect(FIELD.scratch).toBeLessThan(PAGE / 2);
  });
});

describe('a hardened program', () => {
  it('has the same bytes every time', () => {
    expect(harden(program)).toEqual(harden(program));
  });

  it('is what readelf and objdump read without complaint', () => {
    const path = join(temporaryFolder('rvhardened'), 'hardened.elf');
    writeFileSync(path, harden(program));
    const text = execFileSync(requireTool('readelf'), ['-aW', path], { encoding: 'utf8', stdio: 'pipe' });
    expect(text).not.toMatch(/warning|error/i);
    expect(text).toContain('.casemate.stage0');
    const code = execFileSync(requireTool('riscv64-linux-gnu-objdump'), ['-d', '-j', '.casemate.stage0', path], {
      encoding: 'utf8',
    });
    expect(code).toMatch(/csrw\s+stvec,t0[\s\S]*csrw\s+satp,t4/);
  });

  it('has the program’s bytes, unchanged, at the addresses that they had', () => {
    const [before, after] = [readElfFile(program, 'a'), readElfFile(harden(program), 'b')];
    for (const section of before.sections.filter(({ flags }) => (flags & elf.SHF_ALLOC) !== 0)) {
      const same = after.sections.find(({ name }) => name === section.name)!;
      expect(same.address).toBe(section.address);
      expect(same.data).toEqual(section.data);
    }
  });

  it('is entered at its lowest load address, at the header of an Image of version 2', () => {
    const bytes = harden(program);
    const file = readElfFile(bytes, 'guest.elf');
    const loads = file.segments.filter(({ type }) => type === elf.PT_LOAD);
    expect(Math.min(...loads.map(({ loadAddress }) => Number(loadAddress)))).toBe(LOAD_BASE);
    expect(Number(file.header.entry)).toBe(LOAD_BASE);
    const raw = rawImage(bytes, 'guest.elf');
    const view = new DataView(raw.buffer);
    const stub = findStub(file, bytes, 'guest.elf')!;
    expect(view.getBigUint64(8, true)).toBe(0x200000n);
    expect(view.getBigUint64(16, true)).toBe(BigInt(STUB_SIZE + stub.config.span));
    expect(view.getUint32(32, true)).toBe(2);
    expect(Buffer.from(raw.subarray(48, 60)).toString('latin1')).toBe('RISCV\0\0\0RSC\x05');
    expect(raw.length).toBe(STUB_SIZE + stub.config.zeroFrom);
  });

  it('tells casemate check what its tables enforce, and that its stub is gone by then', () => {
    const subject = readSubject(harden(program, { require: ['entropy'] }), 'guest.elf', ownProtection);
    expect(subject.enforcement?.requires).toEqual(['entropy']);
    expect(subject.enforcement?.regions.map(({ kind }) => kind)).toEqual(['execute', 'read', 'write']);
    expect(subject.loads).toHaveLength(3);
  });

  it('tells casemate check how hard its addresses are to guess', () => {
    const said = (options: Partial<HardenOptions>): readonly string[] =>
      guardPages
        .run(readSubject(harden(program, options), 'guest.elf', ownProtection))
        .flatMap(({ details }) => details);
    expect(said({})).toContain(
      'image, stack and heap lie apart, anew at every start: image base of 43 bits (sv57), 34 bits (sv48), 25 bits (sv39); weak: no entropy source, on a machine whose device tree has no rng-seed (--require entropy halts there)',
    );
    expect(said({ mode: 'sv48', require: ['entropy'] })).toContain(
      'image, stack and heap lie apart, anew at every start: image base of 34 bits (sv48); halts where there is no entropy source',
    );
  });

  it('is refused when it is hardened again, and where its stub was changed', () => {
    const once = harden(program);
    expect(refusal(once)).toBe('image: guest.elf: is hardened already; harden the original');
    const file = readElfFile(once, 'guest.elf');
    const page = (i: number): number =>
      file.segments.find(({ address }) => Number(address) === LOAD_BASE + i * PAGE)!.offset;
    const flip = (at: number): string => refusal(edited(once, (_, bytes) => (bytes[at]! ^= 1)));
    expect(flip(page(0) + FIELD.regions + 8)).toMatch(/^image: guest.elf: the stub's configuration gives region 0/);
    expect(flip(page(0) + FIELD.sigma)).toMatch(/^image: guest.elf: the stub's configuration holds/);
    expect(flip(page(1) + 17)).toMatch(/^image: guest.elf: the stub's code at 0x80201011 is not this casemate's/);
    expect(flip(page(2) + 3)).toMatch(/^image: guest.elf: the stub's code at 0x80202003 is not this casemate's/);
  });

  it('has a configuration that reads back', () => {
    const raw = rawImage(harden(program, { require: ['xom', 'entropy'], mode: 'sv48', stack: 1 << 16 }), 'guest.elf');
    const config = decodeConfig(raw.subarray(0, PAGE), stubCode().jump, 'guest.elf');
    expect(config).toMatchObject({ require: ['xom', 'entropy'], mode: 'sv48', stack: 1 << 16, entry: 0 });
  });
});

describe('the report', () => {
  const reported = (options: Partial<HardenOptions>): string =>
    hardenRiscv(program, 'guest.elf', { ...defaultHardening, ...options })
      .protections.map(({ name, enforced, detail }) => `${enforced} ${name}: ${detail}`)
      .join('\n');

  it('states 25, 34 and 43 bits of base entropy, and what happens without a source', () => {
    expect(reported({})).toContain(
      'image base of 43 bits (sv57), 34 bits (sv48), 25 bits (sv39); weak: no entropy source',
    );
    expect(reported({ mode: 'sv39', require: ['entropy'] })).toContain('image base of 25 bits (sv39); halts where');
    expect(entropyBits('sv39')).toEqual({ image: 25, stack: 23.9, trapStack: 23.9 });
  });

  it('says when text stays readable, and refuses that where it is required not to', () => {
    expect(reported({ executeOnly: 'never' })).toContain('false execute-only text: not wanted');
    expect(refusal(program, { executeOnly: 'never', require: ['xom'] })).toMatch(
      /^image: guest.elf: text cannot be execute-only, which is required: not wanted/,
    );
  });
});

describe('a program that cannot be protected is refused', () => {
  it.each<[string, Edit, RegExp]>([
    ['linked for one address', (v) => v.setUint16(16, elf.ET_EXEC, true), /is of type 2, linked for one address/],
    ['for another machine', (v) => v.setUint16(18, 62, true), /is for machine 62; RISC-V \(243\) was expected/],
    ['with an interpreter', (v) => v.setUint32(header(4), elf.PT_INTERP, true), /asks for a program interpreter/],
    ['aligned to more than a page', (v) => v.setBigUint64(header(2) + 48, 0x10000n, true), /is aligned to 65536 bytes/],
    [
      'larger than a GiB',
      (v) => v.setBigUint64(header(2) + 40, 1n << 31n, true),
      /ends at 0x80005000, beyond 0x40000000/,
    ],
    ['entered in its data', (v) => v.setBigUint64(24, 0x4000n, true), /is entered at 0x4000, which is no code/],
    ['entered outside', (v) => v.setBigUint64(24, 0x400000n, true), /is entered at 0x400000, which is no code/],
    ['with writable code', (v) => v.setUint32(header(0) + 4, 7, true), /is writable and executable; link them apart/],
    [
      'that loads nothing',
      (v) => {
        for (const i of [0, 1, 2]) v.setUint32(header(i), 0, true);
      },
      /has no segment that is loaded/,
    ],
    [
      'whose segments share a page with different permissions',
      (v) => v.setBigUint64(header(1) + 16, 0x1800n, true),
      /share the page at 0x1000/,
    ],
  ])('%s', (_, edit, message) => {
    const text = refusal(edited(program, edit));
    expect(text).toMatch(message);
    expect(text).toMatch(/^image: guest.elf: /);
  });

  it('whose program headers are loaded', async () => {
    const bytes = await linkProgram(['start.S', 'guest.c'], { script: false });
    expect(refusal(bytes)).toMatch(/program headers are loaded and have no room for three more/);
  });

  describe('by its relocations:', () => {
    /** The guest with RELA relocations, and the file offset and address of their table. */
    async function withRela(edit: (view: DataView, at: number) => void): Promise<string> {
      const bytes = await guestProgram('rela');
      const section = readElfFile(bytes, 'a').sections.find(({ type }) => type === elf.SHT_RELA)!;
      return refusal(edited(bytes, (view) => edit(view, section.offset)));
    }

    it.each<[string, (view: DataView, at: number) => void, RegExp]>([
      ['one of another type', (v, at) => v.setUint32(at + 8, 2, true), /relocation 0 is of type 2/],
      ['one outside', (v, at) => v.setBigUint64(at, 1n << 40n, true), /changes 0x10000000000, which is not an aligned/],
      ['one at the end', (v, at) => v.setBigUint64(at, 2n ** 64n - 8n, true), /which is not an aligned word/],
      [
        'one that is not aligned',
        (v, at) => v.setBigUint64(at, 0x4009n, true),
        /changes 0x4009, which is not an aligned/,
      ],
      ['one in code', (v, at) => v.setBigUint64(at, 0x8n, true), /changes code at 0x8/],
    ])('%s', async (_, edit, message) => {
      expect(await withRela(edit)).toMatch(message);
    });

    it('one that changes the tables themselves', async () => {
      const bytes = await guestProgram('rela');
      const { address } = readElfFile(bytes, 'a').sections.find(({ type }) => type === elf.SHT_RELA)!;
      const own = (await withRela((v, at) => v.setBigUint64(at, address + 32n, true))).replace(/0x[0-9a-f]+/, 'HERE');
      expect(own).toBe('image: guest.elf: a relocation changes the tables of relocations, at HERE; link it again');
    });

    it('packed ones without an address, or outside', () => {
      const section = readElfFile(program, 'a').sections.find(({ type }) => type === elf.SHT_RELR)!;
      const relr = (word: bigint): string =>
        refusal(edited(program, (view) => view.setBigUint64(section.offset, word, true)));
      expect(relr(3n)).toMatch(/RELR relocations begin without an address/);
      expect(relr(0x100000n)).toMatch(/changes 0x100000, which is not an aligned word/);
      expect(relr(0x3002n)).toMatch(/changes 0x3002, which is not an aligned word/);
    });

    it('a table that the file does not hold', () => {
      const dynamic = readElfFile(program, 'a').segments.find(({ type }) => type === elf.PT_DYNAMIC)!;
      const at = (tag: number): number => {
        const view = new DataView(program.buffer, dynamic.offset, dynamic.fileSize);
        for (let i = 0; ; i += 16) if (view.getBigUint64(i, true) === BigInt(tag)) return dynamic.offset + i + 8;
      };
      const far = edited(program, (view) => view.setBigUint64(at(elf.DT_RELR), 0x100000n, true));
      expect(refusal(far)).toMatch(/RELR relocations: \d+ bytes at 0x100000 are not loaded from the file/);
      const odd = edited(program, (view) => view.setBigUint64(at(elf.DT_RELRSZ), 12n, true));
      expect(refusal(odd)).toMatch(/a table of relocations has 12 bytes, no multiple of 8/);
      const needed = edited(program, (view) => view.setBigUint64(at(elf.DT_RELR) - 8, 1n, true));
      expect(refusal(needed)).toMatch(/needs a shared library/);
    });
  });

  it('with more parts than the stub has room for', () => {
    const file = readElfFile(program, 'guest.elf');
    const [text] = file.segments;
    const more = Array.from({ length: 8 }, (_, i) => {
      const address = BigInt(0x100000 + 2 * i * PAGE);
      return { ...text!, flags: elf.PF_R, address, loadAddress: address, fileSize: 0, memorySize: PAGE };
    });
    const end = file.size;
    const segments = [...file.segments, ...more];
    const moved = { ...file.header, programHeadersOffset: alignUp(end, 8) };
    const rest = [
      ...file.rest,
      { offset: file.header.programHeadersOffset, data: new Uint8Array(file.segments.length * 56) },
    ];
    const size = alignUp(end, 8) + segments.length * 56;
    expect(refusal(writeElfFile({ ...file, header: moved, segments, rest, size }))).toMatch(
      /^limit: \d+ parts with permissions of their own; the start-up stub has room for 8/,
    );
  });
});

describe('the command', () => {
  it('takes the target from the image, packs what came out, and says what is enforced', () => {
    const folder = temporaryFolder('rvcommand');
    const [input, output, raw] = ['guest.elf', 'hardened.elf', 'guest.img'].map((name) => join(folder, name));
    writeFileSync(input!, program);
    const cli = join(projectRoot, 'node_modules/.bin/vite-node');
    const casemate = (...args: string[]): string =>
      execFileSync(cli, [join(projectRoot, 'cli/casemate.ts'), ...args], { encoding: 'utf8', cwd: projectRoot });
    const said = casemate('harden', input!, '-o', output!, '--mode', 'sv39');
    casemate('pack', output!, '-o', raw!);
    expect(said).toMatch(/enforced {6}new addresses at every start +image base of 25 bits \(sv39\)/);
    expect(new Uint8Array(readFileSync(output!))).toEqual(harden(program, { mode: 'sv39' }));
    expect(new Uint8Array(readFileSync(raw!))).toEqual(rawImage(harden(program, { mode: 'sv39' }), 'guest.elf'));
  });
});
