/**
 * Secrets in a build: what casemate.json says of functions that come compiled joins the link as notes, like those that C
 * brings itself, and what the finished image's functions leave of their secrets decides whether it is written.
 *
 * A residue stops the build and names what is left; so does, under a strict policy, what is unknown. The manifest may waive
 * a function by name and with a reason; a waiver of nothing is an error. Notes that some input brings and the image does
 * not have are an error, too: a linker script must not take away what is to be judged.
 */
import { fail, printable } from '../base/errors.ts';
import { encodeAnnotation, SECRETS_NOTE } from '../base/secret-notes.ts';
import { defaultPolicy, problemsOf, type SecretAnnotation, type SecretItem } from '../base/secrets.ts';
import type { SecretsReport } from '../hardening/zeroization/secrets.ts';
import { EF_RISCV_FLOAT_ABI_DOUBLE, EF_RISCV_RVC } from '../linker/elf.ts';
import { elfMachines } from '../linker/identify.ts';
import type { LinkedImage } from '../linker/image.ts';
import { objectAt } from '../linker/program.ts';
import { objectsWithSection } from '../linker/provenance.ts';
import type { InputFile } from '../linker/request.ts';
import { unloadedNotesObject } from '../targets/hvt/notes.ts';
import type { At, Manifest, ManifestSecretFunction, ManifestSecretItem } from './manifest.ts';

/** Keys that an item of each kind has, besides `is`; those that it must have first. */
const keys = {
  secret: { needs: ['argument', 'bytes'], may: ['length'] },
  output: { needs: ['argument', 'bytes'], may: ['length'] },
  state: { needs: ['argument', 'bytes'], may: ['length'] },
  buffer: { needs: ['argument', 'bytes'], may: ['length'] },
  value: { needs: ['argument', 'value'], may: [] },
  'secret value': { needs: ['argument'], may: [] },
  'secret symbol': { needs: ['symbol', 'bytes'], may: [] },
  'output symbol': { needs: ['symbol', 'bytes'], may: [] },
  'state symbol': { needs: ['symbol', 'bytes'], may: [] },
} as const satisfies Record<ManifestSecretItem['is'], object>;

function itemOf(item: ManifestSecretItem, where: string): SecretItem {
  const { is, symbol, bytes, length, value } = item;
  const { needs, may }: { needs: readonly string[]; may: readonly string[] } = keys[is];
  const given = (['argument', 'symbol', 'bytes', 'length', 'value'] as const).filter((key) => item[key] !== undefined);
  const missing = needs.find((key) => !given.some((one) => one === key));
  if (missing !== undefined) fail('manifest', `${where}: the key "${missing}" is missing; "${is}" has one`);
  const other = given.find((key) => !needs.includes(key) && !may.includes(key));
  if (other !== undefined) fail('manifest', `${where}: "${is}" has no "${other}"; remove it`);
  if (is === 'secret symbol' || is === 'output symbol' || is === 'state symbol')
    return { kind: is, symbol: symbol!, address: 0n, bytes: bytes! };
  const argument = item.argument!;
  if (is === 'secret value') return { kind: is, argument };
  if (is === 'value') return { kind: is, argument, value: value! };
  return {
    kind: is,
    argument,
    length:
      length === undefined ? { kind: 'constant', bytes: bytes! } : { kind: 'argument', argument: length, most: bytes! },
  };
}

function annotationOf(declared: ManifestSecretFunction, pointer: string, at: At): SecretAnnotation {
  const { function: name, arguments: items, result, returns, clear, maxStack } = declared;
  const has = (part: 'buffer' | 'stack' | 'registers' | 'heap'): boolean => clear?.includes(part) === true;
  const annotation: SecretAnnotation = {
    function: name,
    address: 0n,
    origin: 'manifest',
    items: items.map((item, i) => itemOf(item, at(`${pointer}/arguments/${i}`))),
    result: result ?? 0,
    ...(returns !== undefined && { returns }),
    policy:
      clear === undefined
        ? defaultPolicy
        : { buffer: has('buffer'), stack: has('stack'), registers: has('registers'), heap: has('heap') },
    ...(maxStack !== undefined && { maxStack }),
  };
  const [problem] = problemsOf(annotation);
  if (problem !== undefined) fail('manifest', `${at(pointer)}: ${printable(name)}: ${problem}`);
  return annotation;
}

/** The records of a manifest. Errors: 'manifest', by the key. */
export function manifestAnnotations({ secrets }: Manifest, at: At): SecretAnnotation[] {
  const allocators = (secrets?.allocators ?? []).map(({ function: name, is, wipes }, i): SecretAnnotation => {
    const annotation: SecretAnnotation = {
      ...{ function: name, address: 0n, origin: 'manifest', items: [], result: 0, policy: defaultPolicy },
      allocator: { role: is, wipes: wipes === true },
    };
    const [problem] = problemsOf(annotation);
    if (problem !== undefined) fail('manifest', `${at(`/secrets/allocators/${i}`)}: ${printable(name)}: ${problem}`);
    return annotation;
  });
  return [
    ...(secrets?.functions ?? []).map((one, i) => annotationOf(one, `/secrets/functions/${i}`, at)),
    ...allocators,
  ];
}

/** The object that brings a manifest's records; none for no record. */
export function secretsObjects(manifest: Manifest, at: At): InputFile[] {
  const annotations = manifestAnnotations(manifest, at);
  if (annotations.length === 0) return [];
  const name = manifest.target === 'riscv64' ? 'riscv64' : (manifest.link?.machine ?? 'x86-64');
  const flags = name === 'riscv64' ? EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE : 0;
  const machine = { machine: elfMachines[name], flags };
  const notes = Buffer.concat(annotations.map(encodeAnnotation));
  return [{ name: 'casemate/secrets.o', bytes: unloadedNotesObject(SECRETS_NOTE.section, notes, machine) }];
}

/** Whether an image has records; those that its inputs bring must all be there. */
export function hasRecords(image: LinkedImage): boolean {
  const { program, sections } = image;
  const bring = objectsWithSection(image, SECRETS_NOTE.section);
  const placed = new Set(
    sections
      .filter(({ name }) => name === SECRETS_NOTE.section)
      .flatMap(({ body }) => body)
      .flatMap((item) => (item.kind === 'inputs' ? [...item.sections] : []))
      .map((section) => objectAt(program, program.sections.object[section]!).name),
  );
  const lost = bring.find((name) => !placed.has(name));
  if (lost !== undefined)
    fail(
      'image',
      `${printable(lost)}: its records of secrets are not in ${SECRETS_NOTE.section} of the image; have the linker script keep that section under its name`,
    );
  return bring.length > 0;
}

export interface SecretsJob {
  readonly manifest: Manifest;
  readonly at: At;
  /** The finished file. */
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly strict: boolean;
  readonly step: (text: string) => void;
  /** Lines for the user. */
  readonly note: (text: string) => void;
}

/** What a build knows of the secrets in its image. */
export interface BuiltSecrets extends SecretsReport {
  /** Functions that are not erased, and built all the same. */
  readonly waived: readonly string[];
}

/** Functions that the manifest names and the image does not have. */
function requireNamed({ manifest, at }: SecretsJob, { functions }: SecretsReport): void {
  for (const [i, { function: name }] of (manifest.secrets?.functions ?? []).entries()) {
    const judged = functions.find((one) => one.function === name && one.origin === 'manifest');
    if (judged !== undefined && judged.address !== undefined) continue;
    const reason = judged?.parts[0]?.reason ?? 'nothing of it is in the image';
    fail('manifest', `${at(`/secrets/functions/${i}/function`)}: ${reason}`);
  }
  for (const [i, { function: name }] of (manifest.secrets?.waive ?? []).entries())
    if (!functions.some((one) => one.function === name && one.outcome !== 'erased'))
      fail(
        'manifest',
        `${at(`/secrets/waive/${i}/function`)}: there is nothing to waive of ${printable(name)}: no record of it, or it is erased; remove it`,
      );
}

/** Judges what an image's own notes say; undefined: they say nothing of secrets. Loads the analysis only where they do. */
export async function judgeFile(
  bytes: Uint8Array,
  name: string,
  step: (text: string) => void = () => {},
): Promise<{ readonly report: SecretsReport; readonly lines: (shown: SecretsReport) => string[] } | undefined> {
  const [
    { judgeImage },
    { defaults },
    { placesOf, verdictLines },
    { annotationsOf },
    { readSubject },
    { ownProtection },
  ] = await Promise.all([
    import('../hardening/zeroization/secrets.ts'),
    import('../hardening/zeroization/analyze.ts'),
    import('../hardening/zeroization/secrets-report.ts'),
    import('../hardening/zeroization/annotated.ts'),
    import('../hardening/subject.ts'),
    import('../targets/enforcement.ts'),
  ]);
  const subject = readSubject(bytes, name, ownProtection);
  const { annotations, problems } = annotationsOf(subject);
  if (annotations.length + problems.length === 0) return undefined;
  const report = judgeImage(subject, { ...defaults, onStart: (one) => step(printable(one, 60)) });
  const places = placesOf(subject);
  return { report, lines: (shown) => verdictLines(shown, places) };
}

const nothing: SecretsReport = { functions: [], absent: [], problems: [] };

/** Judges the finished image, warns of what is not erased, and stops the build at what nobody waives. */
export async function requireErased(job: SecretsJob): Promise<BuiltSecrets> {
  const { manifest, bytes, name, strict, note } = job;
  const judged = await judgeFile(bytes, name, job.step);
  const report = judged?.report ?? nothing;
  requireNamed(job, report);
  const reasons = new Map((manifest.secrets?.waive ?? []).map((waiver) => [waiver.function, waiver.reason]));
  const dirty = report.functions.filter(({ outcome }) => outcome !== 'erased');
  const waived = dirty.filter((one) => reasons.has(one.function));
  for (const { function: one, outcome } of waived)
    note(`casemate: warning: ${printable(one)}: ${outcome}, waived: ${printable(reasons.get(one)!, 1000)}`);
  const open = dirty.filter((one) => !waived.includes(one));
  const shown = { functions: open, absent: [], problems: report.problems };
  for (const line of judged?.lines(shown) ?? []) note(`casemate: warning: ${line.trim()}`);
  const left = open.find(({ outcome }) => outcome === 'residue');
  const next = 'docs/secrets.md says what helps, or waive it in "secrets" and say why';
  if (left !== undefined)
    fail('residue', `${printable(left.function)}: leaves something of its secrets, see above; ${next}`);
  const [unknown] = open;
  if (strict && unknown !== undefined)
    fail('undecided', `${printable(unknown.function)}: whether its secrets are erased is unknown, see above; ${next}`);
  const [problem] = report.problems;
  if (strict && problem !== undefined)
    fail('undecided', printable(`a record of secrets cannot be read: ${problem.problem}`, 500));
  return { ...report, waived: waived.map(({ function: one }) => one) };
}
