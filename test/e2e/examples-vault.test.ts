/**
 * examples/vault in images: it seals what OpenSSL opens, the build shows that its functions leave nothing of the key, and
 * no eight bytes of the key are in the memory or the registers of the guest that goes on running.
 *
 * The whole sector that the key is read from is random and is looked for, with what the cipher makes of the key. What the
 * search can find is shown by a vault whose erasures are only claimed. The emulator that stands for the tender, firmware
 * and QEMU's own memory are looked through, too, and told apart from the guest.
 */
import { createCipheriv } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSubject } from '../../hardening/subject.ts';
import { prelude } from '../../lowering/c/prelude.ts';
import { buildProject } from '../../pipeline/build.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { slideImage } from '../../targets/hvt/slide.ts';
import { project } from '../pipeline/support.ts';
import { hostMemory, type Machine, monitor } from '../support/guest-memory.ts';
import { hvtRegions, regionAt, riscvRegions } from '../support/guest-regions.ts';
import { isLong } from '../support/long.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { createRandom } from '../support/random.ts';
import { findInRegisters, type Pattern, patternsOf, searchFor } from '../support/secret-search.ts';
import { requireTools } from '../support/tools.ts';
import { lowerProgram, programOfFile, startMain } from '../support/verified-host.ts';
import { type Running, whileRunning } from '../support/while-running.ts';
import { buildExample } from '../targets/hvt/guest.ts';

requireTools('clang', 'qemu-system-riscv64');

type Target = Exclude<Running['target'], 'sel4'>;

const SECTOR = 512;
const SECTORS = 6;
const OWN = 3;

const bytesOf = (seed: number, size: number): Buffer => {
  const random = createRandom(seed, 0);
  return Buffer.from(Array.from({ length: size }, () => random.below(256)));
};

/** OpenSSL's ChaCha20 with a nonce of three words. */
function reference(key: Buffer, nonce: readonly number[], text: Uint8Array): Buffer {
  const iv = Buffer.alloc(16);
  for (const [i, word] of nonce.entries()) iv.writeUInt32LE(word, 4 + 4 * i);
  return createCipheriv('chacha20', key.subarray(0, 32), iv).update(text);
}

/** Blocks of keystream, and what the rounds gave before the key was added to it. */
function keystreamOf(key: Buffer, nonce: readonly number[], size: number, skip = 0): Pattern[] {
  const stream = reference(key, nonce, Buffer.alloc(size));
  const rounds = Buffer.from(stream);
  const [constants, words] = [Buffer.from('expand 32-byte k'), key.subarray(0, 32)];
  for (let block = 0; block < size; block += 64) {
    const tail = Buffer.alloc(16);
    for (const [i, word] of [block / 64, ...nonce].entries()) tail.writeUInt32LE(word, 4 * i);
    const state = Buffer.concat([constants, words, tail]);
    for (let i = 0; i < 64; i += 4)
      rounds.writeUInt32LE((stream.readUInt32LE(block + i) - state.readUInt32LE(i)) >>> 0, block + i);
  }
  return [...patternsOf('keystream', stream.subarray(skip)), ...patternsOf('its rounds', rounds)];
}

interface Report {
  /** What of the secret is where in the guest: image, stacks, heap, memory for devices. */
  readonly guest: readonly string[];
  readonly registers: readonly string[];
  /** The emulator that stands for the tender, the image as it was loaded, firmware. */
  readonly machine: readonly string[];
  /** QEMU's own memory. */
  readonly host: readonly string[];
  readonly said: string;
  /** The volume afterwards, without what is its own. */
  readonly content: Buffer;
  /** Puts eight bytes of the key into each region of the memory that was taken: the regions, and those where they are found. */
  readonly plant: () => { readonly regions: readonly string[]; readonly found: readonly string[] };
}

interface Wanted {
  readonly key?: Buffer;
  readonly machine?: Running['machine'];
}

const plain = bytesOf(2, SECTORS * SECTOR);

/** Has a vault seal a volume, and looks for the key once it says that the key is gone. */
async function sealed(
  image: string,
  target: Target,
  { key = bytesOf(1, SECTOR), machine: options }: Wanted = {},
): Promise<Report> {
  const folder = temporaryFolder('vault');
  const [keyPath, dataPath] = [join(folder, 'key.img'), join(folder, 'data.img')];
  writeFileSync(keyPath, key);
  writeFileSync(dataPath, Buffer.concat([plain, Buffer.alloc(OWN * SECTOR)]));
  const search = searchFor([
    ...patternsOf('the key', key),
    ...keystreamOf(key, [0, 1, 0], plain.length),
    // The first 16 bytes tell the key, and are meant to be seen.
    ...keystreamOf(key, [1, 0, 0], 64, 16),
  ]);
  const qemu = monitor();
  let machine: Machine | undefined;
  let host: string[] = [];
  const running = {
    ...{ image, target, args: ['seal --stay'], ready: 'the key is gone\n', timeout: 120, more: qemu.words },
    blocks: [
      { name: 'key', path: keyPath },
      { name: 'data', path: dataPath },
    ],
    ...(options === undefined ? {} : { machine: options }),
  };
  const said = await whileRunning(running, async (pid) => {
    machine = await qemu.take(target);
    host = hostMemory(pid, machine).flatMap(({ name, bytes }) =>
      search(bytes).map((hit) => `QEMU's ${name}: ${hit.length} bytes of ${hit.pattern}`),
    );
  });
  const subject = readSubject(readFileSync(image), image);
  const regions = target === 'hvt' ? hvtRegions(machine!, subject, 16 << 20) : riscvRegions(machine!, subject);
  const hits = search(machine!.memory).map(({ pattern, at, from, length }) => {
    const { owner, name } = regionAt(regions, subject, at + machine!.base);
    return { owner, text: `${name}: ${length} bytes of ${pattern} from ${from} on` };
  });
  const plant: Report['plant'] = () => {
    const { memory, base } = machine!;
    const planted = regions.flatMap(({ name, start, end }, i) => {
      // At every remainder of eight, and not where another one's are.
      const at = Math.floor((start + end) / 16) * 8 + 8 * i + (i % 8) - base;
      if (end - start < 8 * regions.length || at < 0 || at + 8 > memory.length) return [];
      key.copy(memory, at, 31 + i, 39 + i);
      return [{ name, at }];
    });
    const found = search(memory).flatMap(({ at, length }) =>
      planted.filter((one) => at <= one.at && one.at + 8 <= at + length),
    );
    return { regions: planted.map(({ name }) => name), found: found.map(({ name }) => name) };
  };
  const of = (isGuest: boolean): string[] =>
    hits.filter(({ owner }) => (owner === 'guest') === isGuest).map(({ text }) => text);
  return {
    guest: of(true),
    registers: findInRegisters(machine!.registers, key),
    machine: of(false),
    host,
    said,
    content: readFileSync(dataPath).subarray(0, plain.length),
    plant,
  };
}

interface Change {
  /** Of the C that the example is lowered to. */
  readonly source?: (text: string) => string;
  /** Keys of the manifest. */
  readonly manifest?: object;
}

/**
 * The example without its proofs, which take longer than all else: what it is lowered to, built as C. The long tests build
 * the example itself.
 */
async function buildLowered(target: Target, { source = (text) => text, manifest = {} }: Change = {}) {
  const lowered = lowerProgram(programOfFile('examples/vault/main.ts'));
  const own = (name: string): string => readFileSync(join(projectRoot, 'targets/platform/verified', name), 'utf8');
  const {
    strict: _strict,
    roots: _roots,
    ...json
  } = JSON.parse(readFileSync(join(projectRoot, 'examples/vault/casemate.json'), 'utf8')) as Record<string, unknown>;
  const names = ['verified.c', 'platform.c', 'start.c'];
  const folder = project({
    'casemate-lowered.h': prelude(),
    'verified.h': lowered.header,
    'verified.c': source(lowered.source),
    'platform.h': own('platform.h'),
    'platform.c': own('platform.c'),
    'start.c': startMain(lowered),
    'casemate.json': JSON.stringify({ ...json, target, sources: names, ...manifest }),
  });
  const progress = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 60_000 });
  return buildProject({ folder, lock: 'update', progress });
}

const regionsOf = {
  hvt: ['the emulator', 'image', 'stack', 'heap, or nothing', 'the image as QEMU loaded it'],
  riscv64: ['firmware', 'image', 'memory for devices', 'heap', 'stack', 'device tree'],
};
const erased = ['takeKey', 'eraseKey', 'eraseState', 'keystream', 'transform', 'tellKey'];

describe.each(['hvt', 'riscv64'] as const)('for %s', (target) => {
  test('no eight bytes of the key are left in the guest, which seals as OpenSSL does', {
    timeout: 600_000,
  }, async () => {
    const { output, secrets } = await buildLowered(target);
    const outcomes = secrets!.functions.map(({ function: name, outcome }) => [name, outcome]);
    expect(outcomes.sort()).toEqual(erased.map((name) => [name, 'erased']).sort());
    const { content, said, plant, ...found } = await sealed(output, target);
    expect(said).toContain('vault: the volume is sealed, and the key is gone\n');
    expect(content).toEqual(reference(bytesOf(1, SECTOR), [0, 1, 0], plain));
    expect(found).toEqual({ guest: [], registers: [], machine: [], host: [] });
    const planted = plant();
    expect([...planted.found].sort()).toEqual([...planted.regions].sort());
    expect(planted.regions).toEqual(expect.arrayContaining(regionsOf[target]));
  });

  test.runIf(isLong)(
    'wipes that a compiler loses stop the build, and are found in the guest',
    { timeout: 600_000 },
    async () => {
      const source = (text: string): string => text.replaceAll(/(sector|state)\.data\[i\] = 0;/g, '(void)$1;');
      await expect(buildLowered(target, { source })).rejects.toThrow('leaves something of its secrets');
      const waive = ['eraseKey', 'eraseState'].map((name) => ({ function: name, reason: 'to be found' }));
      const { output } = await buildLowered(target, { source, manifest: { secrets: { wipe: true, waive } } });
      const { guest } = await sealed(output, target);
      const stack = expect.stringMatching(/^stack\+0x[0-9a-f]+: /);
      expect(guest).toContainEqual(stack);
      expect(guest).toContainEqual(expect.stringContaining(': 512 bytes of the key from 0 on'));
      expect(guest).toContainEqual(expect.stringContaining(': 32 bytes of the key from 0 on'));
    },
  );
});

describe.runIf(isLong)('the example itself, proved, wherever it lies', () => {
  interface Case {
    readonly name: string;
    readonly target: Target;
    readonly manifest?: object;
    readonly seed?: string;
    readonly machine?: NonNullable<Running['machine']>;
  }
  const layouts: readonly Case[] = [
    { name: 'hvt, plain', target: 'hvt', manifest: { harden: undefined } },
    ...Array.from({ length: 6 }, (_, i): Case => ({ name: `hvt, layout ${i}`, target: 'hvt', seed: `layout ${i}` })),
    { name: 'riscv64, plain', target: 'riscv64', manifest: { harden: undefined } },
    { name: 'riscv64, of the first version of virtio', target: 'riscv64', machine: { legacy: true } },
    ...['sv39', 'sv48', 'sv57'].map(
      (mode): Case => ({ name: `riscv64, ${mode}`, target: 'riscv64', manifest: { harden: { mode } } }),
    ),
    ...Array.from(
      { length: 4 },
      (_, i): Case => ({ name: `riscv64, start ${i}`, target: 'riscv64', machine: { rng: true } }),
    ),
  ];

  test.each(layouts)(
    'leaves nothing of any key: $name',
    { timeout: 1_800_000 },
    async ({ target, manifest, seed, machine, name }) => {
      const built = await buildExample('vault', target, manifest);
      let image = built;
      if (seed !== undefined) {
        image = `${built}.${seed.replace(' ', '-')}`;
        const options = { memory: 16 << 20, heapMin: 4 << 20, seed: Buffer.from(seed) };
        writeFileSync(image, slideImage(readFileSync(built), built, options));
      }
      const key = bytesOf(100 + layouts.findIndex((one) => one.name === name), SECTOR);
      const {
        content,
        said,
        plant: _plant,
        ...found
      } = await sealed(image, target, {
        key,
        ...(machine === undefined ? {} : { machine }),
      });
      expect(said).toContain('the key is gone');
      expect(content).toEqual(reference(key, [0, 1, 0], plain));
      expect(found).toEqual({ guest: [], registers: [], machine: [], host: [] });
    },
  );
});
