/** Rules that search: private keys and certificates, paths and names of the build machine. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { findRawKeys, publicKeyOf } from '../../hardening/secrets/raw-keys.ts';
import { bare, madeSubject, outcomes, program, stripped, subjectOf, text } from './support.ts';

const image = (bytes: Uint8Array) => madeSubject([{ type: 1, flags: 4, address: 0x1000n, bytes }]);
const padded = (bytes: Uint8Array, before = 77): Uint8Array =>
  Buffer.concat([Buffer.alloc(before, 0x30), bytes, Buffer.alloc(100)]);

const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const ed = generateKeyPairSync('ed25519');
const x = generateKeyPairSync('x25519');
const der = (key: KeyObject, type: 'pkcs1' | 'pkcs8' | 'sec1'): Buffer => key.export({ format: 'der', type });
const pem = (key: KeyObject, type: 'pkcs1' | 'pkcs8' | 'sec1'): Buffer =>
  Buffer.from(key.export({ format: 'pem', type }));
const raw = (pair: { privateKey: KeyObject; publicKey: KeyObject }): [Buffer, Buffer] => [
  pair.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32),
  pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32),
];

/** Self-signed, of a key that nobody has any more. */
const certificate =
  'MIIBLDCB36ADAgECAhRLBjaV8O+N9yZkhq9SrokFoDu5rzAFBgMrZXAwDDEKMAgGA1UEAwwBeDAeFw0yNjExMjkxODE2MTBa' +
  'Fw0yNjEyMDExODE2MTBaMAwxCjAIBgNVBAMMAXgwKjAFBgMrZXADIQDfy87BwT42qeMqjX2AUe5p/JSISbq29QlAURzhnLhl' +
  'U6NTMFEwHQYDVR0OBBYEFGzb2mX0wVUmWlKd6b7DBBCd6LLbMB8GA1UdIwQYMBaAFGzb2mX0wVUmWlKd6b7DBBCd6LLbMA8G' +
  'A1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EAgRATCj78//+7Un8Xz2a12++mq4Db456XMxpqzRFzUf6a40w+EhAkgMFzOK/cIIxP' +
  'yIDgiZJUFdp/UhtQ094bDA==';

describe('secrets', () => {
  it.each([
    ['PKCS#1 in DER', der(rsa.privateKey, 'pkcs1'), 'PKCS#1 private key'],
    ['PKCS#8 in DER', der(rsa.privateKey, 'pkcs8'), 'PKCS#8 private key'],
    ['Ed25519 in DER', der(ed.privateKey, 'pkcs8'), 'PKCS#8 private key'],
    ['SEC1 in DER', der(ec.privateKey, 'sec1'), 'SEC1 private key'],
    ['PKCS#1 in PEM', pem(rsa.privateKey, 'pkcs1'), 'PEM rsa private key'],
    ['PKCS#8 in PEM', pem(x.privateKey, 'pkcs8'), 'PEM private key'],
    ['SEC1 in PEM', pem(ec.privateKey, 'sec1'), 'PEM ec private key'],
    [
      'an encrypted one',
      Buffer.from(ec.privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-128-cbc', passphrase: 'x' })),
      'PEM encrypted private key',
    ],
    [
      'one as it stands in a C string',
      Buffer.from(pem(ec.privateKey, 'pkcs8').toString().replaceAll('\n', '\\n')),
      'PEM private key',
    ],
  ])('finds a private key: %s', (_, bytes, kind) => {
    expect(outcomes('secrets', image(padded(bytes)))[0]).toBe('fail');
    expect(text('secrets', image(padded(bytes)))).toContain(`1 private key: ${kind} at file offset 0x`);
  });

  it("finds OpenSSH's format, in armour and without", () => {
    const counted = (words: string): Buffer => {
      const size = Buffer.alloc(4);
      size.writeUInt32BE(words.length);
      return Buffer.concat([size, Buffer.from(words, 'latin1')]);
    };
    const fields = ['none', 'none', '', '\u0001'.repeat(51), '\u0002'.repeat(140)].map(counted);
    const binary = Buffer.concat([Buffer.from('openssh-key-v1\0'), ...fields]);
    expect(text('secrets', image(padded(binary)))).toContain('1 private key: OpenSSH private key');
    const lines = binary.toString('base64').replace(/.{70}/g, '$&\n');
    const armour = `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`;
    expect(text('secrets', image(padded(Buffer.from(armour))))).toContain('1 private key: PEM openssh private key');
    // What reads such keys holds both words, and no key.
    const reader = Buffer.from('-----BEGIN OPENSSH PRIVATE KEY-----\n\0openssh-key-v1\0\0\0\0\0\0');
    expect(outcomes('secrets', image(padded(reader)))[0]).toBe('pass');
  });

  it.each([
    ['a label alone', Buffer.from('-----BEGIN PRIVATE KEY-----\n\0-----END PRIVATE KEY-----\n')],
    ['a label with other text', Buffer.from('-----BEGIN RSA PRIVATE KEY-----\nnot base64 at all!\n')],
    ['a public key', Buffer.from(rsa.publicKey.export({ format: 'pem', type: 'spki' }))],
    ['a public key in DER', rsa.publicKey.export({ format: 'der', type: 'pkcs1' })],
    ['an RSA key whose primes do not fit', Buffer.from(der(rsa.privateKey, 'pkcs1')).fill(0x55, 20, 40)],
  ])('does not take %s for one', (_, bytes) => {
    expect(outcomes('secrets', image(padded(bytes)))[0]).toBe('pass');
  });

  it('shows certificates without judging them', () => {
    const lines = certificate.replace(/.{64}/g, '$&\n');
    const armour = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
    const both = Buffer.concat([Buffer.from(certificate, 'base64'), Buffer.from(armour)]);
    expect(outcomes('secrets', image(padded(both)))[0]).toBe('pass');
    expect(text('secrets', image(padded(both)))).toContain('2 certificates');
  });

  it('derives public keys as RFC 8032 and node:crypto do', () => {
    const hex = (words: string): Buffer => Buffer.from(words, 'hex');
    const seed = hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
    expect(publicKeyOf('Ed25519', seed)).toEqual(
      hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'),
    );
    for (const [kind, pair] of [
      ['Ed25519', ed],
      ['X25519', x],
    ] as const) {
      const [secret, open] = raw(pair);
      expect(publicKeyOf(kind, secret)).toEqual(open);
    }
  });

  it.each([
    ['Ed25519', 'before', ...raw(ed)],
    ['Ed25519', 'after', ...raw(ed)],
    ['X25519', 'before', ...raw(x)],
    ['X25519', 'after', ...raw(x)],
  ])('finds a raw %s key %s its public key, at any alignment', (kind, order, secret, open) => {
    const pair = order === 'before' ? [secret, open] : [open, secret];
    for (const before of [64, 61]) {
      const subject = image(padded(Buffer.concat([...pair, Buffer.alloc(7)]), before));
      expect(outcomes('secrets', subject)).toEqual(['pass', 'fail']);
      expect(text('secrets', subject)).toContain(`${kind} private key at file offset 0x`);
      expect(text('secrets', subject)).toContain(`32 bytes ${order} its public key`);
    }
  });

  it('does not take a public key alone, or two that do not belong together, for a pair', () => {
    const [secret] = raw(ed);
    const other = raw(x)[1];
    expect(outcomes('secrets', image(padded(Buffer.concat([secret, other]))))).toEqual(['pass', 'pass']);
  });

  it('says what it did not try', () => {
    const noise = Buffer.from(Array.from({ length: 400 }, (_, i) => (i * i * 7 + i * 131) % 251));
    const keys = findRawKeys(noise, 0, 4);
    expect(keys.tried).toBe(4);
    expect(keys.untried).toBeGreaterThan(0);
  });
});

describe('leaks', () => {
  const source = (words: string): string =>
    `const char* s; void _start(void) { s = ${JSON.stringify(words)}; for (;;); }`;

  it.each([
    '/home/ada/app/main.c',
    ['', 'root', 'x.c'].join('/'),
    '/build/ocaml-4.13/x.ml',
    '/usr/src/app/y.c',
    'C:\\Users\\ada\\app\\main.c',
    '/tmp/cc8a/x.c',
  ])('finds %s', async (path) => {
    const subject = subjectOf(await program(source(`error in ${path}: no`), bare));
    expect(outcomes('leaks', subject)[0]).toBe('fail');
    expect(text('leaks', subject)).toContain(path);
    if (path.includes('ada')) expect(text('leaks', subject)).toContain('users: ada');
  });

  it('lets be what is none', async () => {
    const words = '/usr/lib/x.so /tmp /home http://a.b/home/x ./build/x C: x';
    expect(outcomes('leaks', subjectOf(await program(source(words), bare)))).toEqual(['pass', 'pass']);
  });

  it.each(['-gdwarf-4', '-gdwarf-5'])('finds debug sections and the folder, with %s', async (flag) => {
    const path = await program(source('x'), [...bare, flag, '-fdebug-prefix-map==/somewhere/else']);
    const subject = subjectOf(path);
    expect(outcomes('leaks', subject)[1]).toBe('fail');
    const folder = path.slice(0, path.lastIndexOf('/'));
    const mapped = subjectOf(await program(source('x'), [...bare, flag, '-ffile-prefix-map=/tmp=/elsewhere']));
    expect(text('leaks', subject)).toContain(`compiled in /somewhere/else${folder}`);
    expect(text('leaks', mapped)).toContain('compiled in /elsewhere/');
    expect(outcomes('leaks', subjectOf(await stripped(path)))[1]).toBe('pass');
  });

  it('shows compilers', async () => {
    expect(text('leaks', subjectOf(await program(source('x'), bare)))).toMatch(/\.comment: GCC: /);
  });
});
