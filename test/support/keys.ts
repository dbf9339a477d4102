/** Key pairs for tests, in PEM, with their halves as envelopes know them. */
import { generateKeyPairSync } from 'node:crypto';
import { createHash } from '../../base/node.ts';
import type { Key } from '../../evidence/envelope.ts';

export interface TestKey {
  readonly privatePem: string;
  readonly publicPem: string;
  readonly signing: Key;
  readonly judging: Key;
}

export function makeKey(type: 'ed25519' | 'p-256' = 'ed25519'): TestKey {
  const pair =
    type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const id = createHash('sha256')
    .update(pair.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  return {
    privatePem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    signing: { id, key: pair.privateKey },
    judging: { id, key: pair.publicKey },
  };
}
