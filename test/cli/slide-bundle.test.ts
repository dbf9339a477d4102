/** `casemate slide --bundle` and `casemate verify --slid`: what is launched is the image that was signed, moved. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CasemateError } from '../../base/errors.ts';
import { packBundle, unpackBundle } from '../../evidence/bundle.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { signBundle } from '../../evidence/envelope.ts';
import { parseEvidence } from '../../evidence/parse.ts';
import { readElfFile } from '../../linker/elf-file.ts';
import { verifyBundle } from '../../pipeline/verify.ts';
import { checkHvtSlide } from '../../targets/hvt/check-slide.ts';
import { configOffset } from '../../targets/hvt/slide.ts';
import { FIELD } from '../../targets/hvt/stage0/config.ts';
import { findStub } from '../../targets/hvt/stage0/stub.ts';
import { makeKey } from '../support/keys.ts';
import { temporaryFolder } from '../support/paths.ts';
import { createRandom } from '../support/random.ts';

const casemate = join(import.meta.dirname, '../../dist/casemate.js');
const main = '#include "solo5.h"\nint solo5_app_main(const struct solo5_start_info *i) { (void)i; return 0; }\n';
const key = makeKey();
const folder = temporaryFolder('slide-bundle');
const at = (name: string): string => join(folder, name);
const run = (...args: string[]) => spawnSync(process.execPath, [casemate, ...args], { cwd: folder, encoding: 'utf8' });
const slide = (bundle: string, output: string, ...more: string[]) =>
  run('slide', '--bundle', bundle, '-o', output, '--seed', 'a text', ...more);

/** The bundle with another image, signed by the right key all the same. */
function withImage(name: string, change: (image: Uint8Array) => void): void {
  const { ...files } = Object.fromEntries(unpackBundle(readFileSync(at('app.evidence')), 'app.evidence'));
  const image = Uint8Array.from(files['app.hvt']!);
  change(image);
  const all = new Map(Object.entries({ ...files, 'app.hvt': image }));
  writeFileSync(at(name), Buffer.concat([...packBundle(signBundle(all, [key.signing], { release: 9 }))]));
}

beforeAll(() => {
  for (const [name, text] of Object.entries({
    'casemate.json': JSON.stringify({ name: 'app', target: 'hvt', sources: ['main.c'], harden: {} }),
    ...{ 'main.c': main, key: key.privatePem, 'key.pub': key.publicPem, 'other.pub': makeKey().publicPem },
  }))
    writeFileSync(at(name), text);
  chmodSync(at('key'), 0o600);
  const built = run(
    'build',
    '.',
    '-q',
    '-o',
    'app.hvt',
    '--evidence',
    'app.evidence',
    '--key',
    'key',
    '--release',
    '4',
  );
  expect(built.status, built.stderr).toBe(0);
  expect(slide('app.evidence', 'launch.hvt', '--key', 'key.pub', '--min-release', '4')).toMatchObject({ status: 0 });
}, 60_000);

describe('a slide out of a bundle', () => {
  it('is the same as one of the image by itself', () => {
    run('slide', 'app.hvt', '-o', 'plain.hvt', '--seed', 'a text');
    expect(readFileSync(at('launch.hvt')).equals(readFileSync(at('plain.hvt')))).toBe(true);
  });

  it.each<[string, readonly string[], number, string]>([
    ['another key', ['--key', 'other.pub'], 1, 'expected'],
    [
      'a release that is too old',
      ['--key', 'key.pub', '--min-release', '5'],
      1,
      'the release is 4; must be at least 5',
    ],
    ['no key', [], 2, 'by whose key?'],
    ['an image besides', ['app.hvt', '--key', 'key.pub'], 2, '--bundle has its image'],
  ])('is refused with %s, and nothing is written', (_, words, status, message) => {
    expect(slide('app.evidence', 'none.hvt', ...words)).toMatchObject({
      status,
      stderr: expect.stringContaining(message),
    });
    expect(existsSync(at('none.hvt'))).toBe(false);
  });

  it('is refused after any change to the bundle, and for an image that the evidence is not about', () => {
    const bytes = readFileSync(at('app.evidence'));
    const place = bytes.indexOf('app.hvt\0') + 512 + 4096;
    bytes[place]! ^= 1;
    writeFileSync(at('flipped'), bytes);
    expect(slide('flipped', 'none.hvt', '--key', 'key.pub')).toMatchObject({
      ...{ status: 1, stderr: expect.stringContaining('app.hvt: its SHA-256 is') },
    });
    withImage('resigned', (image) => {
      image[5000]! ^= 1;
    });
    expect(slide('resigned', 'none.hvt', '--key', 'key.pub')).toMatchObject({
      ...{ status: 1, stderr: expect.stringContaining('ship what was checked') },
    });
    expect(existsSync(at('none.hvt'))).toBe(false);
  });

  it('is refused for a target that draws addresses at every start, which is said', () => {
    const files = new Map(unpackBundle(readFileSync(at('app.evidence')), 'app.evidence'));
    const evidence = parseEvidence(files.get('evidence.json')!, 'evidence.json');
    const other = { ...evidence, image: { ...evidence.image, target: 'riscv64' as const } };
    files.set('evidence.json', canonicalBytes(other));
    writeFileSync(at('riscv'), Buffer.concat([...packBundle(signBundle(files, [key.signing]))]));
    expect(slide('riscv', 'none.hvt', '--key', 'key.pub')).toMatchObject({
      ...{ status: 2, stderr: expect.stringContaining('it draws its addresses at every start') },
    });
  });
});

const verify = (slid: string) =>
  verifyBundle({ path: at('app.evidence'), keys: [key.judging], prove: false, step: () => {}, slid: at(slid) });

describe('a file that should be a slide', () => {
  it('is found to be one, and where it lies is said', async () => {
    const { untrue, checked } = await verify('launch.hvt');
    expect(untrue).toEqual([]);
    expect(checked.join('\n')).toMatch(
      /launch\.hvt: segments at 0x[0-9a-f]+, .*; \d+ of \d+ units of code are elsewhere/,
    );
  });

  it('is found to be none with any bit flipped, but for the 32 bytes that the guest draws from', async () => {
    const [base, good] = [readFileSync(at('app.hvt')), Uint8Array.from(readFileSync(at('launch.hvt')))];
    const file = readElfFile(good, 'launch.hvt');
    const seed = configOffset(file, findStub(file, good, 'launch.hvt')!) + FIELD.seed;
    const random = createRandom(7, 0);
    let refused = 0;
    for (let n = 0; n < 300; n++) {
      const bit = random.below(8 * good.length);
      const byte = bit >> 3;
      good[byte]! ^= 1 << (bit & 7);
      let isRefused = true;
      try {
        checkHvtSlide(base, good, { base: 'app.hvt', slid: 'launch.hvt' });
        isRefused = false;
      } catch (error) {
        expect(error, `bit ${bit}`).toBeInstanceOf(CasemateError);
      }
      if (isRefused) refused++;
      else expect(byte >= seed && byte < seed + 32, `bit ${bit} is not noticed`).toBe(true);
      good[byte]! ^= 1 << (bit & 7);
    }
    expect(refused).toBeGreaterThan(290);
    good[20_000]! ^= 1;
    writeFileSync(at('flipped.hvt'), good);
    expect((await verify('flipped.hvt')).untrue).toEqual([expect.stringContaining('flipped.hvt')]);
  });

  it('is none when it is the image itself, or no image', async () => {
    expect((await verify('app.hvt')).untrue.join()).toContain('nobody has slid it');
    expect((await verify('key.pub')).untrue.join()).toContain('not an ELF file');
    await expect(verify('nothing')).rejects.toThrow('no such file');
  });
});
