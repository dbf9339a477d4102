/**
 * Runs the IR on values, and watches what the prover proves: bounds, ranges, divisors, contracts, invariants, measures,
 * frames. It replays a counterexample to tell a bug from a proof that is too weak, and looks for states that come to a
 * branch. A user's source is never evaluated; every run has a bound on its steps.
 *
 * Operations in code compute what JavaScript computes (operators.ts), once their exact result is known to be the same;
 * clauses are exact.
 */
import { conversionOf } from '../conversions.ts';
import {
  type Argument,
  type Clause,
  coversError,
  type ErrorName,
  type Expression,
  type FunctionIr,
  type Loop,
  ownedArrays,
  type Program,
  type Span,
  type Statement,
  type ThrowsClause,
} from '../ir.ts';
import { exact, evaluate as javascript, operatorOf } from '../operators.ts';
import { inRange, LONGEST_ARRAY, rangeOf, showType } from '../types.ts';
import {
  arrayOf,
  check,
  checkBounds,
  checkField,
  checkFrame,
  type Frame,
  isParameter,
  type Machine,
  type Outcome,
  objectOf,
  Stop,
  someValue,
  step,
  textOf,
  violate,
} from './machine.ts';
import { type ArrayValue, constantValue, copyValue, isArrayValue, type Value } from './values.ts';

export type { Outcome, Violation } from './machine.ts';

export interface Run {
  readonly outcome: Outcome;
  /** Marks of the places that the function itself came to, see `mark`. */
  readonly visited: ReadonlySet<string>;
  /** Steps that it took. */
  readonly spent: number;
}

/** Names a branch or a loop's body for `visited`. */
export const mark = (what: 'then' | 'else' | 'loop', span: Span): string => `${what}@${span.file}:${span.start}`;

const QUANTIFIER_LIMIT = 5_000n;
const DEEPEST = 200;
const LONGEST_MADE = 65_536n;
/** Memory is assumed to suffice, so what a run does beyond says nothing. */
const LONGEST_INTEGER = { low: -(2n ** 4096n), high: 2n ** 4096n };

type Signal = undefined | 'break' | 'continue' | { readonly returned: Value | undefined };

function integer(machine: Machine, frame: Frame, expression: Expression): bigint {
  const value = compute(machine, frame, expression);
  if (typeof value !== 'bigint') throw new TypeError('no integer');
  return value;
}

function truth(machine: Machine, frame: Frame, expression: Expression): boolean {
  const value = compute(machine, frame, expression);
  if (typeof value !== 'boolean') throw new TypeError('no truth');
  return value;
}

function computeOperation(machine: Machine, frame: Frame, expression: Expression & { kind: 'operation' }): Value {
  const operator = operatorOf(expression.operator);
  const operands = expression.operands.map((operand) => integer(machine, frame, operand));
  // Most hold, and a text that nobody reads takes longer than the operation.
  for (const { kind, holds } of operator.conditions?.(exact, operands) ?? []) {
    if (!holds) check(frame, holds, kind, textOf(machine, expression.span), expression.span);
  }
  const result = operator.meaning(exact, operands);
  if (typeof result === 'bigint' && !inRange(result, LONGEST_INTEGER)) throw new Stop({ kind: 'gave up' });
  if (frame.clause) return result;
  if (typeof result === 'bigint' && operator.gives === 'integer') {
    const holds = inRange(result, rangeOf(operator.result));
    if (!holds) check(frame, holds, 'overflow', textOf(machine, expression.span), expression.span);
  }
  return javascript(expression.operator, operands);
}

function computeQuantifier(machine: Machine, frame: Frame, expression: Expression & { kind: 'quantifier' }): boolean {
  const low = integer(machine, frame, expression.low);
  const high = integer(machine, frame, expression.high);
  if (high - low > QUANTIFIER_LIMIT) throw new Stop({ kind: 'gave up' });
  const variables = new Map(frame.variables);
  const inner: Frame = { ...frame, variables };
  for (let i = low; i < high; i++) {
    step(machine);
    variables.set(expression.variable.id, i);
    if (truth(machine, inner, expression.body) === (expression.quantifier === 'exists'))
      return expression.quantifier === 'exists';
  }
  return expression.quantifier === 'forall';
}

function compute(machine: Machine, frame: Frame, expression: Expression): Value {
  step(machine);
  switch (expression.kind) {
    case 'integer':
    case 'boolean':
    case 'member':
      return expression.value;
    case 'variable': {
      if (expression.variable.type.kind === 'object') return copyValue(objectOf(frame, expression.variable.id));
      const value = frame.variables.get(expression.variable.id);
      if (value === undefined) throw new TypeError(`no value of ${expression.variable.id}`);
      return value;
    }
    case 'operation':
      return computeOperation(machine, frame, expression);
    case 'convert': {
      const value = integer(machine, frame, expression.operand);
      const { type, span } = expression;
      const found = conversionOf(expression.operand.type, type);
      const converted = found === undefined ? value : found.pairs.find(([from]) => from === value)?.[1];
      const fits = converted !== undefined && (type.kind !== 'integer' || inRange(converted, rangeOf(type.name)));
      if (!fits) check(frame, fits, 'range', `${textOf(machine, span)} is ${showType(type)}`, span);
      return converted!;
    }
    case 'not':
      return !truth(machine, frame, expression.operand);
    case 'logical': {
      const left = truth(machine, frame, expression.left);
      if (expression.operator === 'and') return left && truth(machine, frame, expression.right);
      // `a || b` is decided by a true a, implies(a, b) by a false one; then both are true.
      return (expression.operator === 'or') === left || truth(machine, frame, expression.right);
    }
    case 'same':
      return compute(machine, frame, expression.left) === compute(machine, frame, expression.right);
    case 'conditional':
      return compute(
        machine,
        frame,
        truth(machine, frame, expression.condition) ? expression.whenTrue : expression.whenFalse,
      );
    case 'element': {
      const { elements } = arrayOf(machine, frame, expression.array.id);
      const index = integer(machine, frame, expression.index);
      checkBounds(machine, frame, elements, index, expression.span);
      return elements[Number(index)];
    }
    case 'length':
      return BigInt(arrayOf(machine, frame, expression.array.id).elements.length);
    case 'record':
      return { kind: 'fields', fields: expression.fields.map((field) => compute(machine, frame, field)) };
    case 'field': {
      const operand = compute(machine, frame, expression.operand);
      const { type } = expression.operand;
      if (typeof operand !== 'object' || operand.kind !== 'fields' || type.kind !== 'record')
        throw new TypeError('no record');
      const at = type.fields.findIndex(({ name }) => name === expression.name);
      const there = type.optional
        ? at === 0 || operand.fields[0] === true
        : type.fields[at].where?.some((place) => place === operand.fields[0]) !== false;
      check(frame, there, 'variant', textOf(machine, expression.span), expression.span);
      return operand.fields[at];
    }
    case 'call':
      return callFunction(machine, frame, expression.function, expression.arguments, expression.span)!;
    case 'quantifier':
      return computeQuantifier(machine, frame, expression);
    case 'old':
      return compute(machine, { ...frame, old: true }, expression.operand);
  }
}

function clauseHolds(machine: Machine, frame: Frame, { expression }: Clause): boolean {
  return truth(machine, { ...frame, clause: true }, expression);
}

function measureOf(machine: Machine, frame: Frame, clauses: readonly Clause[]): bigint[] {
  return clauses.map(({ expression }) => integer(machine, { ...frame, clause: true }, expression));
}

/** Whether the second measure is smaller, as proofs require it. */
function falls(before: readonly bigint[], after: readonly bigint[]): boolean {
  const at = before.findIndex((value, i) => value !== after[i]);
  return at >= 0 && after[at] < before[at] && before[at] >= 0n;
}

function callFunction(
  machine: Machine,
  caller: Frame,
  key: string,
  args: readonly Argument[],
  span: Span,
): Value | undefined {
  const callee = machine.functions.get(key);
  if (callee === undefined) throw new TypeError(`no function ${key}`);
  if (callee.body === undefined || machine.depth >= DEEPEST) throw new Stop({ kind: 'gave up' });
  const values = args.map(
    (argument): Value =>
      argument.kind === 'array'
        ? arrayOf(machine, caller, argument.array.id)
        : argument.kind === 'object'
          ? objectOf(caller, argument.object.id)
          : compute(machine, caller, argument),
  );
  callee.parameters.forEach(({ id, name }, i) => {
    if (!callee.modifies.includes(id)) return;
    values.forEach((value, j) => {
      if (i !== j && value === values[i])
        violate(caller, 'separated', `${callee.name}: ${name}, ${callee.parameters[j].name}`, span);
    });
  });
  const frame = enterFrame(machine, callee, values, false);
  if (frame.unmet !== undefined)
    violate(caller, caller.clause ? 'defined' : 'requires', `${callee.name}: ${frame.unmet.text}`, span);
  const { measure, throwing } = frame;
  for (const { text, error } of throwing) {
    if (caller.clause || !announces(caller, error))
      violate(caller, caller.clause ? 'defined' : 'throws', `${callee.name}: ${text}`, span);
  }
  if (
    callee.key === caller.function.key &&
    !caller.clause &&
    caller.measure.length > 0 &&
    !falls(caller.measure, measure)
  ) {
    violate(caller, 'decreases', `call of ${callee.name}`, span);
  }
  machine.depth++;
  const result = runBody(machine, frame);
  machine.depth--;
  return result;
}

/** Whether the function may throw the error in this call. */
const announces = ({ throwing }: Frame, error: ErrorName): boolean =>
  throwing.some((own) => coversError(own.error, error));

function throwingOf(machine: Machine, frame: Frame, clauses: readonly ThrowsClause[]): ThrowsClause[] {
  return clauses.filter((clause) => clauseHolds(machine, frame, clause));
}

function enterFrame(machine: Machine, callee: FunctionIr, values: readonly Value[], top: boolean): Frame {
  const variables = new Map(callee.parameters.map(({ id }, i) => [id, values[i]]));
  const entry = new Map(
    callee.parameters.flatMap(({ id }, i) =>
      callee.modifies.includes(id) || callee.fields.has(id) ? [[id, copyValue(values[i])] as const] : [],
    ),
  );
  const parts = { function: callee, variables, entry, clause: false, old: false, top };
  const frame: Frame = { ...parts, measure: [], throwing: [] };
  if (!top) {
    // Measures and conditions of errors need be defined only where the preconditions hold.
    const unmet = callee.requires.find((clause) => !clauseHolds(machine, frame, clause));
    if (unmet !== undefined) return { ...frame, unmet };
  }
  return {
    ...frame,
    measure: measureOf(machine, frame, callee.decreases),
    throwing: throwingOf(machine, frame, callee.throws),
  };
}

function runBody(machine: Machine, frame: Frame): Value | undefined {
  const signal = runAll(machine, frame, frame.function.body ?? []);
  if (typeof signal === 'object') return signal.returned;
  if (frame.function.result.kind !== 'void') violate(frame, 'returns', 'a value', frame.function.span);
  leave(machine, frame, undefined, frame.function.span);
  return undefined;
}

function leave(machine: Machine, frame: Frame, value: Value | undefined, span: Span): void {
  const { function: own, variables, throwing } = frame;
  if (throwing.length > 0) violate(frame, 'throws', throwing[0].text, span);
  if (value !== undefined) variables.set(own.resultVariable.id, value);
  for (const clause of own.ensures) {
    if (!clauseHolds(machine, frame, clause)) violate(frame, 'ensures', clause.text, span);
  }
}

function runLoop(machine: Machine, frame: Frame, loop: Loop): Signal {
  const text = textOf(machine, loop.condition.span);
  let kind = 'invariant entry';
  let before: bigint[] | undefined;
  for (;;) {
    step(machine);
    for (const clause of loop.invariants)
      if (!clauseHolds(machine, frame, clause)) violate(frame, kind, clause.text, clause.span);
    kind = 'invariant kept';
    if (
      before !== undefined &&
      loop.decreases.length > 0 &&
      !falls(before, measureOf(machine, frame, loop.decreases))
    ) {
      violate(
        frame,
        'decreases',
        `${loop.decreases.map((clause) => clause.text).join(', ')} of ${text}`,
        loop.decreases[0].span,
      );
    }
    if (!truth(machine, frame, loop.condition)) return undefined;
    if (frame.top) machine.visited.add(mark('loop', loop.span));
    before = measureOf(machine, frame, loop.decreases);
    const signal = runAll(machine, frame, loop.body);
    if (signal === 'break') return undefined;
    if (typeof signal === 'object') return signal;
    runAll(machine, frame, loop.update);
  }
}

function runCall(machine: Machine, frame: Frame, statement: Statement & { kind: 'call' }): void {
  const callee = machine.functions.get(statement.function);
  callee?.parameters.forEach(({ id }, i) => {
    const argument = statement.arguments[i];
    if (callee.modifies.includes(id) && argument.kind === 'array')
      checkFrame(frame, argument.array.id, argument.array.name, statement.span);
    if (argument.kind === 'object')
      for (const field of callee.fields.get(id) ?? []) checkField(frame, argument.object, field, statement.span);
  });
  const value = callFunction(machine, frame, statement.function, statement.arguments, statement.span);
  const { target } = statement;
  if (target === undefined || value === undefined) return;
  if (target.type.kind === 'integer' && typeof value === 'bigint') {
    const text = `${textOf(machine, statement.span)} is ${target.type.name}`;
    check(frame, inRange(value, rangeOf(target.type.name)), 'range', text, statement.span);
  }
  frame.variables.set(target.id, value);
}

function runStatement(machine: Machine, frame: Frame, statement: Statement): Signal {
  step(machine);
  switch (statement.kind) {
    case 'declare':
    case 'assign':
      frame.variables.set(statement.variable.id, compute(machine, frame, statement.value));
      return undefined;
    case 'create': {
      const { object } = statement;
      frame.variables.set(object.id, someValue(object.type));
      for (const { id, type } of ownedArrays(object)) frame.variables.set(id, { kind: 'array', type, elements: [] });
      return undefined;
    }
    case 'allocate': {
      const { variable, values, span } = statement;
      const length = integer(machine, frame, statement.length);
      check(frame, inRange(length, { low: 0n, high: LONGEST_ARRAY }), 'range', `length of ${variable.name}`, span);
      // Memory is assumed to suffice.
      if (length > LONGEST_MADE) throw new Stop({ kind: 'gave up' });
      const made = values === undefined ? Array.from({ length: Number(length) }, () => 0n) : [...values];
      const known = frame.variables.get(variable.id);
      // One of the object that is being made: whoever made it sees it too.
      if (known !== undefined && isArrayValue(known) && isParameter(frame, variable)) {
        known.elements.length = 0;
        for (const element of made) known.elements.push(element);
      } else frame.variables.set(variable.id, { kind: 'array', type: variable.type, elements: made });
      return undefined;
    }
    case 'store': {
      const { elements } = arrayOf(machine, frame, statement.array.id);
      const index = integer(machine, frame, statement.index);
      const value = integer(machine, frame, statement.value);
      checkFrame(frame, statement.array.id, statement.array.name, statement.span);
      checkBounds(machine, frame, elements, index, statement.span);
      elements[Number(index)] = value;
      return undefined;
    }
    case 'set': {
      const { object, field, span } = statement;
      const value = compute(machine, frame, statement.value);
      checkField(frame, object, field, span);
      const at = object.type.record.fields.findIndex(({ name }) => name === field);
      objectOf(frame, object.id).fields[at] = value;
      return undefined;
    }
    case 'if': {
      const taken = truth(machine, frame, statement.condition);
      if (frame.top) machine.visited.add(mark(taken ? 'then' : 'else', statement.span));
      return runAll(machine, frame, taken ? statement.whenTrue : statement.whenFalse);
    }
    case 'loop':
      return runLoop(machine, frame, statement);
    case 'break':
    case 'continue':
      return statement.kind;
    case 'return': {
      const value = statement.value === undefined ? undefined : compute(machine, frame, statement.value);
      leave(machine, frame, value, statement.span);
      return { returned: value };
    }
    case 'throw':
      if (!announces(frame, statement.error)) violate(frame, 'throws', `throw ${statement.error}`, statement.span);
      for (const clause of frame.function.kept)
        if (!clauseHolds(machine, frame, clause)) violate(frame, 'ensures', clause.text, statement.span);
      throw new Stop({ kind: 'threw', error: statement.error });
    case 'call':
      runCall(machine, frame, statement);
      return undefined;
    case 'assert':
      if (!clauseHolds(machine, frame, statement.clause))
        violate(frame, 'assert', statement.clause.text, statement.clause.span);
      return undefined;
    case 'ghost':
      return runAll(machine, frame, statement.body);
  }
}

function runAll(machine: Machine, frame: Frame, statements: readonly Statement[]): Signal {
  for (const statement of statements) {
    const signal = runStatement(machine, frame, statement);
    if (signal !== undefined) return signal;
  }
  return undefined;
}

const loaded = new WeakMap<Program, Pick<Machine, 'functions' | 'tables'>>();

/** What all runs of a program share; nothing writes to a table. */
function loadedOf(program: Program): Pick<Machine, 'functions' | 'tables'> {
  const before = loaded.get(program);
  if (before !== undefined) return before;
  const tables = program.tables.map(({ variable, values }): [string, ArrayValue] => [
    variable.id,
    { kind: 'array', type: variable.type, elements: values.map(constantValue) },
  ]);
  const functions = new Map(program.functions.map((one) => [one.key, one]));
  const made = { functions, tables: new Map(tables) };
  loaded.set(program, made);
  return made;
}

/** Runs a function; arrays among the arguments are changed. `steps` bounds the work. */
export function run(program: Program, subject: FunctionIr, args: readonly Value[], steps = 20_000): Run {
  const machine: Machine = {
    program,
    ...loadedOf(program),
    steps,
    depth: 0,
    visited: new Set(),
  };
  const ended = (outcome: Outcome): Run => ({ outcome, visited: machine.visited, spent: steps - machine.steps });
  try {
    const frame = enterFrame(machine, { ...subject, decreases: [], throws: [] }, args, true);
    for (const clause of subject.requires) {
      if (!clauseHolds(machine, frame, clause)) return ended({ kind: 'rejected' });
    }
    machine.visited.add('entry');
    const measure = measureOf(machine, frame, subject.decreases);
    const throwing = throwingOf(machine, frame, subject.throws);
    const started: Frame = { ...frame, function: subject, measure, throwing };
    const value = runBody(machine, started);
    return ended({ kind: 'returned', value });
  } catch (error) {
    if (error instanceof RangeError && error.message.includes('call stack')) return ended({ kind: 'gave up' });
    if (!(error instanceof Stop)) throw error;
    return ended(error.outcome);
  }
}
