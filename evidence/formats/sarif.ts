/**
 * SARIF 2.1.0: what code-scanning pages show.
 *
 * Each decision that is no pass is a result; passes are left out, because pages that ignore `kind` would show them as
 * alerts. What is unknown is of the kind "open" ("insufficient information to decide"), which has no level. A result is
 * found again in the next run by the finding's fingerprint. GitHub ignores suppressions, so waived results can be left
 * out. Against an older release each result has its baselineState.
 * Source: OASIS SARIF 2.1.0, 3.19 (toolComponent), 3.27 (result), 3.35 (suppression).
 */
import type { Evidence } from '../evidence.ts';
import type { Decision, Verdict } from '../gate.ts';
import { hashOf } from '../identity.ts';
import { firstParagraph, fixOf, type RulePages } from '../rule-page.ts';
import { inert, relativeUri } from './inert.ts';

export interface SarifOptions {
  /** Leave waived results out. */
  readonly omitWaived?: boolean;
}

/** The part of a SARIF log that is written here. */
export interface SarifLog {
  readonly $schema: string;
  readonly version: '2.1.0';
  readonly runs: readonly object[];
}

const kinds = { pass: 'pass', fail: 'fail', unknown: 'open' } as const;

function levelOf({ outcome, level, result }: Decision): 'none' | 'error' | 'warning' | 'note' {
  if (outcome !== 'fail') return 'none';
  if (result === 'known') return 'note';
  return level === 'error' ? 'error' : 'warning';
}

function ruleOf(id: string, version: number | undefined, pages: RulePages): object {
  const page = pages.get(id);
  return {
    id,
    ...(page && {
      shortDescription: { text: `${inert(page.title)}.` },
      fullDescription: { text: firstParagraph(page.problem) },
      help: { text: firstParagraph(page.fix), markdown: `**Fix by**\n\n${page.fix}\n\n**Waive if**\n\n${page.waive}` },
    }),
    ...(version !== undefined && { properties: { version } }),
  };
}

function resultOf(decision: Decision, ruleIndex: number, verdict: Verdict, pages: RulePages): object {
  const { id, rule, outcome, message, details, place, fingerprint, waiver, result, state, baseline } = decision;
  const fix = fixOf(decision, pages);
  const uri = place === undefined ? relativeUri(verdict.image.name) : relativeUri(place.file);
  return {
    ruleId: rule,
    ruleIndex,
    kind: kinds[outcome],
    level: levelOf(decision),
    message: {
      text: [
        inert(message),
        ...details.map((line) => inert(line)),
        ...(fix === '' ? [] : [`Fix by: ${inert(fix)}`]),
      ].join('\n'),
    },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri, ...(place === undefined && { index: 0 }) },
          ...(place && { region: { startLine: Math.max(1, place.line), startColumn: Math.max(1, place.column) } }),
        },
        logicalLocations: [{ fullyQualifiedName: inert(id) }],
      },
    ],
    partialFingerprints: { 'casemate/v1': fingerprint ?? hashOf('decision', id) },
    // SARIF's states are of runs that were compared; a rule or threshold of the policy has one as well.
    ...(verdict.against && { baselineState: baseline ?? 'new' }),
    ...(result === 'waived' &&
      waiver && {
        suppressions: [
          {
            kind: 'external',
            status: 'accepted',
            justification: `${inert(waiver.reason)} (${inert(waiver.owner)}, until ${waiver.expires})`,
          },
        ],
      }),
    properties: { id: inert(id), result, ...(state && { state }) },
  };
}

export function sarif(
  verdict: Verdict,
  evidence: Pick<Evidence, 'tools'>,
  pages: RulePages,
  options: SarifOptions = {},
): SarifLog {
  const shown = verdict.decisions.filter(
    ({ result }) => result !== 'passed' && !(options.omitWaived === true && result === 'waived'),
  );
  const rules = [...new Map(verdict.decisions.map(({ rule, version }) => [rule, version]))];
  const indices = new Map(rules.map(([rule], i) => [rule, i]));
  const version = inert(evidence.tools.casemate.version);
  const { image, policy, status } = verdict;
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            ...{ name: 'casemate', version, semanticVersion: version },
            rules: rules.map(([rule, of]) => ruleOf(rule, of, pages)),
          },
        },
        automationDetails: { id: `casemate/${inert(policy.name)}/${inert(image.name)}/` },
        invocations: [{ executionSuccessful: true, exitCode: status }],
        artifacts: [
          {
            location: { uri: relativeUri(image.name) },
            length: image.size,
            hashes: { 'sha-256': image.sha256 },
          },
        ],
        columnKind: 'utf16CodeUnits',
        results: shown.map((decision) => resultOf(decision, indices.get(decision.rule)!, verdict, pages)),
        properties: { policy, now: verdict.now, evidence: verdict.evidence },
      },
    ],
  };
}
