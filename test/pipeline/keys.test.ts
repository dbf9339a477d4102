import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPublicKey, readSigningKey } from '../../pipeline/keys.ts';
import { makeKey } from '../support/keys.ts';
import { errorOf, project } from './support.ts';

const own = makeKey();

function keyFile(text: string, mode = 0o600): string {
  const path = join(project({ 'key.pem': text }), 'key.pem');
  chmodSync(path, mode);
  return path;
}

describe('a key that signs', () => {
  it.each(['ed25519', 'p-256'] as const)(
    'is read from a file of mode 0600, with the id of its public half: %s',
    (type) => {
      const { privatePem, publicPem, signing } = makeKey(type);
      expect(readSigningKey(keyFile(privatePem)).id).toBe(signing.id);
      expect(readPublicKey(keyFile(publicPem, 0o644)).id).toBe(signing.id);
    },
  );

  it.each([0o640, 0o604, 0o644, 0o660, 0o601])('is refused when others may use its file: mode %o', (mode) => {
    const error = errorOf(() => readSigningKey(keyFile(own.privatePem, mode)));
    expect(error.code).toBe('key');
    expect(error.message).toContain(`its mode is 0${mode.toString(8)}`);
  });

  it('is refused behind a symbolic link, as a folder, and as what is no key', () => {
    const path = keyFile(own.privatePem);
    symlinkSync(path, `${path}.link`);
    expect(errorOf(() => readSigningKey(`${path}.link`)).message).toContain('is a symbolic link');
    expect(errorOf(() => readSigningKey('/')).message).toContain('is not a regular file');
    expect(errorOf(() => readSigningKey(keyFile('hello'))).message).toContain('is no private key in PEM');
    expect(errorOf(() => readSigningKey(keyFile(own.publicPem))).message).toContain('is no private key in PEM');
    expect(errorOf(() => readSigningKey(keyFile('x'.repeat(20_000)))).code).toBe('limit');
    expect(errorOf(() => readSigningKey(`${path}.none`)).message).toContain('cannot open');
  });

  it('never shows in a message', () => {
    const secret = own.privatePem.split('\n')[1]!;
    for (const text of [own.privatePem.slice(0, 60), own.privatePem.replace('MC4', 'AAA'), `x${own.privatePem}`]) {
      const { message } = errorOf(() => {
        readSigningKey(keyFile(text));
        throw errorOf(() => readSigningKey('/'));
      });
      expect(message).not.toContain(secret.slice(8, 24));
    }
  });

  it('is of a kind that we judge by', () => {
    const pem = (key: ReturnType<typeof generateKeyPairSync>['privateKey']): string =>
      key.export({ type: 'pkcs8', format: 'pem' }).toString();
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey;
    expect(errorOf(() => readSigningKey(keyFile(pem(rsa)))).message).toContain('a key of type rsa; must be Ed25519');
    expect(errorOf(() => readSigningKey(keyFile(pem(p384)))).message).toContain('an ECDSA key on secp384r1');
    const locked = p384.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
    expect(errorOf(() => readSigningKey(keyFile(locked))).message).toContain('is encrypted');
  });
});

describe('a key that judges', () => {
  it('is a public one', () => {
    expect(errorOf(() => readPublicKey(keyFile(own.privatePem))).message).toContain('is a private key');
    expect(errorOf(() => readPublicKey(keyFile('hello'))).message).toContain('is no public key in PEM');
  });
});
