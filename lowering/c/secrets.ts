/**
 * What verified functions say of secrets, as records in the object (base/secrets.ts), like those that C writes.
 *
 * A function that C calls is two in C, and both handle the secret, so both have a record. They are kept from being copied
 * into their callers, where a record would say nothing. Arguments are numbered as the calling conventions of x86-64 and
 * riscv64 number them alike: a scalar has one place, a slice two, its pointer and its length, as long as registers last. A
 * record that is too large for registers is returned through a pointer that has the first place.
 * How long an array is a precondition says, `key.length === 32` or `key.length <= 32`; a secret array without one is refused.
 */
import type { FunctionIr, Variable } from '../../analyzers/ir.ts';
import { refuse } from '../../analyzers/typescript/refuse.ts';
import { encodeAnnotation, SECRETS_NOTE } from '../../base/secret-notes.ts';
import { type Length, problemsOf, type SecretAnnotation, type SecretItem } from '../../base/secrets.ts';
import { resultRoom, returnedBytes } from './types.ts';

/** Registers of arguments on every machine. */
const REGISTERS = 6;

/** For definitions of functions with a record. */
export const KEPT = '__attribute__((noinline, used)) ';

const elementBytes: Readonly<Record<string, number>> = { u8: 1, i8: 1, u16: 2, i16: 2, u32: 4, i32: 4 };

/** Length of an array by a precondition: exactly, or at most. */
function lengthOf(
  { requires }: FunctionIr,
  name: string,
): { readonly exact: boolean; readonly elements: number } | undefined {
  for (const { text } of requires) {
    const found = /^([A-Za-z_$][\w$]*)\.length\s*(===|<=)\s*(\d{1,8})$/.exec(text.trim());
    if (found !== null && found[1] === name) return { exact: found[2] === '===', elements: Number(found[3]) };
  }
  return undefined;
}

/** The items that an array is, at its pointer's place. */
function arrayItems(fn: FunctionIr, { id, name, type, span }: Variable, place: number): SecretItem[] {
  const { secret, declassified } = fn.secrets!;
  const isSecret = secret.includes(id);
  const known = lengthOf(fn, name);
  const size = type.kind === 'array' && type.element.kind === 'integer' ? elementBytes[type.element.name] : undefined;
  if (known === undefined || size === undefined || (!known.exact && size !== 1)) {
    // Of what is not secret nothing is said: what depends on it is unknown then.
    if (!isSecret && !declassified.includes(id)) return [];
    return refuse(
      span,
      `${name} is secret or shows what is, and how many bytes it has is not known`,
      `Write @requires ${name}.length === N, or <= N for bytes.`,
    );
  }
  const bytes = known.elements * size;
  const length: Length = known.exact
    ? { kind: 'constant', bytes }
    : { kind: 'argument', argument: place + 1, most: bytes };
  const item: SecretItem = {
    kind: isSecret ? 'secret' : declassified.includes(id) ? 'output' : 'buffer',
    argument: place,
    length,
  };
  return known.exact ? [item, { kind: 'value', argument: place + 1, value: known.elements }] : [item];
}

function itemsOf(fn: FunctionIr): SecretItem[] {
  const items: SecretItem[] = [];
  const room = resultRoom(fn.result);
  if (room !== undefined) {
    const length: Length = { kind: 'constant', bytes: room };
    items.push({ kind: fn.secrets!.result ? 'output' : 'buffer', argument: 0, length });
  }
  let place = items.length;
  for (const parameter of fn.parameters) {
    const { id, name, type, span } = parameter;
    const isArray = type.kind === 'array';
    const isScalar =
      type.kind === 'boolean' || type.kind === 'enumeration' || (type.kind === 'integer' && type.name !== 'bigint');
    if (!isArray && !isScalar)
      refuse(
        span,
        `${fn.name} handles secrets, and where the parameter ${name} is passed is not known`,
        'Pass its parts.',
      );
    const places = isArray ? 2 : 1;
    if (place + places > REGISTERS)
      refuse(
        span,
        `${fn.name} handles secrets, and its parameters need more than ${REGISTERS} registers`,
        'Pass fewer; an array needs two.',
      );
    if (isArray) items.push(...arrayItems(fn, parameter, place));
    else if (fn.secrets!.secret.includes(id)) items.push({ kind: 'secret value', argument: place });
    place += places;
  }
  return items;
}

/** The record of a function under C's name for it. */
export function secretRecord(fn: FunctionIr, symbol: string): SecretAnnotation {
  const { secrets } = fn;
  const returns = returnedBytes(fn.result);
  const record: SecretAnnotation = {
    function: symbol,
    address: 0n,
    origin: 'typescript',
    items: itemsOf(fn),
    result: secrets!.result && resultRoom(fn.result) === undefined ? (returns ?? 8) : 0,
    ...(returns !== undefined && { returns }),
    policy: { buffer: secrets!.zeroized, stack: true, registers: true, heap: false },
  };
  const [problem] = problemsOf(record);
  if (problem !== undefined) refuse(fn.span, `${fn.name}: ${problem}`, 'Change what its tags say.');
  return record;
}

/** C that puts the record into the object, with the address of its function. */
export function recordAssembly(record: SecretAnnotation): string {
  const bytes = encodeAnnotation(record);
  const list = (from: number, to?: number): string => `.byte ${[...bytes.subarray(from, to)].join(', ')}`;
  // The address is after the header, the owner, version and origin.
  const lines = [
    `.pushsection ${SECRETS_NOTE.section}, \\"\\", %note`,
    '.balign 4',
    list(0, 32),
    `.8byte ${record.function}`,
    list(40),
    '.popsection',
  ];
  return `__asm__(${lines.map((line) => `\n    "${line}\\n"`).join('')});`;
}
