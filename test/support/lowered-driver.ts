/**
 * A program of C that calls lowered functions: it reads which ones and on what from a file of words, and prints what came
 * of each call, a line each. So one compilation serves any number of calls.
 */
import { isArrayValue, type Value } from '../../analyzers/interpreter/values.ts';
import type { FunctionIr, Variable } from '../../analyzers/ir.ts';
import type { RecordType, Type } from '../../analyzers/types.ts';
import type { Lowered } from '../../lowering/c/lower.ts';
import { type Scalar, scalarTypes } from '../../lowering/c/prelude.ts';
import { fieldName } from '../../lowering/c/types.ts';

/** A function with the arguments of one call. */
export interface Given {
  readonly function: FunctionIr;
  readonly args: readonly Value[];
}

/** C's type of what lies in a place. Tests have no enumeration of more than 256 members. */
function leafType(type: Type): string {
  if (type.kind === 'boolean') return 'bool';
  if (type.kind === 'enumeration') return 'uint8_t';
  if (type.kind !== 'integer') throw new TypeError(`no word makes a ${type.kind}`);
  return scalarTypes[type.name as Scalar];
}

/** Statements that fill a place of C, whatever it is declared as, with the next words. */
function filling(place: string, type: Type): string[] {
  if (type.kind === 'record')
    return type.fields.flatMap((field) => filling(`${place}.${fieldName(field.name)}`, field.type));
  const own = leafType(type);
  return [`*(${own} *)&${place} = (${own})cm_next();`];
}

/** Statements that print what a place of C holds. */
function printing(place: string, type: Type): string[] {
  switch (type.kind) {
    case 'void':
      return [];
    case 'record':
      return printingRecord(place, type);
    case 'object':
      return printing(`(*${place})`, type.record);
    case 'array':
      return [
        `for (size_t cm_i = 0; cm_i < ${place}.length; cm_i++) {`,
        ...printing(`${place}.data[cm_i]`, type.element).map((line) => `    ${line}`),
        '}',
      ];
    default: {
      const unsigned = type.kind === 'integer' && type.name === 'u64';
      return [unsigned ? `printf(" %llu", (unsigned long long)${place});` : `printf(" %lld", (long long)${place});`];
    }
  }
}

/** What is there, and nothing else of it: see native.ts. */
function printingRecord(place: string, { fields, optional }: RecordType): string[] {
  const first = `${place}.${fieldName(fields[0].name)}`;
  return fields.flatMap(({ name, type, where }, i) => {
    const lines = printing(`${place}.${fieldName(name)}`, type);
    const isThere = optional && i > 0 ? first : where?.map((at) => `${first} == ${at}`).join(' || ');
    return isThere === undefined ? lines : [`if (${isThere}) {`, ...lines.map((line) => `    ${line}`), '}'];
  });
}

/** How the header spells the type of a parameter's value. */
function spelling({ header, symbols }: Lowered, { key }: FunctionIr, parameter: number): string {
  const prototype = new RegExp(`[\\n ]${symbols.get(key)}\\((.*)\\);`).exec(header)!;
  return prototype[1]
    .split(', ')
    [parameter].replace(/\s*\*?\s*\w+$/, '')
    .replace(/^const /, '');
}

/** Statements that make an argument, whose name is cm_a and its number. */
function making(lowered: Lowered, subject: FunctionIr, { type }: Variable, i: number): string[] {
  const spelled = spelling(lowered, subject, i);
  if (type.kind === 'array') {
    // Memory of its own, of exactly this size, so that the sanitizer sees what leaves it.
    return [
      `${spelled} cm_a${i};`,
      `cm_a${i}.length = (size_t)cm_next();`,
      `void *cm_m${i} = malloc(cm_a${i}.length * sizeof *cm_a${i}.data);`,
      `cm_a${i}.data = cm_m${i};`,
      `for (size_t cm_i = 0; cm_i < cm_a${i}.length; cm_i++) {`,
      ...filling(`cm_a${i}.data[cm_i]`, type.element).map((line) => `    ${line}`),
      '}',
    ];
  }
  if (type.kind !== 'object') return [`${spelled} cm_a${i};`, ...filling(`cm_a${i}`, type)];
  return [`${spelled} cm_o${i};`, ...filling(`cm_o${i}`, type.record), `${spelled} *cm_a${i} = &cm_o${i};`];
}

const isHeld = ({ type: { kind } }: Variable): boolean => kind === 'array' || kind === 'object';

/** A function of C that makes arguments, calls, and prints the result, then what arrays and objects hold. */
function calling(lowered: Lowered, subject: FunctionIr, n: number): string {
  const { parameters, result, key } = subject;
  const call = `${lowered.symbols.get(key)}(${parameters.map((_, i) => `cm_a${i}`).join(', ')})`;
  const lines = [
    ...parameters.flatMap((parameter, i) => making(lowered, subject, parameter, i)),
    ...(result.kind === 'void' ? [`${call};`] : [`__auto_type cm_r = ${call};`, ...printing('cm_r', result)]),
    ...parameters.flatMap((one, i) => (isHeld(one) ? printing(`cm_a${i}`, one.type) : [])),
    ...parameters.flatMap(({ type }, i) => (type.kind === 'array' ? [`free(cm_m${i});`] : [])),
  ];
  return `static void cm_call${n}(void) {\n    ${lines.join('\n    ')}\n}`;
}

const start = `#include <stdio.h>
#include <stdlib.h>`;

const helpers = `static FILE *cm_input;
static uint64_t cm_next(void) {
    uint64_t word;
    if (fread(&word, sizeof word, 1, cm_input) != 1) exit(8);
    return word;
}

void casemate_precondition_failed(const char *function, const char *clause) {
    printf("%s: %s\\n", function, clause);
    exit(9);
}`;

const main = `int main(int argc, char **argv) {
    uint64_t which;
    cm_input = fopen(argv[argc - 1], "rb");
    while (fread(&which, sizeof which, 1, cm_input) == 1) {
        cm_calls[which]();
        putchar('\\n');
    }
    return 0;
}`;

/** The functions that are called, each once. */
const calledIn = (calls: readonly Given[]): FunctionIr[] => [...new Set(calls.map((one) => one.function))];

/** The program, for these calls; the unit's header is NAME.h. */
export function driver(lowered: Lowered, name: string, calls: readonly Given[]): string {
  const functions = calledIn(calls).map((one, n) => calling(lowered, one, n));
  const table = `static void (*const cm_calls[])(void) = { ${functions.map((_, n) => `cm_call${n}`).join(', ')} };`;
  return `${[`${start}\n#include "${name}.h"`, helpers, ...functions, table, main].join('\n\n')}\n`;
}

function words(value: Value): bigint[] {
  if (isArrayValue(value)) return [BigInt(value.elements.length), ...value.elements.flatMap(words)];
  return typeof value === 'object' ? value.fields.flatMap(words) : [BigInt(value)];
}

/** What the program reads to make these calls: words of 64 bits, little-endian. */
export function driverInput(calls: readonly Given[]): Uint8Array {
  const order = new Map(calledIn(calls).map((one, n) => [one, BigInt(n)]));
  const all = calls.flatMap((one) => [order.get(one.function)!, ...one.args.flatMap(words)]);
  return new Uint8Array(BigUint64Array.from(all, (word) => BigInt.asUintN(64, word)).buffer);
}
