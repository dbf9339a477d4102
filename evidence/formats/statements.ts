/**
 * The same evidence in the predicates that supply-chain tools know, each an in-toto statement about the image:
 *
 *   slsa   SLSA provenance v1: what it was built from, and by what
 *   scai   SCAI attribute report v0.3: what holds of it, each with the ground that it stands on
 *   svr    Simple Verification Result v0.2: that a policy let it pass, and which properties that took
 *
 * They say less than evidence.json does, and name it by its hash. What does not hold is no attribute: SCAI and SVR have no
 * word for it, so a verdict that is not a pass has no SVR.
 *
 * Sources: SLSA v1.0 "Provenance"; in-toto Attestation Framework, spec/v1/statement.md, resource_descriptor.md and
 * spec/predicates/scai.md, svr.md.
 */
import { canonicalJson } from '../canonical.ts';
import { STATEMENT_TYPE } from '../envelope.ts';
import { bundleNames, type Evidence, type EvidenceInput, type Sha256 } from '../evidence.ts';
import type { Verdict } from '../gate.ts';

export const statementTypes = {
  slsa: 'https://slsa.dev/provenance/v1',
  scai: 'https://in-toto.io/attestation/scai/v0.3',
  svr: 'https://in-toto.io/attestation/svr/v0.2',
} as const;

/** Evidence, by the hash of its text. */
export interface Stated {
  readonly evidence: Evidence;
  readonly sha256: Sha256;
}

interface ResourceDescriptor {
  readonly name?: string;
  readonly uri?: string;
  readonly digest?: { readonly sha256: Sha256 };
  readonly mediaType?: string;
  readonly annotations?: Readonly<Record<string, string | number>>;
}

const statement = (evidence: Evidence, predicateType: string, predicate: object): string =>
  canonicalJson({
    _type: STATEMENT_TYPE,
    subject: [{ name: evidence.image.name, digest: { sha256: evidence.image.sha256 } }],
    predicateType,
    predicate,
  });

const evidenceFile = (sha256: Sha256): ResourceDescriptor => ({
  ...{ name: bundleNames.evidence, digest: { sha256 }, mediaType: 'application/json' },
});

/** Objects that the build made are no dependencies of it: their sources are. */
const isDependency = ({ kind, name }: EvidenceInput, sources: ReadonlySet<string>): boolean =>
  kind !== 'object' || !(sources.has(name.replace(/\.o$/, '')) || /^(casemate\/|verified\.c\.o$)/.test(name));

/** What an image was built from, and by what. `builder`: who ran it, as a URI. */
export function slsaStatement({ evidence, sha256 }: Stated, builder: string): string {
  const { project, image, inputs, tools, layout } = evidence;
  const sources = new Set(inputs.filter(({ kind }) => kind === 'source').map(({ name }) => name));
  const dependency = ({ kind, name, sha256: hash, size }: EvidenceInput): ResourceDescriptor => ({
    ...{ name, digest: { sha256: hash }, annotations: { kind, size } },
  });
  return statement(evidence, statementTypes.slsa, {
    buildDefinition: {
      buildType: 'urn:casemate:build:1',
      externalParameters: { project, target: image.target, ...(layout !== undefined && { seed: layout.seed }) },
      resolvedDependencies: inputs.filter((one) => isDependency(one, sources)).map(dependency),
    },
    runDetails: {
      builder: {
        id: builder,
        version: {
          casemate: tools.casemate.version,
          node: tools.node,
          ...(tools.compiler !== undefined && { compiler: tools.compiler }),
        },
        builderDependencies: [{ name: 'casemate', digest: { sha256: tools.casemate.sha256 } }],
      },
      byproducts: [evidenceFile(sha256)],
    },
  });
}

/** What holds of an image: findings that pass, functions that are proved, theorems, functions that leave nothing. */
export function scaiStatement({ evidence, sha256 }: Stated): string {
  const file = evidenceFile(sha256);
  const attribute = (name: string, conditions: object): object => ({ attribute: name, conditions, evidence: file });
  const { findings, proofs, erasure = [], validation = [], tools } = evidence;
  return statement(evidence, statementTypes.scai, {
    attributes: [
      ...findings
        .filter(({ outcome }) => outcome === 'pass')
        .map(({ id, state, version, message }) => attribute(id, { ground: state, ruleVersion: version, message })),
      ...(proofs?.functions ?? [])
        .filter(({ status }) => status === 'proved')
        .map(({ function: name, contract, relies }) => attribute(`verified:${name}`, { contract, relies })),
      ...(proofs?.coq?.claims ?? [])
        .filter(({ status }) => status === 'closed')
        .map(({ id, statement: theorem, by }) => attribute(id, { theorem, by, checker: proofs!.coq!.version })),
      ...erasure
        .filter(({ outcome }) => outcome === 'erased')
        .map(({ id, parts }) => attribute(id, { clear: parts.map(({ part }) => part) })),
      ...validation
        .filter(({ verdict }) => verdict === 'validated')
        .map(({ id, callees }) => attribute(id, { callees: callees.map((one) => one.function) })),
    ],
    producer: { name: `casemate ${tools.casemate.version}`, digest: { sha256: tools.casemate.sha256 } },
  });
}

/** A property as the verdict names it, in the form that the predicate's examples have. */
const propertyOf = (rule: string): string => `CASEMATE_${rule.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}`;

/** That a policy let an image pass. `verifier`: who decided, as a URI. Undefined for a verdict that is no pass. */
export function svrStatement({ evidence }: Stated, verdict: Verdict, verifier: string): string | undefined {
  if (verdict.status !== 0) return undefined;
  // What was waived does not hold: the policy let it pass, and no property says more.
  const byRule = new Map<string, boolean>();
  for (const { rule, result } of verdict.decisions) byRule.set(rule, (byRule.get(rule) ?? true) && result === 'passed');
  const passed = [...byRule].filter(([, all]) => all).map(([rule]) => propertyOf(rule));
  const { name, sha256 } = verdict.policy;
  return statement(evidence, statementTypes.svr, {
    verifier: { id: verifier },
    // The verdict is of a day, which is given; nothing here looks at a clock.
    timeCreated: `${verdict.now}T00:00:00Z`,
    properties: ['CASEMATE_GATE_PASSED', ...passed.sort()],
    policies: [{ name, digest: { sha256 } }],
  });
}
