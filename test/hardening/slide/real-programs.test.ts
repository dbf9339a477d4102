/**
 * Real programs, moved: as a whole they become what a link at the new addresses gives, byte for byte; with their code in
 * any order they still do what they did.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { applyLayout } from '../../../hardening/slide/apply.ts';
import { decodeSlideInfo } from '../../../hardening/slide/decode.ts';
import { encodeSlideInfo } from '../../../hardening/slide/encode.ts';
import { identityLayout } from '../../../hardening/slide/slide-info.ts';
import { writeElfFile } from '../../../linker/write-elf-file.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { cRuntime, cxx, lua, openssl, type Program, sqlite, x86 } from '../../support/programs.ts';
import { createRandom } from '../../support/random.ts';
import { randomLayout } from './random-layout.ts';
import { type Linked, linkedProgram, linkerArguments, runElf, sameBytes } from './slid-programs.ts';

const layouts = process.env['CASEMATE_LONG'] === undefined ? 2 : 100;

async function argumentsOf(program: Program): Promise<string[]> {
  const { driver, objects, libraries } = await program.inputs(x86, 'static');
  const args = await linkerArguments(driver, ['-static', '-no-pie', ...objects, ...libraries]);
  return [...args, '--build-id=none'];
}

describe.each([cRuntime, lua, cxx, sqlite, openssl])('$name', (program) => {
  let args: string[];
  let linked: Linked;
  beforeAll(async () => {
    args = await argumentsOf(program);
    linked = linkedProgram(args);
  });

  it('moved as a whole is what a link at the new addresses gives', () => {
    const { image, file, info } = linked;
    const there = linkedProgram([...args, '--image-base=0x7a3000']);
    expect(sameBytes(writeElfFile(applyLayout(file, info, identityLayout(info))), image.bytes)).toBe(true);
    const segmentAddress = there.info.segments.map(({ address }) => address);
    const moved = applyLayout(file, info, { ...identityLayout(info), segmentAddress });
    // Notes of debuggers' probes hold addresses but are not loaded: they stay as they were.
    const stays = moved.sections.findIndex(({ name }) => name === '.note.stapsdt');
    const bytes = writeElfFile(moved);
    if (stays >= 0) bytes.set(there.file.sections[stays]!.data, moved.sections[stays]!.offset);
    expect(sameBytes(bytes, there.image.bytes)).toBe(true);
  });

  it('runs the same with its code in any order and its segments anywhere', async () => {
    const { file, info } = linked;
    const bytes = encodeSlideInfo(info, file);
    const fields = info.groups.reduce((sum, { offsets }) => sum + offsets.length, 0);
    expect(bytes.length).toBeLessThan(2 * fields);
    const read = decodeSlideInfo(bytes, file, program.name);
    for (let i = 0; i < layouts; i++) {
      const slid = applyLayout(file, read, randomLayout(info, createRandom(0x511de, i)));
      const { status, stdout, stderr } = await runElf(slid, program.args(temporaryFolder('run')));
      expect({ i, status, stdout, stderr }).toEqual({ i, ...program.expected, stderr: '' });
    }
  });
});
