/** The secret behind a user's records, and the memory of Z3's hash: not for others, and not from others. */
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { identityFile, openProofCache, rememberedIdentity } from '../../pipeline/proof-cache.ts';
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
  const secret = new Uint8Array(32).fill(1);
  const later = Date.now() + 1_000_000;

  it('is remembered while the files are the same, and under this secret only', () => {
    const folder = temporaryFolder('identity');
    const file = join(folder, 'build');
    writeFileSync(file, 'one');
    const ask = (now = later, key = secret): string =>
      rememberedIdentity(folder, key, now, [file], () => sha256Of(readFileSync(file, 'utf8')));
    const memory = identityFile(folder, [file]);
    const truth = sha256Of('one');
    // What changed a moment ago might change again unseen.
    expect(ask(statSync(file).ctimeMs)).toBe(truth);
    expect(() => readFileSync(memory)).toThrow();
    expect(ask()).toBe(truth);
    const [identity, seal] = readFileSync(memory, 'utf8').split('\n');
    expect(identity).toBe(truth);
    const lie = 'e'.repeat(64);
    for (const text of [`${lie}\n${seal}\n`, `${lie}\n${lie}\n`, `${lie}\n`, '', 'x'.repeat(5000)]) {
      writeFileSync(memory, text);
      expect(ask()).toBe(truth);
    }
    writeFileSync(memory, `${identity}\n${seal}\n`);
    expect(ask(later, new Uint8Array(32))).toBe(truth);
    expect(readFileSync(memory, 'utf8')).not.toContain(seal);
  });

  it('is not remembered of a file that only looks the same', () => {
    const folder = temporaryFolder('identity');
    const file = join(folder, 'build');
    writeFileSync(file, 'one');
    const ask = (): string =>
      rememberedIdentity(folder, secret, later, [file], () => sha256Of(readFileSync(file, 'utf8')));
    const { atime, mtime } = statSync(file);
    expect(ask()).toBe(sha256Of(readFileSync(file, 'utf8')));
    const before = readFileSync(identityFile(folder, [file]), 'utf8');
    expect(ask()).toBe(sha256Of(readFileSync(file, 'utf8')));
    expect(readFileSync(identityFile(folder, [file]), 'utf8')).toBe(before);
    writeFileSync(file, 'two');
    utimesSync(file, atime, mtime);
    expect(ask()).toBe(sha256Of(readFileSync(file, 'utf8')));
    expect(readFileSync(identityFile(folder, [file]), 'utf8')).not.toBe(before);
  });
});
