/**
 * examples/vault under Node.js: its cipher is the one of RFC 8439 and of OpenSSL, a volume that is sealed and opened is as
 * it was, and a power cut at any write loses nothing.
 */
import { createCipheriv } from 'node:crypto';
import { simulate } from 'casemate/platform/node';
import { describe, expect, it } from 'vitest';
import {
  eraseKey,
  eraseState,
  keystream,
  quarterRound,
  takeKey,
  tellKey,
  transform,
} from '../../../examples/vault/chacha20.ts';
import { main } from '../../../examples/vault/main.ts';
import { isLong } from '../../support/long.ts';
import { createRandom } from '../../support/random.ts';

const SECTOR = 512;
const bytesOf = (seed: number, size: number): Buffer => {
  const random = createRandom(seed, 0);
  return Buffer.from(Array.from({ length: size }, () => random.below(256)));
};

/** OpenSSL's ChaCha20 from the block `counter` on. */
function reference(key: Uint8Array, counter: number, nonce: readonly number[], text: Uint8Array): Buffer {
  const iv = Buffer.alloc(16);
  for (const [i, word] of [counter, ...nonce].entries()) iv.writeUInt32LE(word, 4 * i);
  return createCipheriv('chacha20', key.subarray(0, 32), iv).update(text);
}

const stateOf = (key: Uint8Array): Uint32Array => {
  const state = new Uint32Array(16);
  takeKey(state, Buffer.concat([key, Buffer.alloc(SECTOR - key.length)]));
  return state;
};

describe('the cipher', () => {
  it('has the quarter round of RFC 8439, 2.1.1', () => {
    expect(quarterRound(0x11111111, 0x01020304, 0x9b8d6f43, 0x01234567)).toEqual({
      ...{ a: 0xea2a92f4, b: 0xcb1cf8ce, c: 0x4581472e, d: 0x5881c4bb },
    });
  });

  it('has the block function of RFC 8439, 2.3.2', () => {
    const state = stateOf(Uint8Array.from({ length: 32 }, (_, i) => i));
    state.set([1, 0x09000000, 0x4a000000, 0], 12);
    const block = new Uint32Array(16);
    keystream(block, state);
    expect([...block].map((word) => word.toString(16).padStart(8, '0')).join(' ')).toBe(
      'e4e7f110 15593bd1 1fdd0f50 c47120a3 c7f4d1c7 0368c033 9aaa2204 4e6cd4c3 ' +
        '466482d2 09aa9f07 05d7c214 a2028bd9 d19c12b5 b94e16de e883d0cb 4e3c50a2',
    );
  });

  it('is what OpenSSL does, whatever the key, the sector and the generation', () => {
    for (let round = 0; round < (isLong ? 2000 : 60); round++) {
      const random = createRandom(7, round);
      const [key, sector] = [bytesOf(2 * round, 32), bytesOf(2 * round + 1, SECTOR)];
      const number = random.oneIn(2) ? random.below(100) : random.below(0x20000000);
      const generation = random.oneIn(4) ? 0xffffffff : random.below(0x100000000);
      const out = Uint8Array.from(sector);
      transform(out, stateOf(key), number, generation);
      expect(Buffer.from(out)).toEqual(reference(key, 8 * number, [0, generation, 0], sector));
    }
  });

  it('tells a key by a nonce that no sector has, and erases all that it is told to', () => {
    const key = bytesOf(5, 32);
    const state = stateOf(key);
    const check = new Uint8Array(16);
    tellKey(check, state);
    expect(Buffer.from(check)).toEqual(reference(key, 0, [1, 0, 0], Buffer.alloc(16)));
    const sector = Uint8Array.from(bytesOf(6, SECTOR));
    eraseKey(sector);
    eraseState(state);
    expect([...sector, ...state].every((one) => one === 0)).toBe(true);
  });
});

/** What is thrown where the power goes. */
class PowerCut extends Error {}

/** A device that has so many writes left. */
class Cut extends Uint8Array {
  static left = Number.POSITIVE_INFINITY;
  override set(from: ArrayLike<number>): void {
    if (Cut.left-- <= 0) throw new PowerCut();
    super.set(from);
  }
}

interface Run {
  readonly status: number | undefined;
  readonly said: string;
}

function vault(words: string, key: Uint8Array, data: Uint8Array, blockSize = SECTOR): Run {
  let said = '';
  const blocks = [
    { name: 'key', blockSize, bytes: key },
    { name: 'data', blockSize, bytes: data },
  ].filter(({ bytes }) => bytes.length > 0);
  const status = simulate(main, {
    ...{ arguments: words, blocks },
    console: (bytes) => {
      said += Buffer.from(bytes).toString();
    },
  });
  return { status, said };
}

const OWN = 3;
const keyDevice = bytesOf(1, SECTOR);
/** A volume with this content. */
const volume = (content: Uint8Array): Uint8Array => {
  const bytes = new Cut(content.length + OWN * SECTOR);
  Uint8Array.prototype.set.call(bytes, content);
  return bytes;
};
const contentOf = (data: Uint8Array): Buffer => Buffer.from(data).subarray(0, data.length - OWN * SECTOR);

describe('the vault', () => {
  it('seals as OpenSSL does, each time with another nonce, and opens what it sealed', () => {
    for (const sectors of [1, 2, 9]) {
      const content = bytesOf(3, sectors * SECTOR);
      const data = volume(content);
      for (const generation of [1, 2, 3]) {
        expect(vault('seal', keyDevice, data)).toEqual({
          ...{ status: 0, said: 'vault: the volume is sealed, and the key is gone\n' },
        });
        expect(contentOf(data)).toEqual(reference(keyDevice, 0, [0, generation, 0], content));
        expect(Buffer.from(data).includes(keyDevice.subarray(0, 8))).toBe(false);
        expect(vault('open', keyDevice, data).status).toBe(0);
        expect(contentOf(data)).toEqual(content);
      }
    }
  });

  it('does nothing without the key of the volume, nor in the wrong state', () => {
    const data = volume(bytesOf(3, 2 * SECTOR));
    expect(vault('open', keyDevice, data).status).toBe(3);
    expect(vault('seal', keyDevice, data).status).toBe(0);
    const before = Buffer.from(data);
    expect(vault('open', bytesOf(2, SECTOR), data)).toMatchObject({
      status: 1,
      said: expect.stringContaining('not the key'),
    });
    expect(vault('seal', keyDevice, data).status).toBe(3);
    expect(Buffer.from(data)).toEqual(before);
  });

  it('sleeps with --stay, and refuses what it does not understand', () => {
    const data = (): Uint8Array => volume(bytesOf(3, SECTOR));
    expect(vault('seal --stay', keyDevice, data())).toMatchObject({
      status: undefined,
      said: expect.stringContaining('gone'),
    });
    expect(vault('  --stay  seal ', keyDevice, data()).status).toBe(undefined);
    for (const words of ['', '--stay', 'seal open', 'seal seal', 'close', 'seals', 'x'.repeat(300)])
      expect(vault(words, keyDevice, data()).status, words).toBe(2);
  });

  it('refuses devices that hold no volume, or are none', () => {
    const content = bytesOf(3, 2 * SECTOR);
    const damaged = (at: number, value: number): Uint8Array => {
      const data = volume(content);
      data[(at + data.length) % data.length] = value;
      return data;
    };
    // Something else at the end; a place that is taken.
    for (const at of [-1, -SECTOR, -SECTOR - 1, -3 * SECTOR])
      expect(vault('seal', keyDevice, damaged(at, 1)).status).toBe(3);
    expect(vault('seal', keyDevice, new Cut(OWN * SECTOR)).status).toBe(3);
    expect(vault('seal', keyDevice, new Cut(0)).status).toBe(4);
    expect(vault('seal', new Uint8Array(0), volume(content)).status).toBe(4);
    expect(vault('seal', new Uint8Array(4096), new Cut(65536), 4096).status).toBe(4);
  });

  it('refuses headers that no volume has, and changes nothing', () => {
    const data = volume(bytesOf(3, 2 * SECTOR));
    vault('seal', keyDevice, data);
    const header = data.length - SECTOR;
    for (const [at, value] of [
      [8, 1],
      [11, 4],
      [11, 255],
    ]) {
      const changed = new Cut(data.length);
      Uint8Array.prototype.set.call(changed, data);
      changed[header + at!] = value!;
      const before = Buffer.from(changed);
      for (const words of ['open', 'seal']) expect(vault(words, keyDevice, changed).status).toBe(3);
      expect(Buffer.from(changed)).toEqual(before);
    }
    // In hand is a sector beyond the content.
    data[header + 11] = 3;
    data[header + 15] = 2;
    expect(vault('open', keyDevice, data).status).toBe(3);
  });

  it('loses nothing by a power cut at any write, or two, and goes on where it was', () => {
    const content = bytesOf(4, 3 * SECTOR);
    const copyOf = (data: Uint8Array): Uint8Array => {
      const copy = new Cut(data.length);
      Uint8Array.prototype.set.call(copy, data);
      return copy;
    };
    /** Whether the power went before it was done. */
    const isCut = (words: string, data: Uint8Array, writes: number): boolean => {
      Cut.left = writes;
      try {
        expect(vault(words, keyDevice, data).status).toBe(0);
        return false;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        return true;
      } finally {
        Cut.left = Number.POSITIVE_INFINITY;
      }
    };
    const finish = (words: string, data: Uint8Array): void => {
      const [other, last] = words === 'seal' ? ['open', 'open'] : ['seal', undefined];
      expect(vault(other!, keyDevice, copyOf(data)).status).toBe(3);
      expect(vault(words, keyDevice, data).status).toBe(0);
      if (last !== undefined) expect(vault(last, keyDevice, data).status).toBe(0);
      expect(contentOf(data)).toEqual(content);
    };
    let cuts = 0;
    for (const words of ['seal', 'open']) {
      const fresh = volume(content);
      if (words === 'open') vault('seal', keyDevice, fresh);
      for (let first = 0; ; first++) {
        const data = copyOf(fresh);
        if (!isCut(words, data, first)) break;
        for (let second = 0; ; second++) {
          const again = copyOf(data);
          if (!isCut(words, again, second)) break;
          finish(words, again);
          cuts++;
        }
      }
    }
    // 11 writes, of which each cut leaves fewer, and 10.
    expect(cuts).toBeGreaterThan(60);
  });
});
