/**
 * From a finished build to its evidence: a pure account of what its phases came to (evidence/evidence.ts), without times,
 * without paths of the machine, and every list in an order.
 *
 * Nothing is judged here. What a phase could not decide is written down as that, and what it took for granted becomes an
 * assumption by name: whoever reads the evidence has to find both.
 */
import { basename } from 'node:path';
import { createHash } from '../base/node.ts';
import type {
  Address,
  Evidence,
  EvidenceAssumption,
  EvidenceControl,
  EvidenceCoq,
  EvidenceErasure,
  EvidenceKernel,
  EvidenceLayout,
  EvidenceObligation,
  EvidencePackage,
  EvidenceProofs,
  EvidenceTools,
  EvidenceValidation,
  EvidenceVerified,
} from '../evidence/evidence.ts';
import { hashOf, identified, uniqueIds, withoutAddresses } from '../evidence/identity.ts';
import { codeField } from '../hardening/code-identity.ts';
import type { Finding } from '../hardening/finding.ts';
import { readSubject, type Subject } from '../hardening/subject.ts';
import { partLines, placesOf } from '../hardening/zeroization/secrets-report.ts';
import { ownProtection } from '../targets/enforcement.ts';
import { claimsOf } from '../targets/sel4/claims.ts';
import type { Kernel } from '../targets/sel4/kernel.ts';
import { DEFAULT_SEED, layoutBits } from './address-bits.ts';
import type { Audit } from './audit.ts';
import type { BuildResult } from './build.ts';
import { findingsOfImage } from './image-findings.ts';
import { addressText as address, clipped, imageRecord } from './image-record.ts';
import type { Manifest } from './manifest.ts';
import type { ObligationEntry } from './proof-evidence.ts';
import type { BuiltSecrets } from './secrets.ts';
import type { SeL4Choice } from './target-sel4.ts';
import { tcbOf } from './tcb.ts';
import type { BuildTrace } from './trace.ts';
import type { ValidationReport } from './validation-policy.ts';

/** FILE:NAME of a function's key, which is FILE#NAME. */
const functionOf = ({ function: key, file }: ObligationEntry): string => `${file}:${key.slice(file.length + 1)}`;

export function obligationRecords(entries: readonly ObligationEntry[]): EvidenceObligation[] {
  const ids = uniqueIds(entries.map((entry) => clipped(`proof:${entry.file}:${entry.name}`).slice(0, 900)));
  return entries.map((entry, i) => {
    const { name, kind, clause, question, file, line, column, status, by, text, record } = entry;
    return {
      ...{
        id: ids[i]!,
        name: clipped(name),
        function: clipped(functionOf(entry)),
        kind,
        question,
        file: clipped(file),
        line,
        column,
      },
      ...{ contract: clipped(clause.replace(/\s+/g, ' ').trim()), status, by: clipped(by) },
      ...(text !== undefined && { text }),
      ...(record !== undefined && { record }),
      fingerprint: hashOf('proof', ids[i]!, status, text ?? by),
    };
  });
}

/** The code at these places, without what linking writes. */
export const maskedPlaces = (subject: Subject, places: readonly { readonly address: number | bigint | string }[]) =>
  codeField(
    subject,
    places.map(({ address: at }) => BigInt(at)),
  );

const verifiedRecords = ({ functions }: Audit, subject: Subject): EvidenceVerified[] =>
  functions.map(({ function: name, status, relies = [], reason, source, contract, proof, bytes, places }) => ({
    ...{
      function: clipped(name),
      status,
      relies: relies.map(clipped),
      ...(reason !== undefined && { reason: clipped(reason) }),
    },
    ...{ source, contract, proof, ...(bytes !== undefined && { code: bytes }) },
    ...maskedPlaces(subject, places),
    places: places.map(({ symbol, address: at, size }) => ({ symbol: clipped(symbol), address: address(at), size })),
  }));

const hashOfText = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Name of a bundled source: of what it says, since a project may name its files as it likes. */
export const sourceName = (text: string): string => `sources/${hashOfText(text)}.ts`;

function proofRecords({ trace, budget, obligations, coq }: EvidenceJob, subject: Subject): EvidenceProofs | undefined {
  const { unit, audit } = trace;
  if (unit === undefined || audit === undefined) return undefined;
  return {
    sources: [...unit.sources].map(({ name, text }) => ({ file: clipped(name), sha256: hashOfText(text) })),
    budget,
    functions: verifiedRecords(audit, subject),
    obligations: obligationRecords(obligations),
    ...(coq && { coq }),
  };
}

/** What functions leave of their secrets, of an image's bytes; `waived`: those that the manifest lets pass. */
export function erasureRecords(report: BuiltSecrets, bytes: Uint8Array, name: string): EvidenceErasure[] {
  const subject = readSubject(bytes, name, ownProtection);
  const places = placesOf(subject);
  const ids = uniqueIds(report.functions.map(({ function: one }) => clipped(`erasure:${one}`).slice(0, 900)));
  return report.functions.map(({ function: one, address: at, origin, outcome, parts, depth }, i) => {
    const shown = parts.map((part) => ({
      ...{ part: clipped(part.part), outcome: part.outcome },
      details: partLines(part, places).map(clipped),
    }));
    const code = at === undefined ? {} : maskedPlaces(subject, [{ address: Math.floor(at) }]);
    const lines = shown.flatMap(({ part, outcome: of, details }) => [part, of, ...details.map(withoutAddresses)]);
    return {
      ...{ id: ids[i]!, function: clipped(one), ...(at !== undefined && { address: address(at) }), origin, outcome },
      ...{ waived: report.waived.includes(one), parts: shown, ...(depth !== undefined && { depth }) },
      ...code,
      fingerprint: hashOf('erasure', one, outcome, code.maskedCode ?? '', ...lines),
    };
  });
}

/** Of a verdict of validation: who it is about, what it came to, and the code. */
export const validationPrint = (one: Omit<EvidenceValidation, 'fingerprint'>): string =>
  hashOf('validation', one.function, one.verdict, one.maskedCode ?? '', withoutAddresses(one.reason ?? ''));

function validationRecords({ functions }: ValidationReport, subject: Subject): EvidenceValidation[] {
  const ids = uniqueIds(functions.map(({ function: name }) => clipped(`validation:${name}`).slice(0, 900)));
  return functions.map(({ function: name, symbol, address: at, size, verdict, reason, callees = [] }, i) => {
    const record = {
      ...{ id: ids[i]!, function: clipped(name), symbol: clipped(symbol), address: address(at), size, verdict },
      ...(reason !== undefined && { reason: clipped(reason) }),
      callees: callees.map((one) => ({ function: clipped(one.function), verdict: one.verdict })),
      ...maskedPlaces(subject, [{ address: at }]),
    };
    return { ...record, fingerprint: validationPrint(record) };
  });
}

/** The kernel as evidence names it: where its files lie is a matter of the machine that built. */
export const withoutFolders = (kernel: Kernel): Kernel => ({
  ...kernel,
  name: basename(kernel.name),
  configFile: basename(kernel.configFile),
});

/** What may be said of a kernel. */
export function kernelRecord(kernel: Kernel): EvidenceKernel {
  const { configuration, comparison, proved, ...claims } = claimsOf(withoutFolders(kernel));
  return {
    ...{ name: clipped(claims.kernel), sha256: claims.sha256, machine: claims.machine },
    ...(configuration !== undefined && { configuration }),
    nearest: comparison.configuration,
    differences: comparison.differences.map(({ key, verified, found }) => ({
      ...{ key: clipped(key), verified: clipped(verified), found: clipped(found) },
    })),
    proved: proved.map(({ text }) => clipped(text)),
    conditions: claims.conditions.map(clipped),
    notCovered: claims.notCovered.map(clipped),
    enforcement: claims.enforcement.map(clipped),
  };
}

/** All that is believed and was not shown, by kind, about and text; each once. */
function assumptionRecords(job: EvidenceJob, kernel: EvidenceKernel | undefined): EvidenceAssumption[] {
  const { result, trace } = job;
  const { manifest, verified, secrets, wiped = [], validation } = result;
  const audited = new Set(trace.audit?.assumed ?? []);
  const plain = (kind: EvidenceAssumption['kind'], texts: readonly string[]): EvidenceAssumption[] =>
    texts.map((text) => ({ kind, text: clipped(text) }));
  const about = (kind: EvidenceAssumption['kind'], name: string, text: string): EvidenceAssumption => ({
    ...{ kind, about: clipped(name), text: clipped(text) },
  });
  const all = [
    ...plain('proof', verified?.assumptions.filter((text) => !audited.has(text)) ?? []),
    ...(verified?.trusted ?? []).map((name) => about('proof', name, 'its contract is believed: it has no proof')),
    ...plain('audit', [...audited]),
    ...(secrets?.functions ?? []).flatMap(({ function: name, assumptions }) =>
      assumptions.map((text) => about('erasure', name, text)),
    ),
    ...wiped.flatMap(({ function: name, depth, isProved }) =>
      isProved
        ? []
        : [about('wipe', name, `takes ${depth} bytes of stack at most, as declared; its veneer watches them`)],
    ),
    ...(validation?.functions ?? []).flatMap(({ function: name, callees = [] }) =>
      callees.flatMap((one) =>
        one.verdict === 'assumed' ? [about('validation', name, `${one.function} does what its source says`)] : [],
      ),
    ),
    ...waivers(manifest).map(({ name, reason }) => about('waiver', name, reason)),
    ...plain('kernel', kernel?.conditions ?? []),
  ];
  const keyOf = (one: EvidenceAssumption): string => `${one.kind}\0${one.about ?? ''}\0${one.text}`;
  const unique = new Map(all.map((one) => [keyOf(one), one]));
  return [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

function waivers({ waive = [], secrets, stack }: Manifest): { name: string; reason: string }[] {
  return [
    ...[...waive, ...(secrets?.waive ?? [])].map(({ function: name, reason }) => ({ name, reason })),
    ...(stack?.unproved === undefined ? [] : [{ name: 'the stack', reason: stack.unproved }]),
  ];
}

export interface EvidenceJob {
  readonly result: BuildResult;
  readonly trace: BuildTrace;
  /** What probes came to (exercise.ts); none: nothing was tried. */
  readonly exercised: readonly Finding[];
  /** What the tools of this build rejected (controls.ts). */
  readonly controls: readonly EvidenceControl[];
  /** Solver steps for each question. */
  readonly budget: number;
  /** Of the index of proofs (proof-evidence.ts); none without TypeScript. */
  readonly obligations: readonly ObligationEntry[];
  readonly tools: Omit<EvidenceTools, 'solvers' | 'compiler'>;
  /** What Coq has said; absent: it was not asked. */
  readonly coq?: EvidenceCoq;
  /** Packages that inputs came with, by the inputs' names. */
  readonly packages: ReadonlyMap<string, EvidencePackage>;
}

/** Builds of the solvers that any answer is of. */
const solversOf = (entries: readonly ObligationEntry[]): string[] =>
  [...new Set(entries.flatMap(({ answers = [] }) => answers.map(({ build }) => clipped(build))))].sort();

function layoutRecord(
  { result, trace }: EvidenceJob,
  { seed: given, kernel }: SeL4Choice,
  base: Address,
): EvidenceLayout {
  const seed = clipped(given ?? result.manifest.sel4?.seed ?? DEFAULT_SEED);
  const bits = layoutBits(seed, trace.bytes, trace.name, kernel);
  return { seed, base, ...(bits !== undefined && { bits }) };
}

/** The evidence of a build. */
export function evidenceOf(job: EvidenceJob): Evidence {
  const { result, trace, obligations, tools, packages } = job;
  const { manifest, secrets, wiped = [], validation, stack } = result;
  const { name, bytes, sel4 } = trace;
  const image = imageRecord(bytes, name, manifest.target);
  const kernel = sel4 && kernelRecord(sel4.kernel);
  const subject = readSubject(bytes, name, ownProtection);
  const proofs = proofRecords(job, subject);
  const base = image.segments.find(({ type }) => type === 'load')?.address;
  return {
    ...{ format: 'casemate-evidence', version: 1, project: manifest.name, image },
    inputs: trace.inputs.map((one) => {
      const from = packages.get(one.name);
      return { ...one, name: clipped(one.name), ...(from !== undefined && { package: from }) };
    }),
    tools: {
      ...tools,
      ...(trace.compiler !== undefined && { compiler: clipped(trace.compiler) }),
      solvers: solversOf(obligations),
    },
    ...(sel4 && base && { layout: layoutRecord(job, sel4, base) }),
    ...(kernel && { kernel }),
    findings: identified([
      ...findingsOfImage(bytes, name, sel4 ? { kernel: withoutFolders(sel4.kernel) } : {}),
      ...job.exercised,
    ]),
    ...(proofs && { proofs }),
    assumptions: assumptionRecords(job, kernel),
    ...(secrets && { erasure: erasureRecords(secrets, bytes, name) }),
    wiped: wiped.map(({ function: one, depth, isProved }) => ({ function: clipped(one), depth, isProved })),
    ...(validation && { validation: validationRecords(validation, subject) }),
    ...(stack && {
      stack: {
        ...{ bytes: stack.bytes, ...(stack.given !== undefined && { given: stack.given }) },
        chain: stack.chain.map(({ name: one, depth }) => ({ function: clipped(one), bytes: depth })),
      },
    }),
    tcb: tcbOf(trace, new Set(trace.unit?.sources.map((one) => one.name))),
    controls: job.controls,
  };
}
