/**
 * The text of evidence.json as plain data, or one error that says where it is not.
 *
 * Whoever wrote it may want to be misread: by two readers in two ways, by us at all. So there is one spelling
 * (canonical.ts), and a text that is not it is refused; the shape is the shipped schema; ids are unique, since waivers
 * are by id; and what is inside of a limit is read, nothing else.
 */
import type { ErrorObject } from 'ajv';
import { evidence as accepts } from '../base/accepts.gen.ts';
import { fail, printable } from '../base/errors.ts';
import { readablePath } from '../base/json.ts';
import { violationsOf } from '../base/json-schema.ts';
import schema from '../docs/schema/evidence.schema.json';
import { canonicalBytes } from './canonical.ts';
import { EVIDENCE_FORMAT, EVIDENCE_VERSION, type Evidence, type Measurements } from './evidence.ts';

export const evidenceLimits = { bytes: 256 * 1024 * 1024 } as const;

/** UTF-8 of at most so many bytes; `file` names it in messages. */
function textOf(bytes: Uint8Array, file: string): string {
  if (bytes.length > evidenceLimits.bytes)
    fail('limit', `${printable(file)}: ${bytes.length} bytes, more than the ${evidenceLimits.bytes} allowed`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fail('evidence', `${printable(file)}: is not UTF-8 text`);
  }
}

/** Whether keys are in order and numbers whole, everywhere. */
function isOrdered(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isOrdered);
  let before: string | undefined;
  for (const [key, member] of Object.entries(value)) {
    if ((before !== undefined && key <= before) || !isOrdered(member)) return false;
    before = key;
  }
  return true;
}

/**
 * Whether a text is canonical, told without writing it our way, which a gate on a large image would wait for: with keys in
 * order and whole numbers JSON.stringify writes the same, but for halves of surrogate pairs, which only escapes can hold.
 * False decides nothing.
 */
function isPlainlyCanonical(text: string, value: unknown): boolean {
  if (text.includes('\\ud')) return false;
  try {
    return isOrdered(value) && `${JSON.stringify(value)}\n` === text;
  } catch {
    return false;
  }
}

/**
 * JSON in its one spelling. JSON.parse is enough: what it hides (the last of two equal keys, a position, a number that is
 * rounded) makes another text than the one read.
 */
export function parseCanonical(bytes: Uint8Array, file: string): unknown {
  const text = textOf(bytes, file);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail('evidence', `${printable(file)}: is not JSON: ${printable(String((error as Error).message))}`);
  }
  if (isPlainlyCanonical(text, value)) return value;
  let again: Uint8Array;
  try {
    again = canonicalBytes(value);
  } catch (error) {
    // Nested too deep for us is too deep for anybody's evidence.
    if (error instanceof RangeError) return fail('evidence', `${printable(file)}: is nested too deep`);
    return fail('evidence', `${printable(file)}: ${(error as Error).message}`);
  }
  if (Buffer.compare(again, bytes) !== 0) {
    let at = 0;
    while (at < again.length && again[at] === bytes[at]) at++;
    const part = (of: Uint8Array): string => printable(Buffer.from(of.subarray(at, at + 24)).toString('latin1'), 24);
    return fail(
      'evidence',
      `${printable(file)}: is not in its canonical spelling: at byte ${at} it has '${part(bytes)}' where '${part(again)}' is right`,
    );
  }
  return value;
}

function explain({ keyword, params, data, message = '', parentSchema }: ErrorObject): string {
  const found = printable(JSON.stringify(data) ?? 'nothing', 60);
  const about = (parentSchema as { description?: string } | undefined)?.description;
  if (keyword === 'additionalProperties') return `unknown key ${printable(String(params['additionalProperty']), 60)}`;
  if (keyword === 'required') return `the key "${params['missingProperty']}" is missing`;
  if (keyword === 'enum') return `${found}; allowed are ${(params['allowedValues'] as string[]).join(', ')}`;
  if (keyword === 'const') return `${found}; must be ${JSON.stringify(params['allowedValue'])}`;
  if (about !== undefined && keyword !== 'type') return `${found}; must be ${about}`;
  return `${found}; ${message}`;
}

/** Throws for the first id that two have. */
function requireUnique(file: string, ids: readonly string[]): void {
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.has(id)) fail('evidence', `${printable(file)}: the id ${printable(id)} occurs twice`);
    seen.add(id);
  }
}

/** Everything that has an id. */
export const idsOf = ({ findings, proofs, erasure = [], validation = [] }: Evidence): string[] =>
  [
    ...findings,
    ...(proofs?.obligations ?? []),
    ...(proofs?.coq?.claims ?? []),
    ...(proofs?.coq?.refusals ?? []),
    ...erasure,
    ...validation,
  ].map(({ id }) => id);

/** Evidence of this version. `file` names it in messages. Errors: 'evidence', 'limit'. */
export function parseEvidence(bytes: Uint8Array, file: string): Evidence {
  const value = parseCanonical(bytes, file);
  const { format, version } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Evidence>;
  if (format !== EVIDENCE_FORMAT)
    fail(
      'evidence',
      `${printable(file)}: its "format" is ${printable(JSON.stringify(format) ?? 'missing', 60)}, not "${EVIDENCE_FORMAT}"`,
    );
  if (version !== EVIDENCE_VERSION)
    fail(
      'evidence',
      `${printable(file)}: its "version" is ${printable(JSON.stringify(version) ?? 'missing', 60)}; this casemate reads ${EVIDENCE_VERSION}`,
    );
  if (!accepts(value)) {
    const error = violationsOf(value, { schema, accepts }, false)[0]!;
    const where = error.instancePath === '' ? 'the top' : readablePath(error.instancePath);
    fail('evidence', `${printable(file)}: ${printable(where)}: ${explain(error)}`);
  }
  const evidence = value as Evidence;
  requireUnique(file, idsOf(evidence));
  return evidence;
}

/** Measurements of this version. Errors: 'evidence', 'limit'. */
export function parseMeasurements(bytes: Uint8Array, file: string): Measurements {
  const value = parseCanonical(bytes, file);
  const bad = (): never => fail('evidence', `${printable(file)}: are no measurements of this version`);
  if (typeof value !== 'object' || value === null) return bad();
  const { format, version, phases, ...rest } = value as Partial<Measurements>;
  if (format !== 'casemate-measurements' || version !== 1 || Object.keys(rest).length > 0) return bad();
  const isPhase = (one: unknown): boolean =>
    typeof one === 'object' &&
    one !== null &&
    Object.keys(one).join() === 'milliseconds,phase' &&
    typeof (one as { phase: unknown }).phase === 'string' &&
    Number.isSafeInteger((one as { milliseconds: unknown }).milliseconds);
  if (!Array.isArray(phases) || !phases.every(isPhase)) return bad();
  return value as Measurements;
}
