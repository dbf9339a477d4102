/**
 * examples/kv as a process on a file: what it stores, and what a power cut at any write leaves of it.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { isLong as long } from '../support/long.ts';
import { temporaryFolder } from '../support/paths.ts';
import { createRandom } from '../support/random.ts';
import { type RunResult, run } from '../support/run.ts';
import { requireTools } from '../support/tools.ts';
import { hostProgram } from './host/program.ts';

requireTools('gcc');

let checked: string;
let fast: string;
const folder = temporaryFolder('kv');

beforeAll(async () => {
  checked = await hostProgram('kv', true);
  fast = await hostProgram('kv', false);
});

let disks = 0;

function newDisk(size: number, fill = 0): string {
  const path = join(folder, `disk-${disks++}`);
  writeFileSync(path, new Uint8Array(size).fill(fill));
  return path;
}

/** Without the search for leaks, which takes longer than all else: nothing is allocated but the guest's memory. */
function kv(disk: string, command: string, env: Record<string, string> = {}, program = checked): Promise<RunResult> {
  return run(program, [command], { env: { HOST_BLOCK: disk, ASAN_OPTIONS: 'detect_leaks=0', ...env } });
}

/** Keys and values that a store holds, read key by key. */
async function contents(disk: string, program = fast): Promise<Map<string, string>> {
  const listed = await kv(disk, 'list', {}, program);
  expect(listed.status, listed.stdout + listed.stderr).toBe(0);
  const keys = listed.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0]!);
  if (keys.length === 0) return new Map();
  const values = await kv(disk, keys.map((key) => `get ${key}`).join(' ; '), {}, program);
  expect(values.status, values.stdout).toBe(0);
  return new Map(keys.map((key, i) => [key, values.stdout.split('\n')[i]!]));
}

describe('what is stored', () => {
  test('comes back in a later run', async () => {
    const disk = newDisk(64 << 10);
    expect(await kv(disk, 'set a 1 ; set b \'two words\' ; set c ""')).toMatchObject({ status: 0, stdout: '' });
    expect(await kv(disk, 'get b ; get a ; get c ; list')).toMatchObject({
      status: 0,
      stdout: 'two words\n1\n\na\t1\nb\t9\nc\t0\n',
    });
  });

  test('is what a map would hold after the same random operations, through many compactions and restarts', async () => {
    const random = createRandom(7, 0);
    const disk = newDisk(24 << 10);
    const model = new Map<string, string>();
    for (let runs = 0; runs < 25; runs++) {
      const commands: string[] = [];
      for (let i = 0; i < 20; i++) {
        const key = `k${random.below(9)}`;
        if (random.oneIn(4) && model.delete(key)) commands.push(`del ${key}`);
        else {
          const value = `${random.below(10)}`.repeat(random.below(500));
          model.set(key, value);
          commands.push(`set ${key} "${value}"`);
        }
      }
      const result = await kv(disk, commands.join(' ; '));
      expect(result.stdout).toBe('');
      expect(result.status).toBe(0);
      expect(await contents(disk)).toEqual(model);
    }
  });

  test('can be any text up to 4096 bytes, spread over blocks of any size', async () => {
    for (const size of [128, 512, 4096, 32768]) {
      const disk = newDisk(size * 200);
      const value = 'x'.repeat(4096);
      expect((await kv(disk, `set k ${value}`, { HOST_BLOCK_SIZE: `${size}` })).status).toBe(0);
      expect((await kv(disk, 'get k', { HOST_BLOCK_SIZE: `${size}` })).stdout).toBe(`${value}\n`);
      expect((await kv(disk, `set k ${value}y`, { HOST_BLOCK_SIZE: `${size}` })).status).toBe(2);
    }
  });
});

describe('the command line', () => {
  test('ends with 1 for a missing key, 2 for wrong usage', async () => {
    const disk = newDisk(64 << 10);
    expect((await kv(disk, 'get nothing')).status).toBe(1);
    expect((await kv(disk, 'del nothing')).status).toBe(1);
    expect((await kv(disk, 'set onlykey')).status).toBe(2);
    expect((await kv(disk, '')).status).toBe(2);
    expect((await kv(disk, 'set a "b')).stdout).toContain('a quote is not closed');
  });

  test('counts up with incr', async () => {
    const disk = newDisk(64 << 10);
    expect((await kv(disk, 'incr n ; incr n 5 ; get n')).stdout).toBe('1\n6\n6\n');
    expect((await kv(disk, 'set n 18446744073709551615 ; incr n')).status).toBe(2);
    expect((await kv(disk, 'set t text ; incr t')).status).toBe(2);
  });
});

describe('a full store', () => {
  test('refuses to grow, keeps what it has, and takes more after a delete', async () => {
    const disk = newDisk(16 << 10); // two halves of 16 blocks: 15 records
    let stored = 0;
    let last: RunResult;
    do last = await kv(disk, `set key${stored} ${stored++}`);
    while (last.status === 0);
    expect(last.status).toBe(3);
    expect(last.stdout).toContain('full');
    expect(stored - 1).toBe(15);
    expect((await contents(disk)).size).toBe(15);
    expect((await kv(disk, 'del key3 ; set key3 again ; get key3')).stdout).toBe('again\n');
    expect((await contents(disk)).size).toBe(15);
  });

  test('of more keys than memory holds is an error, not an overrun', async () => {
    const disk = newDisk(64 << 10);
    const sets = [1, 2, 3, 4, 5].map((n) => `set k${n} v`).join(' ; ');
    expect((await kv(disk, sets, { HOST_HEAP: '1200' })).status).toBe(3);
    expect((await contents(disk)).size).toBe(4);
  });
});

describe('a power cut', () => {
  const OPERATIONS = long ? 60 : 20;
  /** Operations on a device of two halves of ten blocks: compactions all the way. */
  function workload(): { command: string; states: Map<string, string>[] } {
    const random = createRandom(11, 0);
    const state = new Map<string, string>();
    const states = [new Map(state)];
    const commands: string[] = [];
    for (let i = 0; i < OPERATIONS; i++) {
      const key = `k${random.below(3)}`;
      if (random.oneIn(5) && state.delete(key)) commands.push(`del ${key}`);
      else {
        const value = `${i}-`.repeat(1 + random.below(random.oneIn(5) ? 250 : 9));
        state.set(key, value);
        commands.push(`set ${key} ${value}`);
      }
      states.push(new Map(state));
    }
    return { command: commands.join(' ; '), states };
  }

  test.each(long ? [0, 2, 5] : [2])(
    'at any write, with any part of a block written, leaves the state before or after one operation (%i)',
    async (round) => {
      const { command, states } = workload();
      const texts = states.map((state) => JSON.stringify([...state].sort()));
      const cuts = [0, 3, 8, 29, 40, 200, 511];
      const blank = newDisk(10 << 10);
      const disk = newDisk(0);
      let reached = 0;
      let crashes = 0;
      for (let write = 1; ; write++) {
        copyFileSync(blank, disk);
        const bytes = `${cuts[(write + round) % cuts.length]}`;
        const crash = { HOST_CRASH_WRITE: `${write}`, HOST_CRASH_BYTES: bytes };
        const result = await kv(disk, command, crash, fast);
        if (result.status !== 99) {
          expect(result.status, result.stdout).toBe(0);
          break;
        }
        crashes++;
        const found = JSON.stringify([...(await contents(disk))].sort());
        // States may repeat, so look from the last one reached: time never goes back.
        const at = texts.indexOf(found, reached);
        expect(at, `write ${write}, ${bytes} bytes: ${found.slice(0, 200)}`).toBeGreaterThanOrEqual(0);
        // Not two operations lost: one that this cut undid, and one that the cut before it may have let through.
        expect(at - reached).toBeLessThanOrEqual(2);
        reached = at;
        expect((await kv(disk, 'set k0 after ; get k0 ; check', {}, fast)).stdout).toMatch(
          /^after\n\d keys, 0 damaged/,
        );
      }
      expect(crashes).toBeGreaterThan(1.6 * OPERATIONS);
      expect(reached).toBeGreaterThan(OPERATIONS - 5);
    },
  );

  test('during the first use of a blank device leaves one that can be used', async () => {
    for (const bytes of [0, 4, 17, 64, 500]) {
      const disk = newDisk(64 << 10);
      expect((await kv(disk, 'count', { HOST_CRASH_WRITE: '1', HOST_CRASH_BYTES: `${bytes}` })).status).toBe(99);
      expect((await kv(disk, 'set a 1 ; get a')).stdout).toBe('1\n');
    }
  });

  test('leaves nothing that a later, shorter record could bring back to life', async () => {
    const disk = newDisk(64 << 10);
    await kv(disk, 'set a old');
    // Four blocks of 480 bytes; the third is torn, the fourth never written.
    const torn = `set a ${'z'.repeat(1900)}`;
    expect((await kv(disk, torn, { HOST_CRASH_WRITE: '3', HOST_CRASH_BYTES: '100' })).status).toBe(99);
    expect((await kv(disk, 'get a ; set b short ; set c short')).stdout).toBe('old\n');
    expect(await contents(disk)).toEqual(new Map(Object.entries({ a: 'old', b: 'short', c: 'short' })));
  });
});

describe('a damaged device', () => {
  async function damaged(at: number): Promise<string> {
    const disk = newDisk(64 << 10);
    await kv(disk, 'set a 1 ; set b 2 ; set c 3 ; set d 4');
    const bytes = readFileSync(disk);
    bytes[at] ^= 1;
    writeFileSync(disk, bytes);
    return disk;
  }

  test('with a bad record in the middle is read as far as possible, not written, and repaired on request', async () => {
    const disk = await damaged(3 * 512 + 44);
    const check = await kv(disk, 'check');
    expect(check.status).toBe(3);
    expect(check.stdout).toContain('damaged');
    expect((await kv(disk, 'get a ; get b')).stdout).toBe('1\n2\n');
    expect((await kv(disk, 'set e 5')).status).toBe(3);
    expect(await kv(disk, 'repair ; set e 5 ; check')).toMatchObject({ status: 0 });
    expect(await contents(disk)).toEqual(new Map(Object.entries({ a: '1', b: '2', e: '5' })));
  });

  test('with a bad head is refused rather than emptied', async () => {
    const disk = await damaged(20);
    const before = readFileSync(disk);
    const result = await kv(disk, 'list');
    expect(result.status).toBe(3);
    expect(result.stdout).toContain('format');
    expect(readFileSync(disk).equals(before)).toBe(true);
    expect(await kv(disk, 'format ; set a new ; get a')).toMatchObject({ status: 0, stdout: 'new\n' });
  });

  test('that holds something else is left alone', async () => {
    const disk = newDisk(64 << 10, 0x41);
    expect((await kv(disk, 'set a 1')).status).toBe(3);
    expect(readFileSync(disk).every((byte) => byte === 0x41)).toBe(true);
  });

  test('never makes the program read or write out of bounds', { timeout: 60_000 }, async () => {
    const healthy = newDisk(16 << 10);
    await kv(healthy, `set a 1 ; set b ${'y'.repeat(1500)} ; set c 3 ; compact ; set d 4`);
    const good = readFileSync(healthy);
    const disk = newDisk(0);
    for (let i = 0; i < (long ? 150 : 25); i++) {
      const random = createRandom(3, i);
      const bytes = Buffer.from(good);
      for (let n = 1 + random.below(4); n > 0; n--) {
        // Mostly in headers: 32 bytes of each 512, then the record's own 8.
        const at = random.below(32) * 512 + random.below(random.oneIn(3) ? 512 : 48);
        bytes[at] = random.below(256);
      }
      writeFileSync(disk, bytes);
      const result = await kv(disk, 'check ; list ; get b ; set x 1 ; repair');
      expect(result.stderr).toBe('');
      expect([0, 1, 3]).toContain(result.status);
    }
  });

  test('that is too small or not there is an error', async () => {
    expect((await kv(newDisk(1024), 'list')).status).toBe(3);
    expect((await run(checked, ['list'])).status).toBe(3);
  });
});
