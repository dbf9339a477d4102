/**
 * TypeScript to Coq and back: the definitions that `casemate prove --coq` writes, extracted again, compute what the
 * originals compute.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { run } from '../../analyzers/interpreter/run.ts';
import { createDraw, drawArguments } from '../../analyzers/interpreter/sample.ts';
import { copyValue, isArrayValue, type Value } from '../../analyzers/interpreter/values.ts';
import { type Type, valueType } from '../../analyzers/types.ts';
import { extractCoq } from '../../pipeline/extract.ts';
import { analyzeFiles } from '../../pipeline/prove.ts';
import { modifiedOf } from '../../proofs/coq/definitions.ts';
import { exportProgram } from '../../proofs/coq/export.ts';
import { camelCase } from '../../proofs/coq/extract/naming.ts';
import { createExported } from '../../proofs/coq/program.ts';
import type { Types } from '../../proofs/coq/types.ts';
import { isLong } from '../support/long.ts';
import { requireTools } from '../support/tools.ts';
import { project } from './support.ts';

// Half a gigabyte, which only long runs install.
if (isLong) requireTools('coqc');

type Extracted = Record<string, (...args: unknown[]) => unknown>;

/** A value of the interpreter as extracted code has it; a type with one field is that field. */
function asExtracted(value: Value, type: Type, { listOf }: Extracted): unknown {
  if (typeof value !== 'object') return value;
  const inner = valueType(type);
  if (isArrayValue(value)) {
    if (inner.kind !== 'array') throw new TypeError('no array');
    return listOf!(value.elements.map((one) => asExtracted(one, inner.element, { listOf: listOf! })));
  }
  if (inner.kind !== 'record') throw new TypeError('no record');
  const fields = value.fields.map((one, i) => asExtracted(one, inner.fields[i]!.type, { listOf: listOf! }));
  return fields.length === 1 ? fields[0] : fields;
}

/** Extracted data without names of fields: their order is the declaration's. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.entries(value).flatMap(([name, one]) => (name === 'kind' ? [] : [plain(one)]));
}

const FILES = ['access', 'align', 'base64', 'bits', 'crc32', 'fifo', 'free-list', 'ipv4', 'ring'];

describe.skipIf(!isLong)('a function that goes to Coq and comes back', () => {
  it.each(FILES)(
    'gives what the original gives: %s',
    async (name) => {
      const { program } = analyzeFiles([`examples/contracts/${name}.ts`]);
      const { program: text, definitions } = exportProgram(program!);
      // Names are given in the same order.
      const { types } = createExported(program!);
      for (const { function: subject } of definitions) for (const { type } of subject.parameters) types.of(type);
      const library = readFileSync(new URL('../../proofs/coq/library/Casemate.v', import.meta.url), 'utf8');
      const folder = project({ 'Casemate.v': library, 'Program.v': text });
      const found = await extractCoq({ path: join(folder, 'Program.v'), step: () => {} });
      const { outputText } = ts.transpileModule(found.text, {
        compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 },
      });
      writeFileSync(join(folder, 'program.mjs'), outputText);
      const extracted = (await import(pathToFileURL(join(folder, 'program.mjs')).href)) as Extracted;
      const draw = createDraw(11);
      for (const { function: subject, name: called } of definitions) {
        const fn = extracted[camelCase(called)]!;
        let tried = 0;
        for (let tries = 0; tries < 200_000 && tried < 10_000; tries++) {
          const args = drawArguments(subject, draw);
          const before = args.map(copyValue);
          const { outcome } = run(program!, subject, args);
          if (outcome.kind !== 'returned') continue;
          tried++;
          const expected = [
            ...(outcome.value === undefined ? [] : [asExtracted(outcome.value, subject.result, extracted)]),
            ...modifiedOf(subject).map(({ id, type }) =>
              asExtracted(args[subject.parameters.findIndex((one) => one.id === id)]!, type, extracted),
            ),
          ];
          const given = before.map((value, i) => asRecord(value, subject.parameters[i]!.type, extracted, types));
          const result = fn(...given) as { kind: string; value: unknown };
          if (result.kind !== 'Ok') expect(`${called}: ${result.kind}`).toBe(`${called}: Ok`);
          const parts = expected.length === 0 ? undefined : expected.length === 1 ? expected[0] : expected;
          if (JSON.stringify(flat(result.value), big) !== JSON.stringify(flat(parts), big))
            expect(flat(result.value)).toEqual(flat(parts));
        }
        expect(tried, called).toBeGreaterThan(isLong ? 5 : 0);
      }
    },
    1_200_000,
  );
});

const big = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);
/** All data of a value, in order. */
const flat = (value: unknown): unknown[] => {
  const one = plain(value);
  return Array.isArray(one) ? one.flatMap(flat) : one === undefined ? [] : [one];
};

/** An argument, with names of its fields. */
function asRecord(value: Value, type: Type, extracted: Extracted, types: Types): unknown {
  const inner = valueType(type);
  if (typeof value !== 'object' || isArrayValue(value) || inner.kind !== 'record' || value.fields.length === 1)
    return typeof value === 'object' && !isArrayValue(value) && inner.kind === 'record'
      ? asRecord(value.fields[0]!, inner.fields[0]!.type, extracted, types)
      : asExtracted(value, type, extracted);
  return Object.fromEntries(
    inner.fields.map((field, i) => [
      camelCase(types.record(inner).fields[i]!),
      asRecord(value.fields[i]!, field.type, extracted, types),
    ]),
  );
}
