/**
 * What the export of one program shares: names of its functions and tables, its types, which functions have a definition.
 */
import type { FunctionIr, Program, Table } from '../../analyzers/ir.ts';
import { createNamer, type Namer } from './names.ts';
import { createTypes, type Types } from './types.ts';

export interface Exported {
  readonly program: Program;
  readonly types: Types;
  readonly functionOf: (key: string) => FunctionIr;
  /** What a function is called in Coq. */
  readonly nameOf: (key: string) => string;
  readonly tableOf: (id: string) => string | undefined;
  /** Why a function has no definition; undefined: it has one, or its turn has not come. */
  readonly refused: Map<string, string>;
  /** Pure functions whose value is an expression. */
  readonly plain: Set<string>;
}

/** A construct that has no form in Coq; whoever meets it says of which function. */
export class Unsupported extends Error {}

export function unsupported(what: string): never {
  throw new Unsupported(what);
}

export function createExported(program: Program): Exported {
  const functions: Namer = createNamer('f_');
  const tables: Namer = createNamer('c_');
  const byKey = new Map(program.functions.map((one) => [one.key, one]));
  for (const { key, name } of program.functions) functions.of(key, name);
  const tableNames = new Map(
    program.tables.map(({ variable }: Table) => [variable.id, tables.of(variable.id, variable.name)]),
  );
  return {
    program,
    types: createTypes(),
    functionOf: (key) => {
      const found = byKey.get(key);
      if (found === undefined) throw new TypeError(`no function ${key}`);
      return found;
    },
    nameOf: (key) => functions.of(key, key),
    tableOf: (id) => tableNames.get(id),
    refused: new Map(),
    plain: new Set(),
  };
}
