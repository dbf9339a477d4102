/** A bundle of a large image: any bit of it flipped is noticed and named, and nobody but its inputs decides its bytes. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { packBundle, unpackBundle } from '../../evidence/bundle.ts';
import { signBundle, verifyEnvelope } from '../../evidence/envelope.ts';
import { makeKey } from '../support/keys.ts';
import { writeLargeProject } from '../support/large-project.ts';
import { isLong } from '../support/long.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { createRandom } from '../support/random.ts';
import { requireTools } from '../support/tools.ts';

requireTools('clang');

const casemate = join(projectRoot, 'dist/casemate.js');
const key = makeKey();
const [functions, flips] = isLong ? [5000, 10_000] : [200, 150];
const folder = temporaryFolder('flips');
let bundle: Uint8Array;

beforeAll(() => {
  writeLargeProject(join(folder, 'own'), functions);
  const output = join(folder, 'large.evidence');
  execFileSync(process.execPath, [casemate, 'build', join(folder, 'own'), '-q', '--evidence', output]);
  bundle = readFileSync(output);
}, 240_000);

/** Where each file of an archive begins, header first; what is behind the last is the archive's own. */
function placesOf(archive: Uint8Array): { name: string; from: number }[] {
  let from = 0;
  const places = [...unpackBundle(archive, 'large')].map(([name, { length }]) => {
    const place = { name, from };
    from += 512 + Math.ceil(length / 512) * 512;
    return place;
  });
  return [...places, { name: 'large', from }];
}

it(`is refused with any of ${flips} random bits flipped, and a file of it is named`, () => {
  const signed = Buffer.concat([...packBundle(signBundle(unpackBundle(bundle, 'large'), [key.signing]))]);
  const places = placesOf(signed);
  const random = createRandom(4, 7);
  for (let i = 0; i < flips; i++) {
    const at = random.below(signed.length);
    const flipped = Buffer.from(signed);
    flipped[at]! ^= 1 << random.below(8);
    let message = '';
    try {
      verifyEnvelope(unpackBundle(flipped, 'large'), [key.judging], 'large');
    } catch (error) {
      expect(['signature', 'evidence', 'limit']).toContain((error as { code?: string }).code);
      ({ message } = error as Error);
    }
    // The file that the byte is of; of a header, whose name may be what was flipped, the place.
    const header = Number(/at byte (\d+)/.exec(message)?.[1] ?? Number.NaN);
    const { name } = places.findLast(({ from }) => from <= at)!;
    const isNamed = message.includes(`${name}: `) || (header <= at && at < header + 512);
    expect(isNamed, `byte ${at} of ${name}: ${message}`).toBe(true);
  }
}, 1_200_000);

/** A command that runs another one as the user "nobody"; none where we may not, or that user may not read casemate. */
function asNobody(): string[] {
  if (process.getuid?.() !== 0) return [];
  const command = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const { status } = spawnSync(command[0]!, [...command.slice(1), 'test', '-r', casemate]);
  return status === 0 ? command : [];
}
const nobody = asNobody();
const who = nobody.length > 0 ? 'another user' : 'the same user (there is no other that may run casemate)';

it(`is the same bytes for ${who}, in another folder, with another home, language, time zone and umask`, () => {
  chmodSync(folder, 0o755);
  const home = join(folder, 'else', 'where');
  mkdirSync(home, { recursive: true });
  cpSync(join(folder, 'own'), join(home, 'copy'), {
    recursive: true,
    filter: (from) => !/(^|\/)(build|casemate\.lock)$/.test(from),
  });
  const [program, ...rest] = [...nobody, process.execPath];
  if (nobody.length > 0)
    for (const path of ['.', 'copy', ...readdirSync(join(home, 'copy')).map((name) => `copy/${name}`)])
      chownSync(join(home, path), 65534, 65534);
  const output = join(home, 'large.evidence');
  const args = [...rest, casemate, 'build', join(home, 'copy'), '-q', '--evidence', output];
  const env = {
    ...{ PATH: process.env['PATH']!, HOME: home, XDG_CACHE_HOME: join(home, 'cache'), USER: 'nobody', TMPDIR: home },
    ...{ LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TZ: 'Asia/Kathmandu', SOURCE_DATE_EPOCH: '1234567890' },
  };
  const sh = ['-c', 'umask 077; exec "$0" "$@"', program!, ...args];
  const { status, stderr } = spawnSync('sh', sh, { env, cwd: home, encoding: 'utf8' });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(Buffer.compare(readFileSync(output), bundle)).toBe(0);
}, 240_000);
