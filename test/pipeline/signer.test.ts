/** Programs that sign in place of a key in a file: OpenSSL as one that does, and ones that do anything else. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packBundle, unpackBundle } from '../../evidence/bundle.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { sealed, verifyEnvelope } from '../../evidence/envelope.ts';
import { externalKey } from '../../pipeline/signer.ts';
import { casemateIn } from '../support/casemate.ts';
import { someEvidence } from '../support/evidence.ts';
import { makeKey } from '../support/keys.ts';
import { temporaryFolder } from '../support/paths.ts';
import { requireTools } from '../support/tools.ts';
import { errorOf } from './support.ts';

requireTools('openssl');

const folder = temporaryFolder('signer');
const at = (name: string): string => join(folder, name);
const bytes = Buffer.from('what is to be signed');

/** A program in shell. */
function program(name: string, text: string): string {
  writeFileSync(at(name), `#!/bin/sh\n${text}\n`);
  chmodSync(at(name), 0o755);
  return at(name);
}

const keys = { ed25519: makeKey(), 'p-256': makeKey('p-256') };
for (const [name, { privatePem, publicPem }] of Object.entries(keys)) {
  writeFileSync(at(`${name}.key`), privatePem, { mode: 0o600 });
  writeFileSync(at(`${name}.pub`), publicPem);
}

/** Signs by OpenSSL with the key that is its argument. */
const openssl = program(
  'sign',
  `t="${folder}/in.$$"; cat > "$t"; openssl pkeyutl -sign -rawin -inkey "$1" -in "$t" $2 $3; s=$?; rm "$t"; exit $s`,
);
const commandOf = {
  ed25519: `${openssl} ${at('ed25519.key')}`,
  'p-256': `${openssl} ${at('p-256.key')} -digest sha256`,
};

const signer = (command: string, publicKey = at('ed25519.pub'), milliseconds = 20_000) =>
  externalKey({ command, publicKey, milliseconds });

describe('a program that signs', () => {
  it.each(['ed25519', 'p-256'] as const)('signs envelopes that its public key verifies: %s', (type) => {
    const key = signer(commandOf[type], at(`${type}.pub`));
    expect(key.id).toBe(keys[type].signing.id);
    const { signatures } = JSON.parse(Buffer.from(sealed(bytes, [key])).toString());
    expect(signatures).toMatchObject([{ keyid: key.id }]);
    // Ed25519 has one signature for each text.
    if (type === 'ed25519')
      expect(Buffer.from(sealed(bytes, [key]))).toEqual(Buffer.from(sealed(bytes, [keys[type].signing])));
  });

  it.each([
    ['by another key', commandOf['p-256'], /its 7\d bytes are no signature by/],
    ['over other bytes', `${program('other', `head -c 3 | ${commandOf.ed25519}`)}`, /its 64 bytes are no signature by/],
    ['and says more', program('more', `${commandOf.ed25519}; echo done`), /its 69 bytes are no signature/],
    ['nothing', '/bin/true', /its 0 bytes are no signature/],
    [
      'and fails',
      program('fails', `${commandOf.ed25519}; printf '\\033[31mno token' >&2; exit 7`),
      /ended with status 7: \\x1b\[31mno token; nothing/,
    ],
    ['and is killed', program('dies', 'kill -9 $$'), /was ended by SIGKILL; nothing was signed/],
    ['without end', program('floods', 'exec cat /dev/zero'), /wrote more than the 4096 bytes/],
    ['what is not there', at('nowhere'), /cannot be run: ENOENT/],
    ['what cannot be run', at('ed25519.pub'), /cannot be run: EACCES/],
    ['and hopes for a shell', `${openssl} ${at('ed25519.key')};true`, /ended with status/],
  ])('makes no signature when it signs %s', (_, command, message) => {
    const error = errorOf(() => signer(command).sign!(bytes));
    expect(error.code).toBe('key');
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\x1b');
  });

  it('makes none when it hangs, even by a child that keeps its output open', () => {
    const hangs = program('hangs', 'sleep 5 & wait');
    const start = Date.now();
    expect(errorOf(() => signer(hangs, at('ed25519.pub'), 300).sign!(bytes)).message).toContain(
      'gave no signature in 0.3 seconds; nothing was signed',
    );
    expect(Date.now() - start).toBeLessThan(4000);
  });

  it('signs what does not fit a pipe, and may leave it unread', () => {
    const large = Buffer.alloc(2 ** 20, 1);
    expect(signer(commandOf.ed25519).sign!(large)).toHaveLength(64);
    expect(errorOf(() => signer('/bin/true').sign!(large)).message).toMatch(/its 0 bytes are no signature/);
  });
});

describe('casemate sign --signer', () => {
  const run = casemateIn(folder);

  it('signs a bundle, along with keys in files, and leaves it as it was when the program fails', () => {
    writeFileSync(
      at('app.bundle'),
      Buffer.concat([
        ...packBundle(
          new Map([
            ['app.hvt', bytes],
            ['evidence.json', canonicalBytes(someEvidence)],
          ]),
        ),
      ]),
    );
    const before = readFileSync(at('app.bundle'));
    const flags = ['--signer-key', 'ed25519.pub', '--key', 'p-256.key'];
    expect(run('sign', 'app.bundle', '--signer', '/bin/false', ...flags)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('/bin/false: ended with status 1; nothing was signed'),
    });
    expect(readFileSync(at('app.bundle'))).toEqual(before);
    expect(run('sign', 'app.bundle', '--signer', commandOf.ed25519, ...flags)).toMatchObject({ status: 0, stderr: '' });
    const files = unpackBundle(readFileSync(at('app.bundle')), 'app.bundle');
    expect(verifyEnvelope(files, [keys.ed25519.judging, keys['p-256'].judging], 'app.bundle')).toEqual({});
  });

  it('needs both the program and its public key', () => {
    expect(run('sign', 'app.bundle', '--signer', '/bin/true').stderr).toContain('--signer-key PUBLIC.pem');
    expect(run('sign', 'app.bundle', '--signer-key', 'ed25519.pub').stderr).toContain('which is missing');
    expect(run('sign', 'app.bundle', '--signer', ' ', '--signer-key', 'ed25519.pub').stderr).toContain('no program');
  });
});
