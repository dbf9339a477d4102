/**
 * targets/hvt/notes.ts: the object with an image's notes, as other tools and linkers see it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Device, decodeManifest } from '../../../targets/hvt/manifest.ts';
import { ABI1, encodeNote, hvtNotesObject } from '../../../targets/hvt/notes.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { run, runOrThrow } from '../../support/run.ts';
import { requireTool, requireTools } from '../../support/tools.ts';

requireTools('readelf', 'eu-elflint', 'ld', 'ld.lld', 'mold');

const devices: Device[] = [
  { name: 'store', type: 'block' },
  { name: 'net0', type: 'net' },
];
const folder = temporaryFolder('notes');
const object = join(folder, 'notes.o');
writeFileSync(object, hvtNotesObject(devices));

describe('a note', () => {
  test('has the layout of the gABI: sizes, type, name and descriptor padded to four bytes', () => {
    expect(Buffer.from(encodeNote(0x12345678, Uint8Array.of(1, 2, 3, 4, 5), 'Solo5')).toString('hex')).toBe(
      '06000000' + '05000000' + '78563412' + '536f6c6f35000000' + '0102030405000000',
    );
  });
});

describe('the object', () => {
  test('is the same for the same devices', () => {
    expect(hvtNotesObject(devices)).toEqual(hvtNotesObject([...devices]));
  });

  test('passes readelf and eu-elflint, which do not know Solo5’s note types', async () => {
    expect((await run(requireTool('readelf'), ['-aW', object])).stderr).toBe('');
    const lint = await run(requireTool('eu-elflint'), ['--gnu-ld', object]);
    const said = lint.stdout
      .split('\n')
      .filter((line) => line !== '' && !line.includes('unknown object file note type'));
    expect(said).toEqual([]);
  });

  test('shows both notes to readelf', async () => {
    const text = await runOrThrow(requireTool('readelf'), ['-nW', object]);
    expect(text).toMatch(/\.note\.solo5\.abi\n.*\n *Solo5 +0x00000010\s+Unknown note type: \(0x31494241\)/);
    expect(text).toMatch(/\.note\.solo5\.manifest\n.*\n *Solo5 +0x00000144\s+Unknown note type: \(0x3154464d\)/);
    expect(text).toContain('01 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00');
  });

  test.each(['ld', 'ld.lld', 'mold'] as const)(
    'links with %s, which keeps the notes under --gc-sections',
    async (linker) => {
      const program = join(folder, `program-${linker}`);
      const flags = ['-static', '--gc-sections', '-e', '0', '-u', '__solo5_abi1_note', '-u', '__solo5_mft1_note'];
      await runOrThrow(requireTool(linker), [...flags, '-o', program, object]);
      const text = await runOrThrow(requireTool('readelf'), ['-nW', program]);
      expect(text).toContain(`0x${ABI1.toString(16)}`);
      expect(text).toContain('0x3154464d');
    },
  );

  test('holds the manifest 24 bytes into its note, aligned to four', () => {
    const bytes = Buffer.from(hvtNotesObject(devices));
    const at = bytes.indexOf(Buffer.from('0600000044010000' + '4d465431' + '536f6c6f35000000', 'hex'));
    expect(at % 4).toBe(0);
    expect(bytes.readUInt32LE(at + 24)).toBe(1);
    expect(decodeManifest(bytes.subarray(at + 20, at + 20 + 0x144))).toEqual(devices);
  });
});
