/** Lowered C as tests run it, and what is to come of it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { showDiagnostic } from '../../analyzers/diagnostics.ts';
import { run } from '../../analyzers/interpreter/run.ts';
import { createDraw, drawArguments } from '../../analyzers/interpreter/sample.ts';
import { copyValue } from '../../analyzers/interpreter/values.ts';
import type { FunctionIr, Program } from '../../analyzers/ir.ts';
import type { Type } from '../../analyzers/types.ts';
import { analyze } from '../../analyzers/typescript/analyze.ts';
import { type Lowered, lowerToC } from '../../lowering/c/lower.ts';
import { prelude } from '../../lowering/c/prelude.ts';
import { library } from './contracts.ts';
import { driver, driverInput, type Given } from './lowered-driver.ts';
import { wordsOf } from './native.ts';
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

/** One call, and what the interpreter says of it: the words of the result, then of what arrays and objects hold. */
export interface Call extends Given {
  readonly expected: readonly string[];
}

const isHeld = ({ kind }: Type): boolean => kind === 'array' || kind === 'object';

/** Draws calls of each of the functions; those that break a contract, or have no end in sight, are left out. */
export function drawCalls(program: Program, tries: number, subjects = program.functions): Call[] {
  const draw = createDraw(7);
  return subjects.flatMap((subject) => {
    if (subject.body === undefined) return [];
    return Array.from({ length: tries }, () => drawArguments(subject, draw)).flatMap((args): Call[] => {
      const before = args.map(copyValue);
      const { outcome } = run(program, subject, args);
      if (outcome.kind !== 'returned') return [];
      const held = subject.parameters.flatMap(({ type }, i) => (isHeld(type) ? wordsOf(args[i], type) : []));
      const result = outcome.value === undefined ? [] : wordsOf(outcome.value, subject.result);
      return [{ function: subject, args: before, expected: [...result, ...held] }];
    });
  });
}

export interface Build {
  /** What the unit is compiled with. */
  readonly compiler: string;
  readonly flags: readonly string[];
  /** What its driver is compiled and linked with, where that is another compiler. */
  readonly host?: { readonly compiler: string; readonly flags: readonly string[] };
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
  writeFileSync(join(folder, 'driver.c'), driver(unit.lowered, unit.name, calls));
  writeFileSync(join(folder, 'input'), driverInput(calls));
  return folder;
}

/** What the calls print in C, a line each. */
export async function runLowered(
  folder: string,
  { name }: Pick<Unit, 'name'>,
  { compiler, flags, host = { compiler, flags }, emulator }: Build,
): Promise<string[][]> {
  const [object, driven, program] = ['unit.o', `driver-${basename(host.compiler)}.o`, 'program'].map((file) =>
    join(folder, file),
  );
  const source = join(folder, `${name}.c`);
  await runOrThrow(compiler, [...flags, ...warnings, '-ffreestanding', '-c', source, '-o', object]);
  // The driver is not what is looked at, and is the same beside each build of the unit.
  if (!existsSync(driven))
    await runOrThrow(host.compiler, ['-std=gnu11', '-w', '-c', join(folder, 'driver.c'), '-o', driven]);
  await runOrThrow(host.compiler, [...host.flags, driven, object, '-o', program]);
  const line = [...(emulator === undefined ? [] : [emulator]), program, join(folder, 'input')];
  const stdout = await runOrThrow(line[0], line.slice(1));
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((one) => one.split(' ').filter((word) => word !== ''));
}
