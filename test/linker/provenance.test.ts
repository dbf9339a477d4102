/** The linked image can still say where everything came from. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LinkedImage } from '../../linker/image.ts';
import { link } from '../../linker/link.ts';
import { functionsOf, originOf, relocationsOf } from '../../linker/provenance.ts';
import { defaultOptions } from '../../linker/request.ts';
import { requireTools } from '../support/tools.ts';

requireTools('gcc', 'riscv64-linux-gnu-gcc', 'ld');

const source = `
static int local(int x) { return x * 3; }
int table_value = 7;
int *table[2] = { &table_value, 0 };
int helper(int x) { return local(x) + *table[0]; }
void _start(void) { for (;;) helper(1); }
`;

let folder = '';

function build(compiler: string): LinkedImage {
  const path = join(folder, `${compiler}.o`);
  execFileSync(compiler, ['-O1', '-fno-inline', '-fno-pic', '-ffreestanding', '-c', join(folder, 'a.c'), '-o', path]);
  const files = [{ name: 'a.o', bytes: new Uint8Array(readFileSync(path)) }];
  return link({ files, options: defaultOptions, readMember: () => undefined }).image;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-provenance-'));
  writeFileSync(join(folder, 'a.c'), source);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe.each(['gcc', 'riscv64-linux-gnu-gcc'])('%s', (compiler) => {
  test('functions have the addresses and sizes that nm reads from the file, local ones too', () => {
    const image = build(compiler);
    const path = join(folder, 'out');
    writeFileSync(path, image.bytes);
    const lines = execFileSync('nm', ['-S', path], { encoding: 'utf8' }).split('\n');
    const expected = lines
      .map((line) => /^(\w+) (\w+) [tT] (\w+)$/.exec(line))
      .filter((match) => match !== null)
      .map(([, address, size, name]) => ({ name, address: Number(`0x${address}`), size: Number(`0x${size}`) }))
      .sort((a, b) => a.address - b.address);
    const found = functionsOf(image).map(({ name, address, size }) => ({ name, address, size }));
    expect(found.map(({ name }) => name)).toContain('local');
    expect(found).toEqual(expected);
  });

  test('an address is traced to its object, section and offset; an address outside to nothing', () => {
    const image = build(compiler);
    const helper = functionsOf(image).find(({ name }) => name === 'helper')!;
    const origin = originOf(image, helper.address + 2)!;
    expect(origin).toMatchObject({ object: 'a.o', section: '.text' });
    const first = functionsOf(image).find(({ address }) => originOf(image, address)!.offset === 0)!;
    expect(origin.offset).toBe(helper.address + 2 - first.address);
    expect(originOf(image, 0x10)).toBeUndefined();
  });

  test('the word of an initialised pointer has a relocation whose target is what the word holds', () => {
    const image = build(compiler);
    const relocations = relocationsOf(image);
    const data = image.sections.find(({ name }) => name === '.data')!;
    const view = new DataView(image.bytes.buffer, image.bytes.byteOffset);
    const inData = [...relocations.place.keys()].filter((i) => {
      const place = relocations.place[i]!;
      return place >= data.address && place < data.address + data.size;
    });
    const held = inData.map((i) =>
      Number(view.getBigUint64(data.fileOffset + relocations.place[i]! - data.address, true)),
    );
    expect(inData.length).toBe(1);
    expect(held).toEqual(inData.map((i) => relocations.target[i]!));
  });
});
