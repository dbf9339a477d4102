/** Entries that count under the user's seal alone, and of which the ones used last stay. */
import { copyFileSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSealedStore, type SealedStoreOptions } from '../../pipeline/sealed-store.ts';
import { temporaryFolder } from '../support/paths.ts';

const HOUR = 3_600_000;
const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = (found: Uint8Array | undefined): string | undefined => found && Buffer.from(found).toString();

function options(more: Partial<SealedStoreOptions> = {}): SealedStoreOptions {
  const secret = new Uint8Array(32).fill(1);
  const folder = join(temporaryFolder('store'), 'made');
  return { folder, secret, purpose: 'test', most: 100, now: Date.now, ...more };
}

const pathsIn = (folder: string): string[] => readdirSync(folder).map((name) => join(folder, name));

describe('a store', () => {
  it('gives back what was put, empty or not, and nothing else', () => {
    const store = openSealedStore(options());
    expect(store.get('a')).toBeUndefined();
    store.put('a', bytes('one'));
    store.put('b', bytes(''));
    expect([store.get('a'), store.get('b'), store.get('c')].map(textOf)).toEqual(['one', '', undefined]);
    store.put('a', bytes('two'));
    expect(textOf(store.get('a'))).toBe('two');
  });

  it('believes no entry of another secret, purpose or key, changed, cut or longer', () => {
    const own = options();
    const store = openSealedStore(own);
    store.put('a', bytes('one'));
    for (const other of [{ secret: new Uint8Array(32) }, { purpose: 'tess' }])
      expect(openSealedStore({ ...own, ...other }).get('a')).toBeUndefined();
    const [path] = pathsIn(own.folder);
    const whole = readFileSync(path);
    store.put('b', bytes('other'));
    const [other] = pathsIn(own.folder).filter((one) => one !== path);
    copyFileSync(path, other);
    expect(store.get('b')).toBeUndefined();
    const spoilt = [whole.subarray(0, 31), whole.subarray(0, 34), Buffer.concat([whole, bytes('x')]), bytes('')];
    for (let i = 0; i < whole.length; i++) {
      const changed = Buffer.from(whole);
      changed[i] ^= 0x40;
      spoilt.push(changed);
    }
    for (const wrong of spoilt) {
      writeFileSync(path, wrong);
      expect(store.get('a')).toBeUndefined();
    }
    writeFileSync(path, whole);
    expect(textOf(store.get('a'))).toBe('one');
  });

  it('keeps what was used last, for this user alone', () => {
    const own = options({ most: 4 });
    const store = openSealedStore(own);
    for (const [i, key] of ['a', 'b', 'c', 'd'].entries()) {
      const before = new Set(i === 0 ? [] : pathsIn(own.folder));
      store.put(key, bytes(key));
      const [made] = pathsIn(own.folder).filter((path) => !before.has(path));
      const then = (Date.now() - (10 - i) * HOUR) / 1000;
      utimesSync(made, then, then);
    }
    expect(textOf(store.get('a'))).toBe('a');
    store.put('e', bytes('e'));
    expect(['a', 'b', 'c', 'd', 'e'].filter((key) => store.get(key) !== undefined)).toEqual(['a', 'e']);
    expect(pathsIn(own.folder).map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600]);
  });

  it('keeps nothing where it cannot, without a word', () => {
    const store = openSealedStore(options({ folder: '/dev/null/store' }));
    store.put('a', bytes('one'));
    expect(store.get('a')).toBeUndefined();
  });
});
