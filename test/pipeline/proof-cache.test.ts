/** The secret behind a user's records, and the memory of Z3's hash: not for others, and not from others. */
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openProofCache, rememberedIdentity } from '../../pipeline/proof-cache.ts';
import { openSealedStore } from '../../pipeline/sealed-store.ts';
import { userCacheFolder, userSecret } from '../../pipeline/user-secret.ts';
import { sha256Of } from '../../proofs/smt/record.ts';
import { temporaryFolder } from '../support/paths.ts';

const fresh = (): string => join(temporaryFolder('secret'), 'casemate');
const secretOf = (folder: string): string => {
  const found = userSecret(folder);
  return 'secret' in found ? Buffer.from(found.secret).toString('hex') : found.problem;
};

describe("a user's secret", () => {
  it('is made once, for this user alone, and the same from then on', () => {
    const folder = fresh();
    expect(secretOf(folder)).toMatch(/^[0-9a-f]{64}$/);
    expect(secretOf(folder)).toBe(secretOf(folder));
    expect(statSync(join(folder, 'secret')).mode & 0o777).toBe(0o600);
    expect(secretOf(fresh())).not.toBe(secretOf(folder));
  });

  it('is none where others could have put or read it', () => {
    const spoilt: ((folder: string) => void)[] = [
      (folder) => chmodSync(join(folder, 'secret'), 0o644),
      (folder) => chmodSync(folder, 0o777),
      (folder) => writeFileSync(join(folder, 'secret'), 'short'),
      (folder) => writeFileSync(join(folder, 'secret'), 'x'.repeat(33)),
    ];
    const problems = spoilt.map((spoil) => {
      const folder = fresh();
      secretOf(folder);
      spoil(folder);
      return secretOf(folder);
    });
    expect(problems).toEqual([
      expect.stringContaining('mode 644 lets others in; remove it'),
      expect.stringContaining('mode 777 lets others write'),
      expect.stringContaining('no 32 bytes'),
      expect.stringContaining('no 32 bytes'),
    ]);
    const linked = fresh();
    mkdirSync(linked, { mode: 0o700 });
    const foreign = fresh();
    secretOf(foreign);
    symlinkSync(join(foreign, 'secret'), join(linked, 'secret'));
    expect(secretOf(linked)).toMatch(/symbolic link/);
    expect(secretOf('/dev/null/casemate')).toMatch(/not a directory/);
  });

  it("lies in the user's cache folder, wherever the records are", () => {
    expect(userCacheFolder({ XDG_CACHE_HOME: '/x', HOME: '/home/u' })).toBe('/x/casemate');
    expect(userCacheFolder({ XDG_CACHE_HOME: 'relative', HOME: '/home/u' })).toBe('/home/u/.cache/casemate');
    expect(userCacheFolder({ HOME: '.' })).toBeUndefined();
    const home = temporaryFolder('home');
    const records = fresh();
    // A secret that came with the records counts for nothing.
    userSecret(records);
    const { cache } = openProofCache(records, { HOME: home });
    expect(cache?.folder).toBe(records);
    expect(Buffer.from(cache!.secret!).toString('hex')).toBe(secretOf(join(home, '.cache/casemate')));
    expect(openProofCache(records, { HOME: '.' })).toMatchObject({ cache: { folder: records }, problem: /HOME/ });
    expect(openProofCache(undefined, { HOME: '.' }).cache).toBeUndefined();
  });
});

describe("the hash of Z3's build", () => {
  const later = Date.now() + 1_000_000;
  const ask = (folder: string, file: string, now = later, secret = new Uint8Array(32)) => {
    let asked = 0;
    const store = openSealedStore({ folder, secret, purpose: 'z3', most: 8, now: Date.now });
    const identity = rememberedIdentity(store, now, [file], () => {
      asked++;
      return sha256Of(readFileSync(file, 'utf8'));
    });
    return [identity, asked];
  };

  it('is remembered while the files are the same, and under this secret only', () => {
    const folder = temporaryFolder('identity');
    const file = join(folder, 'build');
    writeFileSync(file, 'one');
    const truth = sha256Of('one');
    const store = join(folder, 'store');
    // What changed a moment ago might change again unseen.
    const now = statSync(file).ctimeMs;
    expect([ask(store, file, now), ask(store, file, now)]).toEqual(Array(2).fill([truth, 1]));
    expect([ask(store, file), ask(store, file)]).toEqual([
      [truth, 1],
      [truth, 0],
    ]);
    expect(ask(store, file, later, new Uint8Array(32).fill(1))).toEqual([truth, 1]);
  });

  it('is not remembered of a file that only looks the same', () => {
    const folder = temporaryFolder('identity');
    const file = join(folder, 'build');
    writeFileSync(file, 'one');
    const store = join(folder, 'store');
    const { atime, mtime } = statSync(file);
    expect(ask(store, file)).toEqual([sha256Of('one'), 1]);
    writeFileSync(file, 'two');
    utimesSync(file, atime, mtime);
    expect(ask(store, file)).toEqual([sha256Of('two'), 1]);
  });
});
