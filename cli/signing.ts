/** Options of what signs: private keys from files, or a program that signs with a key of its own. */
import type { Command } from 'commander';
import { fail } from '../base/errors.ts';
import type { Key } from '../evidence/envelope.ts';
import { readSigningKey } from '../pipeline/keys.ts';
import { externalKey } from '../pipeline/signer.ts';

export interface SignerFlags {
  readonly signer?: string;
  readonly signerKey?: string;
}

export function signerOptions(command: Command): Command {
  return command
    .option('--signer <COMMAND>', 'program, with arguments parted by spaces, that signs its input (docs/evidence.md)')
    .option('--signer-key <FILE>', 'public key in PEM that the program signs with');
}

/** All keys that are to sign. Errors: 'usage', 'key', 'limit', 'io'. */
export function signingKeys(files: readonly string[], { signer, signerKey }: SignerFlags): Key[] {
  if ((signer === undefined) !== (signerKey === undefined))
    fail(
      'usage',
      signer === undefined
        ? '--signer-key: is for --signer, which is missing'
        : '--signer: with which key? give its public half, --signer-key PUBLIC.pem',
    );
  const own = files.map(readSigningKey);
  return signer === undefined ? own : [...own, externalKey({ command: signer, publicKey: signerKey! })];
}
