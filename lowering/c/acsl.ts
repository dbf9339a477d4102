/**
 * Contracts as ACSL, in comments of the C: what was proved of the TypeScript, said again of the C, so that another prover
 * can prove it again of what the compiler is given (`casemate prove --recheck frama-c`).
 *
 * Carried over are pre- and postconditions, frames, loop invariants, measures and assertions. What TypeScript's types say
 * and C's do not is said as well: that a `number` is a safe integer, that slices are memory of their length, that what is
 * written is separate from everything else. Pure functions whose bodies are expressions become logic functions, and their
 * C has the postcondition that it computes them. What has no form is left out, with a note in its place and in `dropped`:
 * whoever judges the C by its ACSL must not take such a function for validated. Source: ACSL 1.17.
 */
import {
  type Clause,
  type FunctionIr,
  isArrayVariable,
  isObjectVariable,
  type Loop,
  ownedArrays,
  type Statement,
  type Variable,
} from '../../analyzers/ir.ts';
import { LONGEST_ARRAY, type Type, valueType } from '../../analyzers/types.ts';
import { allStatements } from '../../analyzers/walk.ts';
import { type AcslNames, type AcslTerms, createTerms, Inexpressible } from './acsl-terms.ts';
import { safeInteger } from './operators.ts';

/** A claim that has no form in ACSL. */
export interface Dropped {
  readonly function: string;
  readonly text: string;
  readonly why: string;
}

/** The annotations of one function. Each is lines of comments that stand before what they speak of. */
export interface Acsl {
  readonly contract: () => string[];
  readonly loop: (loop: Loop) => string[];
  readonly statement: (statement: Statement & { kind: 'assert' | 'ghost' }) => string[];
}

/** A comment may not end early, nor a line of it go on. */
export const commentText = (text: string): string =>
  text
    .replaceAll('*/', '* /')
    .replaceAll('/*', '/ *')
    .replace(/[^\x20-\x7e]/g, '?');

const NOTE = '/* not in ACSL: ';

/** Clauses in a comment of ACSL, after those that have no form. */
function annotation(all: readonly string[]): string[] {
  const notes = all.filter((one) => one.startsWith(NOTE));
  const [first, ...rest] = all.filter((one) => !one.startsWith(NOTE));
  if (first === undefined) return notes;
  if (rest.length === 0) return [...notes, `/*@ ${first} */`];
  return [...notes, `/*@ ${first}`, ...rest.map((one) => `    ${one}`), ' */'];
}

/** What a place of C holds, if it is a value of the type: what TypeScript's type says of it and C's does not. */
function claimsOf(type: Type, place: string, field: (name: string) => string): string[] {
  switch (type.kind) {
    case 'integer':
      return type.name === 'number' ? [safeInteger(place)] : [];
    case 'enumeration':
      return [`0 <= ${place} < ${type.members.length}`];
    case 'record':
      return type.fields.flatMap((one, i) => {
        const own = claimsOf(one.type, `${place}.${field(one.name)}`, field);
        const first = `${place}.${field(type.fields[0].name)}`;
        const where =
          type.optional && i > 0 ? `${first} != 0` : one.where?.map((at) => `${first} == ${at}`).join(' || ');
        return where === undefined ? own : own.map((claim) => `(${where}) ==> (${claim})`);
      });
    case 'array': {
      const range = `0 <= cm_i < ${place}.length`;
      const own = type.list ? claimsOf(type.element, `${place}.data[cm_i]`, field) : [];
      return own.map((claim) => `(\\forall integer cm_i; ${range} ==> (${claim}))`);
    }
    default:
      return [];
  }
}

interface Written {
  readonly id: string;
  /** Of an object. */
  readonly fields: readonly string[] | undefined;
}

const range = (name: string): string => `${name}.data + (0 .. ${name}.length - 1)`;

export function createAcsl(
  fn: FunctionIr,
  names: AcslNames,
  functionOf: (key: string) => FunctionIr,
  definitionOf: AcslTerms['definitionOf'],
  drop: (dropped: Dropped) => void,
): Acsl {
  const terms = createTerms(fn, names, definitionOf);
  const nameOf = ({ id }: Variable): string => names.variable(id);

  /** The clause, or a note that it is none. */
  const carried = (keyword: string, text: string, make: () => string): string => {
    try {
      return `${keyword} ${make()};`;
    } catch (error) {
      if (!(error instanceof Inexpressible)) throw error;
      drop({ function: fn.key, text: `${keyword} ${text}`, why: error.message });
      return `${NOTE}${commentText(`${keyword} ${text} (${error.message})`)} */`;
    }
  };
  const clause = (keyword: string, { text, expression }: Clause): string =>
    carried(keyword, text, () => terms.predicate(expression));

  /** That what a variable of this type holds is what its type in TypeScript says. */
  const typed = (variable: Variable): string[] => {
    const name = nameOf(variable);
    const base = isObjectVariable(variable) ? `(*${name})` : name;
    const held = names.held?.get(variable.id);
    if (held !== undefined) return [`${held.low} <= ${name} <= ${held.high}`];
    return claimsOf(valueType(variable.type), base, names.field);
  };
  const valid = (variable: Variable): string[] => {
    const name = nameOf(variable);
    if (isArrayVariable(variable)) {
      const how = variable.type.readonly ? '\\valid_read' : '\\valid';
      return [`${name}.length <= ${LONGEST_ARRAY} && ${how}(${range(name)})`];
    }
    if (!isObjectVariable(variable)) return [];
    return [`${variable.type.readonly ? '\\valid_read' : '\\valid'}(${name})`];
  };
  /** Of two things in memory of which one is written. */
  const separated = (): string[] => {
    const held = fn.parameters.filter((one) => isArrayVariable(one) || isObjectVariable(one));
    const place = (one: Variable): string => (isArrayVariable(one) ? range(nameOf(one)) : nameOf(one));
    return held.flatMap((one, i) =>
      held
        .slice(i + 1)
        .filter((other) => fn.modifies.includes(one.id) || fn.modifies.includes(other.id))
        .map((other) => `\\separated(${place(one)}, ${place(other)})`),
    );
  };
  const written = (id: string, fields: readonly string[] | undefined): string[] => {
    const name = names.variable(id);
    return fields === undefined
      ? [`${name}.data[0 .. ${name}.length - 1]`]
      : fields.map((field) => `${name}->${names.field(field)}`);
  };
  const frame = (): string => {
    const places = fn.modifies.flatMap((id) => written(id, fn.fields.get(id)));
    return places.length === 0 ? '\\nothing' : places.join(', ');
  };

  const measures = (keyword: string, decreases: readonly Clause[]): string[] => {
    if (decreases.length === 0) return [];
    return [
      carried(keyword, decreases.map(({ text }) => text).join(', '), () => {
        if (decreases.length > 1) throw new Inexpressible('measures are compared in an order of several');
        return terms.term(decreases[0].expression);
      }),
    ];
  };

  /** In a constructor: how long the arrays are that the object's maker has made. */
  const lengths = (): string[] =>
    (fn.body ?? []).flatMap((one) => {
      if (one.kind !== 'allocate' || !fn.parameters.some(({ id }) => id === one.variable.id)) return [];
      const length = `length of ${one.variable.name}`;
      return [carried('requires', length, () => `${nameOf(one.variable)}.length == ${terms.term(one.length)}`)];
    });

  const contract = (): string[] => {
    const definition = definitionOf(fn.key);
    const parameters = fn.parameters.map((one) => terms.argument(one)).join(', ');
    const objects = fn.parameters.filter(isObjectVariable).filter(({ id }) => fn.modifies.includes(id));
    const ofResult = claimsOf(fn.result, '\\result', names.field);
    return annotation([
      ...fn.parameters.flatMap(valid).map((one) => `requires ${one};`),
      ...fn.parameters.flatMap(typed).map((one) => `requires ${one};`),
      ...separated().map((one) => `requires ${one};`),
      ...lengths(),
      ...fn.requires.map((one) => clause('requires', one)),
      ...(fn.diverges ? ['terminates \\false;'] : []),
      ...measures('decreases', fn.decreases),
      `assigns ${frame()};`,
      ...ofResult.map((one) => `ensures ${one};`),
      ...objects.flatMap(typed).map((one) => `ensures ${one};`),
      ...(definition === undefined
        ? []
        : fn.result.kind === 'boolean'
          ? [`ensures \\result != 0 <==> ${definition.name}(${parameters});`]
          : [`ensures \\result == ${definition.name}(${parameters});`]),
      ...fn.ensures.map((one) => clause('ensures', one)),
    ]);
  };

  /** The caller's arrays and objects, of these the fields, that a call may write. */
  const modified = (call: Statement & { kind: 'call' }): Written[] => {
    const callee = functionOf(call.function);
    return call.arguments.flatMap((given, i): Written[] => {
      const { id } = callee.parameters[i];
      if (!callee.modifies.includes(id)) return [];
      if (given.kind === 'array') return [{ id: given.array.id, fields: undefined }];
      return given.kind === 'object' ? [{ id: given.object.id, fields: callee.fields.get(id) ?? [] }] : [];
    });
  };

  /** What a loop may write that is there before it. */
  const loopFrame = (loop: Loop): { places: string[]; variables: Variable[] } => {
    const inside = allStatements([...loop.body, ...loop.update]);
    const declared = new Set<string>();
    const variables = new Map<string, Variable>();
    const places = new Set<string>();
    for (const one of inside) {
      if (one.kind === 'declare' || one.kind === 'allocate') declared.add(one.variable.id);
      if (one.kind === 'create') for (const { id } of [one.object, ...ownedArrays(one.object)]) declared.add(id);
      if (one.kind === 'call' && one.declares && one.target !== undefined) declared.add(one.target.id);
    }
    const note = (id: string, add: readonly string[]): void => {
      if (!declared.has(id)) for (const place of add) places.add(place);
    };
    for (const one of inside) {
      const target = one.kind === 'assign' ? one.variable : one.kind === 'call' ? one.target : undefined;
      if (target !== undefined && !target.ghost && !declared.has(target.id)) {
        variables.set(target.id, target);
        places.add(nameOf(target));
      }
      if (one.kind === 'store') note(one.array.id, written(one.array.id, undefined));
      if (one.kind === 'set') note(one.object.id, written(one.object.id, [one.field]));
      if (one.kind === 'call') for (const { id, fields } of modified(one)) note(id, written(id, fields));
    }
    return { places: [...places], variables: [...variables.values()] };
  };

  const loop = (statement: Loop): string[] => {
    const { places, variables } = loopFrame(statement);
    const objects = fn.parameters.filter(isObjectVariable).filter(({ id }) => fn.modifies.includes(id));
    return annotation([
      ...[...variables, ...objects].flatMap(typed).map((one) => `loop invariant ${one};`),
      ...statement.invariants.map((one) => clause('loop invariant', one)),
      `loop assigns ${places.length === 0 ? '\\nothing' : places.join(', ')};`,
      ...measures('loop variant', statement.decreases),
    ]);
  };

  const onStatement: Acsl['statement'] = (statement) => {
    if (statement.kind === 'assert') return annotation([clause('assert', statement.clause)]);
    drop({ function: fn.key, text: 'ghost', why: 'ghost code is not carried over' });
    return [`${NOTE}ghost code */`];
  };
  return { contract, loop, statement: onStatement };
}
