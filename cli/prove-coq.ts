/** What `casemate prove --coq DIR` says, and its exit status: 0 only where Coq has proved everything. */
import { printable } from '../base/errors.ts';
import type { CoqClaim, CoqReport } from '../pipeline/coq.ts';

export function coqStatus({ claims, refusals }: CoqReport): number {
  if (claims.some(({ status }) => status === 'refused')) return 2;
  return claims.length === 0 || refusals.length > 0 || claims.some(({ status }) => status !== 'closed') ? 3 : 0;
}

const share = (claims: readonly CoqClaim[]): string =>
  `${claims.filter(({ status }) => status === 'closed').length} of ${claims.length}`;

export function coqText(
  { version, claims, refusals, trusted, isolated }: CoqReport,
  folder: string,
  verbose: boolean,
): string {
  const of = (kind: CoqClaim['claim']['kind']): CoqClaim[] => claims.filter(({ claim }) => claim.kind === kind);
  const rows = claims
    .filter(({ status }) => verbose || status !== 'closed')
    .map(
      ({ claim, status, by }) =>
        `  ${status.padEnd(7)}  ${claim.id}  ${printable(claim.name)}\n           ${printable(by)}\n`,
    );
  const refused = refusals.map(({ name, why }) => `  no form in Coq: ${printable(name)}: ${printable(why)}\n`);
  return `${rows.join('')}${refused.join('')}${share(of('contract'))} contracts and ${share(of('obligation'))} obligations proved by ${printable(version)}, with no axiom
${trusted.length === 0 ? '' : `obligations assume the contracts of ${trusted.map((name) => printable(name)).join(', ')}\n`}${isolated ? '' : 'coqc could reach the network: unshare is missing, or not allowed here\n'}${printable(folder)} has them; make there checks all of it again
`;
}
