/**
 * `casemate sign BUNDLE --key KEY`: signs a bundle that exists, in place of whatever signature it had. So building and
 * signing can be done by different people on different machines.
 */
import { Command } from 'commander';
import { fail } from '../base/errors.ts';
import { signBundle } from '../evidence/envelope.ts';
import { readBundle, writeBundle } from '../pipeline/bundle-file.ts';
import { collect, parseRelease } from './budget.ts';
import { type SignerFlags, signerOptions, signingKeys } from './signing.ts';

const examples = `
Examples:
  openssl genpkey -algorithm ed25519 -out builder.key && chmod 600 builder.key
  openssl pkey -in builder.key -pubout -out builder.pub
  casemate sign app.evidence --key builder.key --release 7
  casemate sign app.evidence --signer "sign-with-token slot-2" --signer-key builder.pub`;

interface Flags extends SignerFlags {
  readonly key?: readonly string[];
  readonly release?: number;
}

function run(path: string, { key = [], release, ...signer }: Flags): void {
  const keys = signingKeys(key, signer);
  if (keys.length === 0) fail('usage', 'with which key? give --key PRIVATE.pem, or --signer COMMAND');
  const { files } = readBundle(path);
  writeBundle(path, signBundle(files, keys, release === undefined ? {} : { release }));
}

export function signCommand(): Command {
  return signerOptions(
    new Command('sign')
      .summary('sign a bundle of evidence')
      .description('Signs every file of BUNDLE with Ed25519, or ECDSA on P-256.')
      .argument('<BUNDLE>', 'file that casemate build --evidence wrote')
      .option('--key <FILE>', 'private key in PEM, mode 0600; may be given several times', collect),
  )
    .option('--release <NUMBER>', 'number of the release, which is signed along', parseRelease)
    .addHelpText('after', examples)
    .action(run);
}
