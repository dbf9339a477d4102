/**
 * `casemate statement KIND BUNDLE`: evidence in the predicates that supply-chain tools read, signed as bundles are.
 */
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { sealed } from '../evidence/envelope.ts';
import { scaiStatement, slsaStatement, svrStatement } from '../evidence/formats/statements.ts';
import { gate } from '../evidence/gate.ts';
import { readApprovals, readGated, readPolicy } from '../pipeline/gate.ts';
import { collect } from './budget.ts';
import { dayOf } from './gate.ts';
import { print } from './output.ts';
import { type SignerFlags, signerOptions, signingKeys } from './signing.ts';

const examples = `
Kinds:
  slsa   provenance (https://slsa.dev/provenance/v1): what the image was built from, and by what
  scai   attributes (https://in-toto.io/attestation/scai/v0.3): what holds of it, and on which ground
  svr    verdict (https://in-toto.io/attestation/svr/v0.2): that a policy let it pass; needs --policy

With --sign or --signer the output is a DSSE envelope, else the statement alone. No kind says what does not hold.

Exit status: 0 written; 1 the signature or image is another, or for svr the policy did not let it pass; 2 wrong usage or
input; 3 for svr: undecided.

Examples:
  casemate statement slsa app.evidence --key builder.pub --sign builder.key -o app.slsa.json
  casemate statement scai app.evidence --unsigned
  casemate statement svr app.evidence --key builder.pub --policy policy.json --sign gate.key -o app.svr.json`;

interface Flags extends SignerFlags {
  readonly key?: readonly string[];
  readonly unsigned?: boolean;
  readonly sign?: readonly string[];
  readonly policy?: string;
  readonly approval?: readonly string[];
  readonly now?: string;
  readonly by: string;
  readonly output?: string;
}

/** The text of a statement. */
function statementOf(kind: string, path: string, flags: Flags): string {
  const { key: keys = [], unsigned = false, policy, by, approval = [] } = flags;
  if (!/^[a-z][a-z0-9+.-]*:[!-~]+$/.test(by))
    fail('usage', `--by ${printable(by)}: must be a URI, such as https://...`);
  if ((kind === 'svr') !== (policy !== undefined))
    fail(
      'usage',
      kind === 'svr' ? 'svr: by which policy? give --policy FILE' : `--policy: is for svr, not ${printable(kind)}`,
    );
  if (approval.length > 0 && policy === undefined) fail('usage', '--approval: is for --policy, which is missing');
  if (flags.now !== undefined && policy === undefined) fail('usage', '--now: is for --policy, which is missing');
  if (!['slsa', 'scai', 'svr'].includes(kind)) fail('usage', `${printable(kind)}: must be slsa, scai or svr`);
  const gated = readGated({ path, keys, unsigned });
  if (kind === 'slsa') return slsaStatement(gated, by);
  if (kind === 'scai') return scaiStatement(gated);
  const verdict = gate({
    ...gated,
    policy: readPolicy(policy!),
    approvals: readApprovals(approval),
    now: dayOf(flags.now),
  });
  const text = svrStatement(gated, verdict, by);
  if (text !== undefined) return text;
  const [code, why] =
    verdict.status === 1 ? (['verdict', 'failed'] as const) : (['undecided', 'is undecided'] as const);
  return fail(code, `${printable(path)}: ${why} by this policy, so there is nothing to attest; casemate gate says why`);
}

function run(kind: string, path: string, flags: Flags): void {
  const keys = signingKeys(flags.sign ?? [], flags);
  const text = statementOf(kind, path, flags);
  const bytes = keys.length === 0 ? Buffer.from(`${text}\n`) : sealed(Buffer.from(text), keys);
  if (flags.output === undefined) print(Buffer.from(bytes).toString('utf8'));
  else writeFileAtomic(flags.output, bytes);
}

export function statementCommand(): Command {
  return signerOptions(
    new Command('statement')
      .summary('write what is known for other supply-chain tools')
      .description('Writes the evidence of a BUNDLE as an in-toto statement about its image.')
      .argument('<KIND>', 'slsa, scai or svr')
      .argument('<BUNDLE>', 'a bundle of casemate evidence')
      .option('--key <FILE>', 'public key that must have signed the bundle; several: each of them', collect)
      .option('--unsigned', 'ask for no signature')
      .option(
        '--sign <FILE>',
        'private key in PEM, mode 0600, that signs the statement; may be given several times',
        collect,
      ),
  )
    .option('--policy <FILE>', 'svr: the policy')
    .option('--approval <FILE>', 'svr: a waiver that a role has signed; may be given several times', collect)
    .option('--now <DAY>', 'svr: decide as on this day, YYYY-MM-DD in UTC (default: today)')
    .option('--by <URI>', 'who built it (slsa), or who decided (svr)', 'urn:casemate:unnamed')
    .option('-o, --output <FILE>', 'where to write it (default: print it)')
    .addHelpText('after', examples)
    .action(run);
}
