/** Lowered C as tests run it: a driver that calls functions with given values and prints what came of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { showDiagnostic } from '../../analyzers/diagnostics.ts';
import { run } from '../../analyzers/interpreter/run.ts';
import { createDraw, drawArguments } from '../../analyzers/interpreter/sample.ts';
import { copyValue, isArrayValue, type Value } from '../../analyzers/interpreter/values.ts';
import type { FunctionIr, Program } from '../../analyzers/ir.ts';
import type { Type } from '../../analyzers/types.ts';
import { analyze } from '../../analyzers/typescript/analyze.ts';
import { type Lowered, lowerToC } from '../../lowering/c/lower.ts';
import { elementOf, prelude, scalarTypes, sliceType } from '../../lowering/c/prelude.ts';
import { library } from './contracts.ts';
import { temporaryFolder } from './paths.ts';
import { runOrThrow } from './run.ts';

export interface Unit {
  readonly program: Program;
  readonly lowered: Lowered;
  readonly name: string;
}

/**
 * Analyzes and lowers a file's text; what is refused throws. With `tested`, as a build does: C enters where it exports, and
 * functions of these names have no proof.
 */
export function lowerText(name: string, text: string, tested?: readonly string[]): Unit {
  const { program, diagnostics, sources } = analyze([{ name, text }], library);
  const shown = (list: typeof diagnostics): string => list.map((one) => showDiagnostic(sources, one)).join('');
  if (program === undefined) throw new Error(shown(diagnostics));
  const unit = basename(name, '.ts');
  const keys = (of: (one: FunctionIr) => boolean): Set<string> =>
    new Set(program.functions.flatMap((one) => (of(one) ? [one.key] : [])));
  const exported = keys((one) => one.exported === true);
  const waived = keys((one) => tested?.includes(one.name) === true);
  const lowered = lowerToC(program, unit, tested === undefined ? {} : { exported, waived });
  if (lowered.diagnostics.length > 0) throw new Error(shown(lowered.diagnostics));
  return { program, lowered, name: unit };
}

export const lowerFile = (path: string): Unit => lowerText(path, readFileSync(path, 'utf8'));

/** One call, and what the interpreter says of it: the result, then what arrays and objects hold. */
export interface Call {
  readonly function: FunctionIr;
  readonly args: readonly Value[];
  readonly expected: readonly string[];
}

function flat(value: Value): string[] {
  if (isArrayValue(value)) return value.elements.map(String);
  if (typeof value === 'object') return value.fields.flatMap(flat);
  return [typeof value === 'boolean' ? String(Number(value)) : String(value)];
}

const isHeld = ({ kind }: Type): boolean => kind === 'array' || kind === 'object';

/** Draws calls of every function; those that break a contract, or have no end in sight, are left out. */
export function drawCalls(program: Program, tries: number, seed = 7): Call[] {
  const draw = createDraw(seed);
  return program.functions.flatMap((subject) => {
    if (subject.body === undefined) return [];
    return Array.from({ length: tries }, () => drawArguments(subject, draw)).flatMap((args): Call[] => {
      const before = args.map(copyValue);
      const { outcome } = run(program, subject, args);
      if (outcome.kind !== 'returned') return [];
      const held = args.filter((_, i) => isHeld(subject.parameters[i].type)).flatMap(flat);
      const result = outcome.value === undefined ? [] : flat(outcome.value);
      return [{ function: subject, args: before, expected: [...result, ...held] }];
    });
  });
}

function constant(value: Value, type: Type): string {
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') {
    if (value === -(2n ** 63n)) return 'INT64_MIN';
    return value > 2n ** 63n - 1n ? `${value}u` : String(value);
  }
  const fields = type.kind === 'object' ? type.record.fields : type.kind === 'record' ? type.fields : [];
  return isArrayValue(value) ? '' : `{ ${value.fields.map((field, i) => constant(field, fields[i].type)).join(', ')} }`;
}

/** Statements that print a value of C. */
function printing(place: string, type: Type): string[] {
  if (type.kind === 'record')
    return type.fields.flatMap(({ name, type: of }) =>
      printing(`${place}.${/^\d/.test(name) ? `item${name}` : name}`, of),
    );
  if (type.kind === 'object') return printing(`(*${place})`, type.record);
  const signed = type.kind === 'integer' && type.name !== 'u64';
  return [`printf(" %${signed ? 'lld' : 'llu'}", (${signed ? '' : 'unsigned '}long long)${place});`];
}

/** How the header spells the type of a parameter's value. */
function spelling({ lowered }: Unit, { key }: FunctionIr, parameter: number): string {
  const prototype = new RegExp(`[\\n ]${lowered.symbols.get(key)}\\((.*)\\);`).exec(lowered.header)!;
  return prototype[1]
    .split(', ')
    [parameter].replace(/\s*\*?\s*\w+$/, '')
    .replace(/^const /, '');
}

/** A program whose output has one line for each call. */
export function driver(unit: Unit, calls: readonly Call[]): string {
  const { lowered, name } = unit;
  const bodies = calls.map(({ function: subject, args }, n) => {
    const names = args.map((_, i) => `a${i}`);
    const lines = subject.parameters.flatMap(({ type }, i): string[] => {
      const value = args[i];
      if (type.kind === 'array' && isArrayValue(value)) {
        const element = scalarTypes[elementOf(type)];
        const { length } = value.elements;
        // Memory of its own, of exactly this size, so that the sanitizer sees what leaves it.
        return [
          `${element} *m${i} = malloc(${length} * sizeof *m${i} + 1);`,
          ...value.elements.map((one, at) => `m${i}[${at}] = ${constant(one, type.element)};`),
          `${sliceType(elementOf(type), type.readonly)} a${i} = { m${i}, ${length} };`,
        ];
      }
      const spelled = spelling(unit, subject, i);
      return type.kind === 'object'
        ? [`${spelled} o${i} = ${constant(value, type)};`, `${spelled} *a${i} = &o${i};`]
        : [`${spelled} a${i} = ${constant(value, type)};`];
    });
    const call = `${lowered.symbols.get(subject.key)}(${names.join(', ')})`;
    const result =
      subject.result.kind === 'void' ? [`${call};`] : [`__auto_type r = ${call};`, ...printing('r', subject.result)];
    const after = subject.parameters.flatMap(({ type }, i): string[] => {
      if (type.kind === 'object') return printing(`a${i}`, type);
      if (type.kind !== 'array') return [];
      return [
        `for (size_t i = 0; i < a${i}.length; i++) {`,
        ...printing(`a${i}.data[i]`, type.element),
        '}',
        `free(m${i});`,
      ];
    });
    return `static void call${n}(void) {\n    ${[...lines, ...result, ...after, 'printf("\\n");'].join('\n    ')}\n}`;
  });
  const failed = `void casemate_precondition_failed(const char *function, const char *clause) {
    printf("%s: %s\\n", function, clause);
    exit(9);
}`;
  const main = `int main(void) {\n${calls.map((_, n) => `    call${n}();`).join('\n')}\n    return 0;\n}`;
  return ['#include <stdio.h>\n#include <stdlib.h>', `#include "${name}.h"`, failed, ...bodies, main].join('\n\n');
}

export interface Build {
  readonly compiler: string;
  readonly flags: readonly string[];
  /** Runs what was built, where this processor cannot. */
  readonly emulator?: string;
}

export const warnings = ['-std=c11', '-Wall', '-Wextra', '-Wconversion', '-Werror'];

/** Writes the files of a unit and its driver; their folder. */
export function writeUnit(unit: Unit, calls: readonly Call[]): string {
  const folder = temporaryFolder('lowered');
  writeFileSync(join(folder, 'casemate-lowered.h'), prelude());
  writeFileSync(join(folder, `${unit.name}.h`), unit.lowered.header);
  writeFileSync(join(folder, `${unit.name}.c`), unit.lowered.source);
  writeFileSync(join(folder, 'driver.c'), driver(unit, calls));
  return folder;
}

/** What the calls print in C, a line each. */
export async function runLowered(
  folder: string,
  unit: Unit,
  { compiler, flags, emulator }: Build,
): Promise<string[][]> {
  const object = join(folder, 'unit.o');
  const program = join(folder, 'program');
  await runOrThrow(compiler, [
    ...flags,
    ...warnings,
    '-ffreestanding',
    '-c',
    join(folder, `${unit.name}.c`),
    '-o',
    object,
  ]);
  await runOrThrow(compiler, [...flags, '-std=gnu11', '-w', join(folder, 'driver.c'), object, '-o', program]);
  const [command, args] = emulator === undefined ? [program, []] : [emulator, [program]];
  const stdout = await runOrThrow(command, args);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' ').filter((word) => word !== ''));
}
