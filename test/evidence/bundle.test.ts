import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Bundle, packBundle, unpackBundle } from '../../evidence/bundle.ts';
import { type Key, preAuthenticated, signatureOf, signBundle, verifyEnvelope } from '../../evidence/envelope.ts';
import { project } from '../pipeline/support.ts';
import { makeKey } from '../support/keys.ts';
import { createRandom } from '../support/random.ts';

const files: Bundle = new Map([
  ['evidence.json', Buffer.from('{"a":1}\n')],
  ['app.hvt', Uint8Array.from({ length: 700 }, (_, i) => (i * 7) & 255)],
  ['proofs/0123.smt2', Buffer.from('(check-sat)\n')],
  ['sources/empty.ts', new Uint8Array()],
]);
const key = makeKey();
const pack = (bundle: Bundle): Buffer => Buffer.concat([...packBundle(bundle)]);
const signed = pack(signBundle(files, [key.signing]));

const judge = (bytes: Uint8Array, keys: readonly Key[] = [key.judging]) =>
  verifyEnvelope(unpackBundle(bytes, 'app.evidence'), keys, 'app.evidence');

function errorOf(work: () => unknown): { code: string; message: string } {
  try {
    work();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('nothing was thrown');
}

describe('a bundle', () => {
  it('is unpacked to what was packed, and does not depend on the order of its files', () => {
    expect(new Map([...unpackBundle(pack(files), 'b')].map(([name, bytes]) => [name, [...bytes]]))).toEqual(
      new Map([...files].sort().map(([name, bytes]) => [name, [...bytes]])),
    );
    expect(pack(new Map([...files].reverse()))).toEqual(pack(files));
  });

  it('is what tar reads, with no times and no owners', () => {
    const folder = project();
    writeFileSync(join(folder, 'b.tar'), pack(files));
    execFileSync('tar', ['xf', 'b.tar'], { cwd: folder });
    for (const [name, bytes] of files) expect([...readFileSync(join(folder, name))]).toEqual([...bytes]);
    expect(statSync(join(folder, 'app.hvt')).mtimeMs).toBe(0);
    expect(execFileSync('tar', ['tvf', 'b.tar'], { cwd: folder, encoding: 'utf8' })).toContain('-rw-r--r-- 0/0');
  });

  it.each(['../x', '/etc/passwd', 'proofs/../x', 'proofs/a/b', '.hidden', 'a b', '', 'x'.repeat(101), 'a\nb'])(
    'has no file called %j',
    (name) => {
      expect(errorOf(() => pack(new Map([[name, new Uint8Array()]]))).code).toBe('evidence');
    },
  );

  it('is not another archive of the same files', () => {
    const folder = project(Object.fromEntries(files));
    execFileSync('tar', ['cf', 'b.tar', ...files.keys()], { cwd: folder });
    expect(errorOf(() => unpackBundle(readFileSync(join(folder, 'b.tar')), 'b')).message).toContain('its header');
  });

  it('is refused when it was cut off, wherever that is', () => {
    for (let size = 0; size < signed.length; size += 101)
      expect(errorOf(() => unpackBundle(signed.subarray(0, size), 'b')).code).toBe('evidence');
    expect(errorOf(() => unpackBundle(Buffer.concat([signed, Buffer.alloc(512)]), 'b')).code).toBe('evidence');
  });
});

describe('a signed bundle', () => {
  it.each(['ed25519', 'p-256'] as const)('is accepted under its key of type %s, and under no other', (type) => {
    const own = makeKey(type);
    const bytes = pack(signBundle(files, [own.signing], { release: 7 }));
    expect(judge(bytes, [own.judging])).toEqual({ release: 7 });
    for (const other of [makeKey(type), makeKey('ed25519')])
      expect(errorOf(() => judge(bytes, [other.judging])).message).toMatch(/signed by [0-9a-f]{64}; expected/);
  });

  it('is the same bytes each time with Ed25519', () => {
    expect(pack(signBundle(files, [key.signing]))).toEqual(signed);
    expect(pack(signBundle(unpackBundle(signed, 'b'), [key.signing]))).toEqual(signed);
  });

  it('fails with any single bit of any byte flipped, and names a file of it', () => {
    const random = createRandom(9, 0);
    const names = [...unpackBundle(signed, 'b').keys()];
    expect(signed.length).toBeGreaterThan(5000);
    for (let at = 0; at < signed.length; at++) {
      const flipped = Uint8Array.from(signed);
      flipped[at]! ^= 1 << random.below(8);
      const { code, message } = errorOf(() => judge(flipped));
      expect(['signature', 'evidence']).toContain(code);
      // Of a name that was changed itself, it is the place.
      const header = Number(/at byte (\d+)/.exec(message)?.[1] ?? Number.NaN);
      const isNamed = names.some((name) => message.includes(name)) || (header <= at && at < header + 512);
      expect(isNamed, `byte ${at}: ${message}`).toBe(true);
    }
  });

  it('fails with a file more, less, exchanged or renamed, and names it', () => {
    const all = unpackBundle(signed, 'b');
    const without = new Map([...all].filter(([name]) => name !== 'app.hvt'));
    const other = new Map([...all, ['app.hvt', Buffer.from('x')]]) as Bundle;
    const more = new Map([...all, ['more.txt', Buffer.from('x')]]) as Bundle;
    const renamed = new Map([...without, ['app2.hvt', all.get('app.hvt')!]]) as Bundle;
    for (const [bundle, message] of [
      [without, 'app.hvt: is missing'],
      [other, 'app.hvt: its SHA-256 is'],
      [more, 'more.txt: is not signed'],
      [renamed, 'app.hvt: is missing'],
    ] as const)
      expect(errorOf(() => judge(pack(bundle))).message).toContain(message);
  });

  it('needs the signature of every key that is named, and has none besides', () => {
    const second = makeKey('p-256');
    const both = pack(signBundle(files, [key.signing, second.signing]));
    expect(judge(both, [second.judging, key.judging])).toEqual({});
    expect(errorOf(() => judge(both)).message).toContain('expected');
    expect(errorOf(() => judge(signed, [key.judging, second.judging])).message).toContain('expected');
  });

  it('is not one that nobody signed', () => {
    expect(errorOf(() => judge(pack(files))).message).toContain('nobody has signed this bundle');
  });

  it('may say nothing that is not about its files, even under the right key', () => {
    const payload = Buffer.from('{"_type":"https://in-toto.io/Statement/v1","subject":[]}');
    const forged = signBundle(files, [key.signing]);
    const envelope = JSON.parse(Buffer.from(forged.get('evidence.dsse.json')!).toString());
    envelope.payload = payload.toString('base64');
    envelope.signatures = [signatureOf(payload, key.signing)];
    const bundle = new Map([...files, ['evidence.dsse.json', Buffer.from(`${JSON.stringify(envelope)}\n`)]]) as Bundle;
    expect(errorOf(() => judge(pack(bundle))).message).toContain('no statement about a bundle');
  });

  it('is signed over what DSSE says', () => {
    // The example of DSSE's protocol.md, with our payload type.
    expect(Buffer.from(preAuthenticated(Buffer.from('hello world'))).toString()).toBe(
      'DSSEv1 28 application/vnd.in-toto+json 11 hello world',
    );
  });
});
