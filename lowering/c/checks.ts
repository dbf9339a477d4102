/**
 * What a caller from outside must keep to, as conditions of C: that its arguments are values of their types, that memory
 * which is written is apart from all other, and the preconditions.
 *
 * Proved code believes all of it and tests none of it; a wrapper with the public name tests it first. Conditions stand in an
 * order in which each may be computed where those before it hold. What C cannot decide is told instead of tested, and so
 * is every precondition behind it, which might not be defined without it. Three things no test can see, and a caller must
 * see to them: that a slice's memory exists, that nobody else writes it while the function runs, and that a bool is one.
 */
import type { Clause, FunctionIr } from '../../analyzers/ir.ts';
import {
  type ArrayType,
  type Field,
  LONGEST_ARRAY,
  type RecordType,
  showType,
  type Type,
} from '../../analyzers/types.ts';
import { Refusal } from '../../analyzers/typescript/refuse.ts';

/** A condition that is tested. */
export interface Check {
  /** C, of type bool. */
  readonly condition: string;
  /** What it says, in the source's words. */
  readonly text: string;
}

/** A precondition that is not tested. */
export interface Unchecked {
  readonly clause: Clause;
  readonly reason: string;
}

export interface Checks {
  readonly checks: readonly Check[];
  readonly unchecked: readonly Unchecked[];
}

/** What checks need to know of C's names. */
export interface CheckNames {
  readonly field: (name: string) => string;
  /** The parameter's name in C. */
  readonly parameter: (id: string) => string;
}

/** That one of a record's fields is a value of its type, where the record says that it is there. */
function fieldChecks(names: CheckNames, record: RecordType, place: string, field: Field, text: string): Check[] {
  const own = valueChecks(names, `${place}.${names.field(field.name)}`, field.type, `${text}.${field.name}`);
  const first = `${place}.${names.field(record.fields[0].name)}`;
  const { where } = field;
  if (record.optional && field !== record.fields[0])
    return own.map((check) => ({ ...check, condition: `!${first} || (${check.condition})` }));
  if (where === undefined) return own;
  const isThere = where.map((member) => `${first} == ${member}`).join(' || ');
  return own.map((check) => ({ ...check, condition: `!(${isThere}) || (${check.condition})` }));
}

/** That each element of a list is a value of its type. */
function elementChecks(names: CheckNames, place: string, type: ArrayType, text: string): Check[] {
  if (!type.list) return [];
  const own = valueChecks(names, `${place}.data[cm_i]`, type.element, `${text}[i]`);
  if (own.length === 0) return [];
  const holds = own.map(({ condition }) => `(${condition})`).join(' && ');
  const loop = `for (size_t cm_i = 0; cm_all && cm_i < ${place}.length; cm_i++) cm_all = ${holds};`;
  return [
    {
      condition: `({ bool cm_all = true; ${loop} cm_all; })`,
      text: `each element of ${text} is a ${showType(type.element)}`,
    },
  ];
}

const sizeAndAlignment = (value: string): string => `sizeof(${value}), _Alignof(__typeof__(${value}))`;

/** That what lies in a place of C is a value of a type. */
function valueChecks(names: CheckNames, place: string, type: Type, text: string): Check[] {
  switch (type.kind) {
    case 'integer':
      return type.name === 'number' ? [{ condition: `cm_is_safe(${place})`, text: `${text} is a safe integer` }] : [];
    case 'boolean':
    case 'void':
      return [];
    case 'enumeration':
      return [
        { condition: `(uint64_t)${place} < ${type.members.length}`, text: `${text} is a member of ${type.name}` },
      ];
    case 'record':
      return type.fields.flatMap((field) => fieldChecks(names, type, place, field, text));
    case 'array':
      return [
        {
          condition: `cm_is_memory(${place}.data, ${place}.length, ${sizeAndAlignment(`*${place}.data`)})`,
          text: `${text} has memory, and at most ${LONGEST_ARRAY} elements`,
        },
        ...elementChecks(names, place, type, text),
      ];
    case 'object':
      return [
        { condition: `cm_is_memory(${place}, 1, ${sizeAndAlignment(`*${place}`)})`, text: `${text} is an object` },
        ...valueChecks(names, `(*${place})`, type.record, text),
      ];
  }
}

/** The address and the size of what a parameter leads to; undefined where it is a value. */
function memoryOf({ kind }: Type, name: string): readonly [address: string, size: string] | undefined {
  if (kind === 'array') return [`${name}.data`, `${name}.length * sizeof *${name}.data`];
  return kind === 'object' ? [name, `sizeof *${name}`] : undefined;
}

/** That what is written is apart from all else that the parameters lead to. */
function separationChecks({ parameters, modifies }: FunctionIr, names: CheckNames): Check[] {
  const held = parameters.flatMap(({ id, name, type }) => {
    const memory = memoryOf(type, names.parameter(id));
    return memory === undefined ? [] : [{ name, memory, isWritten: modifies.includes(id) }];
  });
  return held.flatMap((one, i) =>
    held.slice(i + 1).flatMap((other): Check[] => {
      if (!one.isWritten && !other.isWritten) return [];
      const condition = `cm_is_apart(${[...one.memory, ...other.memory].join(', ')})`;
      return [{ condition, text: `${one.name} and ${other.name} are different memory` }];
    }),
  );
}

/** What is to be tested before a function runs; `lower` gives a clause's condition in C, or refuses. */
export function checksOf(fn: FunctionIr, names: CheckNames, lower: (clause: Clause) => string): Checks {
  const checks = [
    ...fn.parameters.flatMap(({ id, name, type }) => valueChecks(names, names.parameter(id), type, name)),
    ...separationChecks(fn, names),
  ];
  const unchecked: Unchecked[] = [];
  for (const clause of fn.requires) {
    if (unchecked.length > 0) {
      unchecked.push({ clause, reason: 'one before it is not decided' });
      continue;
    }
    try {
      checks.push({ condition: lower(clause), text: clause.text });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      unchecked.push({ clause, reason: error.message });
    }
  }
  return { checks, unchecked };
}
