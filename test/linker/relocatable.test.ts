/**
 * Objects that casemate writes are objects to others: what readelf reads is what was meant.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as elf from '../../linker/elf.ts';
import { readElfFile } from '../../linker/elf-file.ts';
import { writeRelocatable } from '../../linker/relocatable.ts';
import { temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTool } from '../support/tools.ts';

const code = { flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, align: 16 };

const object = writeRelocatable({
  machine: 'x86-64',
  flags: 0,
  sections: [
    {
      name: '.text.one',
      bytes: Uint8Array.of(0xe8, 0, 0, 0, 0, 0xc3),
      size: 6,
      ...code,
      relocations: [{ offset: 1, type: 4, symbol: 'far', addend: -4 }],
    },
    { name: '.bss.two', size: 24, flags: elf.SHF_ALLOC | elf.SHF_WRITE, align: 8, relocations: [] },
  ],
  symbols: [
    { name: 'one', isLocal: false, isHidden: true, type: elf.STT_FUNC, section: 0, value: 0, size: 6 },
    { name: 'far', isLocal: false, isHidden: false, type: elf.STT_NOTYPE, value: 0, size: 0 },
    { name: 'two', isLocal: true, isHidden: false, type: elf.STT_OBJECT, section: 1, value: 8, size: 16 },
  ],
});

it('reads as it was meant', async () => {
  const path = join(temporaryFolder('relocatable'), 'made.o');
  writeFileSync(path, object);
  const text = await runOrThrow(requireTool('readelf'), ['-W', '-S', '-s', '-r', path]);
  expect(text).not.toMatch(/warning|error/i);
  expect(text).toMatch(/000000000001\s+\w+ R_X86_64_PLT32\s+0000000000000000 far - 4/);
  expect(text).toMatch(/\.text\.one\s+PROGBITS\s+0+ \w+ 000006 00\s+AX\s+0\s+0\s+16/);
  expect(text).toMatch(/\.bss\.two\s+NOBITS\s+0+ \w+ 000018 00\s+WA\s+0\s+0\s+8/);
  expect(text).toMatch(/1: 0000000000000008\s+16 OBJECT\s+LOCAL\s+DEFAULT\s+2 two/);
  expect(text).toMatch(/6 FUNC\s+GLOBAL HIDDEN\s+1 one/);
  expect(text).toMatch(/NOTYPE\s+GLOBAL DEFAULT\s+UND far/);
});

it('is read by our own reader, and asks for no executable stack', () => {
  const { sections } = readElfFile(object, 'made.o');
  const stack = sections.find(({ name }) => name === '.note.GNU-stack');
  expect(stack).toBeDefined();
  expect(stack!.flags).toBe(0);
});
