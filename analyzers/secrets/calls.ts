/**
 * Values and calls: whether what is computed depends on a secret, and what a call may do with what it is given.
 *
 * Memory that holds a secret is lent only to parameters that are @secret, whose functions are held to it themselves, or,
 * where they have no body, are believed. A secret value may also go into a function without tags that only computes with
 * it: that one is followed, as though its parameter were secret, and so is its result then.
 */
import {
  type Argument,
  coversError,
  type Expression,
  type FunctionIr,
  isObjectVariable,
  type Span,
  type Variable,
} from '../ir.ts';
import { partsOf } from '../walk.ts';
import { decidedHere, type Walk } from './context.ts';
import { type Path, problem, step } from './paths.ts';
import { isMemory, placesOf } from './roles.ts';
import { type Content, copyState, fieldCell, joinStates, type State } from './state.ts';
import { literalOf } from './wipes.ts';

export interface Call {
  readonly function: string;
  readonly arguments: readonly Argument[];
  readonly span: Span;
}

const pathOf = (content: Content | undefined): Path | undefined =>
  content?.kind === 'secret' ? content.path : undefined;

/** The way by which a value depends on a secret, if it may. */
export function secretOf(walk: Walk, state: State, expression: Expression, pc: Path | undefined): Path | undefined {
  const secret = (part: Expression, under = pc): Path | undefined => secretOf(walk, state, part, under);
  const decides = (condition: Expression, path: Path | undefined): Path | undefined =>
    path === undefined ? pc : step(condition.span, 'it decides what is computed here', path);
  switch (expression.kind) {
    case 'variable': {
      const { variable } = expression;
      if (!isObjectVariable(variable)) return state.values.get(variable.id);
      const fields = variable.type.record.fields.map(({ name }) => pathOf(state.cells.get(fieldCell(variable, name))));
      return fields.find((path) => path !== undefined);
    }
    case 'element': {
      const index = secret(expression.index);
      return pathOf(state.cells.get(expression.array.id)) ?? index;
    }
    case 'field': {
      const { operand, name } = expression;
      return operand.kind === 'variable' && isObjectVariable(operand.variable)
        ? pathOf(state.cells.get(fieldCell(operand.variable, name)))
        : secret(operand);
    }
    case 'logical': {
      const left = secret(expression.left);
      const right = secret(expression.right, decides(expression.left, left));
      return left ?? right;
    }
    case 'conditional': {
      const condition = secret(expression.condition);
      const under = decides(expression.condition, condition);
      const arms = [secret(expression.whenTrue, under), secret(expression.whenFalse, under)];
      return condition ?? arms[0] ?? arms[1];
    }
    case 'call':
      return runCall(walk, state, expression, pc);
    default: {
      // All are looked at, for the calls in them.
      const parts = partsOf(expression).map((part) =>
        part.kind === 'array' || part.kind === 'object' ? undefined : secret(part),
      );
      return parts.find((path) => path !== undefined);
    }
  }
}

const lent = (callee: FunctionIr, { name }: Variable): string =>
  callee.body === undefined
    ? `${callee.name}, which is only declared and believed, and whose parameter ${name} is not @secret`
    : `${callee.name}, whose parameter ${name} is not @secret`;

/** Whether a condition reads what is secret for the function. */
function readsSecret(walk: Walk, callee: FunctionIr, node: Expression | Argument): boolean {
  const id = node.kind === 'variable' ? node.variable.id : node.kind === 'element' ? node.array.id : undefined;
  if (id !== undefined && walk.whole.roles(callee).get(id) === 'secret') return true;
  return partsOf(node).some((part) => readsSecret(walk, callee, part));
}

/** Whether, when and how the call happens is seen outside, so no secret may decide it. */
function checkDecided(walk: Walk, callee: FunctionIr, span: Span, mayThrow: boolean, here: Path | undefined): void {
  const because =
    mayThrow &&
    callee.body === undefined &&
    callee.throws.some(({ expression }) => readsSecret(walk, callee, expression));
  if (because)
    walk.report(
      problem(
        span,
        `whether ${callee.name} throws depends on what it is given as @secret`,
        undefined,
        'Whoever catches the error learns it.',
      ),
    );
  if (here === undefined) return;
  const effect = walk.whole.effectOf(callee.key);
  if (effect !== undefined)
    walk.report(
      problem(
        span,
        `whether ${effect.name}, which has an effect outside, is called depends on a secret`,
        here,
        'Call it whatever the secret is.',
      ),
    );
  else if (mayThrow)
    walk.report(
      problem(
        span,
        `whether ${callee.name}, which may throw, is called depends on a secret`,
        here,
        'Whoever catches the error learns it.',
      ),
    );
}

/** A place of an argument, and the parameter that it is for the callee. */
interface Lent {
  readonly cell: string;
  readonly name: string;
  readonly parameter: Variable;
  readonly argument: Argument & { readonly kind: 'array' | 'object' };
  readonly isSecret: boolean;
  readonly written: boolean;
  readonly shown: boolean;
}

function lentBy(walk: Walk, callee: FunctionIr, args: readonly Argument[]): Lent[] {
  const roles = walk.whole.roles(callee);
  return callee.parameters.flatMap((parameter, i): Lent[] => {
    const argument = args[i];
    if (argument.kind !== 'array' && argument.kind !== 'object') return [];
    const role = roles.get(parameter.id);
    const common = { parameter, argument, isSecret: role === 'secret', shown: role === 'shown' };
    if (argument.kind === 'array') {
      const { id, name } = argument.array;
      return [{ ...common, cell: id, name, written: callee.modifies.includes(parameter.id) }];
    }
    // Arrays that the object owns are arguments of their own.
    const fields = callee.fields.get(parameter.id) ?? [];
    return argument.object.type.record.fields.map(({ name }) => ({
      ...common,
      cell: fieldCell(argument.object, name),
      name: `${argument.object.name}.${name}`,
      written: fields.includes(name),
    }));
  });
}

/** Holds one place to the rules of lending. */
function checkLent(
  walk: Walk,
  state: State,
  callee: FunctionIr,
  { cell, name, parameter, argument, isSecret }: Lent,
): void {
  const content = state.cells.get(cell);
  const { span } = argument;
  if (!isSecret) {
    if (content?.kind === 'secret')
      walk.report(
        problem(
          span,
          `${name} holds what depends on a secret, and goes to ${lent(callee, parameter)}`,
          content.path,
          `Mark it there: @secret ${parameter.name}.`,
        ),
      );
    return;
  }
  const passed = `${name} is passed on as @secret ${parameter.name} of ${callee.name}`;
  if (walk.whole.tables.has(cell))
    walk.report(
      problem(
        span,
        `${passed}, and it is a constant of the image, which nobody can wipe`,
        undefined,
        'Read secrets from outside.',
      ),
    );
  else if (content?.kind !== 'public' || walk.roles.has(cell)) return;
  else if (walk.own.parameters.some((own) => placesOf(own).some(({ id }) => id === cell)))
    walk.report(
      problem(
        span,
        `${passed}, and ${walk.own.name} does not say that it is secret`,
        undefined,
        `Write @secret ${name}.`,
      ),
    );
  else walk.want(argument, step(span, passed));
}

/** What the place holds after the call. */
function contentAfter(
  walk: Walk,
  callee: FunctionIr,
  one: Lent,
  before: Content | undefined,
  span: Span,
  here: Path | undefined,
): Content {
  const old = pathOf(before);
  const filled = step(
    span,
    `${callee.name} fills ${one.name}, its ${one.isSecret ? '@secret ' : ''}${one.parameter.name}`,
    old ?? here,
  );
  if (one.isSecret) return { kind: 'secret', path: filled };
  if (here !== undefined) return { kind: 'secret', path: filled };
  if (one.shown) return { kind: 'public' };
  const origin = walk.origins.get(one.cell);
  if (origin !== undefined) return { kind: 'secret', path: step(span, `${callee.name} fills ${one.name}`, origin) };
  if (old !== undefined) return { kind: 'secret', path: old };
  // Nothing is known of a function without a body but what it says; that it leaves no copy there it does not say.
  return callee.body === undefined && callee.secrets !== undefined
    ? { kind: 'secret', path: filled }
    : { kind: 'public' };
}

/** Values that are secret, in parameters that do not say so; then whether the result depends on them. */
function passValues(
  walk: Walk,
  state: State,
  callee: FunctionIr,
  { arguments: args }: Call,
  pc: Path | undefined,
): Path | undefined {
  const roles = walk.whole.roles(callee);
  const given = new Map<string, Path>();
  callee.parameters.forEach((parameter, i) => {
    const argument = args[i];
    if (argument.kind === 'array' || argument.kind === 'object' || isMemory(parameter)) return;
    const path = secretOf(walk, state, argument, pc);
    if (roles.get(parameter.id) === 'secret') {
      if (path === undefined && literalOf(argument) === undefined)
        walk.want(argument, step(argument.span, `it is passed on as @secret ${parameter.name} of ${callee.name}`));
    } else if (path !== undefined) {
      if (callee.body === undefined || callee.secrets !== undefined)
        walk.report(
          problem(
            argument.span,
            `what depends on a secret goes to ${lent(callee, parameter)}`,
            path,
            `Mark it there: @secret ${parameter.name}.`,
          ),
        );
      else given.set(parameter.id, step(argument.span, `it goes to ${callee.name} as ${parameter.name}`, path));
    }
  });
  const [first] = given.values();
  return first !== undefined && walk.follow(callee, given) ? first : undefined;
}

/** Does what a call does to the state; gives the way by which its result depends on a secret, if it may. */
export function runCall(walk: Walk, state: State, call: Call, pc: Path | undefined): Path | undefined {
  const { span } = call;
  walk.tick(span);
  const { whole, own } = walk;
  const callee = whole.functions.get(call.function)!;
  const here = decidedHere(state, pc);
  // What is not announced is proved not to be thrown.
  const mayThrow = callee.throws.some(({ error }) =>
    own.throws.some((announced) => coversError(announced.error, error)),
  );
  checkDecided(walk, callee, span, mayThrow, here);
  const result = passValues(walk, state, callee, call, pc);
  const places = lentBy(walk, callee, call.arguments);
  for (const one of places) checkLent(walk, state, callee, one);
  const before = copyState(state);
  for (const one of places) {
    if (one.written) state.cells.set(one.cell, contentAfter(walk, callee, one, state.cells.get(one.cell), span, here));
  }
  const wipe = (): void => {
    for (const { isSecret, written, argument, cell } of places)
      if (isSecret && written && argument.kind === 'array') state.cells.set(cell, { kind: 'constant', value: 0n });
  };
  // An error may come before all is written; but what has a body is held to wipe before it throws, too.
  const isZeroized = callee.secrets?.zeroized === true;
  if (isZeroized && callee.body !== undefined) wipe();
  const midway = isZeroized && callee.body !== undefined ? state : joinStates([before, state])!;
  if (mayThrow) walk.leave(midway, { span, text: `${callee.name} may throw` }, here);
  if (whole.ending.has(callee.key)) walk.leave(midway, { span, text: `${callee.name} may end the program` }, here);
  if (isZeroized) wipe();
  if (callee.secrets?.result === true) return undefined;
  if (result !== undefined) return step(span, `${callee.name} gives what depends on it`, result);
  return callee.body === undefined && callee.secrets !== undefined
    ? step(span, `${callee.name} is only declared, and does not say that its result is @declassifies`)
    : undefined;
}
