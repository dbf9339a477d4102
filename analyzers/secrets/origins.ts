/**
 * Where a secret comes from in a function that is not given one: an array of its own, filled by a device or computed, that
 * it passes on as @secret. It was secret before, and so was what it was made of: the block that a key was read with, say.
 *
 * So the data is followed back, through assignments, stores and calls, to the memory of the function that it came from.
 * Indices and conditions are not data. Functions without a body give what is new, which is where this ends.
 */
import { type Argument, type Expression, type FunctionIr, isObjectVariable, type Variable } from '../ir.ts';
import { allStatements, partsOf } from '../walk.ts';
import { type Path, step } from './paths.ts';
import { placesOf } from './roles.ts';
import { fieldCell } from './state.ts';

export interface Origins {
  /** Memory, and values that came from a trusted function, by id: secret from the beginning, and why. */
  readonly secret: ReadonlyMap<string, Path>;
  /** Parameters that it came from, which are not @secret. */
  readonly parameters: readonly { readonly variable: Variable; readonly path: Path }[];
}

/** Somebody writes here what stands there. */
interface Write {
  readonly to: string;
  readonly from: readonly string[];
  /** From a function of which nothing is known. */
  readonly fresh: boolean;
  readonly path: (before: Path) => Path;
}

interface Data {
  readonly ids: readonly string[];
  readonly fresh: boolean;
}

const cellsOf = (variable: Variable): string[] => placesOf(variable).map(({ id }) => id);

const together = (all: readonly Data[]): Data => ({
  ids: all.flatMap(({ ids }) => ids),
  fresh: all.some(({ fresh }) => fresh),
});

/** What a value is made of. */
function dataOf(functions: ReadonlyMap<string, FunctionIr>, node: Expression | Argument): Data {
  const parts = (nodes: readonly (Expression | Argument)[]): Data =>
    together(nodes.map((part) => dataOf(functions, part)));
  switch (node.kind) {
    case 'variable':
      return { ids: cellsOf(node.variable), fresh: false };
    case 'array':
    case 'element':
      return { ids: [node.array.id], fresh: false };
    case 'object':
      return { ids: cellsOf(node.object), fresh: false };
    case 'conditional':
      return parts([node.whenTrue, node.whenFalse]);
    case 'field':
      return node.operand.kind === 'variable' && isObjectVariable(node.operand.variable)
        ? { ids: [fieldCell(node.operand.variable, node.name)], fresh: false }
        : parts([node.operand]);
    case 'call': {
      const callee = functions.get(node.function);
      if (callee?.secrets !== undefined) return { ids: [], fresh: false };
      return callee?.body === undefined ? { ids: [], fresh: true } : parts(node.arguments);
    }
    default:
      return parts(partsOf(node));
  }
}

function writesOf(functions: ReadonlyMap<string, FunctionIr>, { body }: FunctionIr): Write[] {
  return allStatements(body ?? []).flatMap((statement): Write[] => {
    const write = (to: string, name: string, { ids, fresh }: Data): Write => ({
      to,
      from: ids,
      fresh,
      path: (before) => step(statement.span, `${name} is made of it here`, before),
    });
    switch (statement.kind) {
      case 'declare':
      case 'assign':
        return [write(statement.variable.id, statement.variable.name, dataOf(functions, statement.value))];
      case 'store':
        return [write(statement.array.id, statement.array.name, dataOf(functions, statement.value))];
      case 'set': {
        const { object, field } = statement;
        return [write(fieldCell(object, field), `${object.name}.${field}`, dataOf(functions, statement.value))];
      }
      case 'call': {
        const { target, arguments: passed } = statement;
        const callee = functions.get(statement.function);
        const expression = { ...statement, kind: 'call', type: { kind: 'void' } } as const;
        const result = target === undefined ? [] : [write(target.id, target.name, dataOf(functions, expression))];
        if (callee?.body === undefined || callee.secrets !== undefined) return result;
        const memory = passed.filter(({ kind }) => kind === 'array' || kind === 'object');
        const written = callee.parameters.flatMap(({ id }, i): Write[] => {
          const argument = passed[i];
          if (!callee.modifies.includes(id) || (argument.kind !== 'array' && argument.kind !== 'object')) return [];
          const others = together(memory.filter((one) => one !== argument).map((one) => dataOf(functions, one)));
          const { ids } = dataOf(functions, argument);
          return ids.map((to) => write(to, to.replaceAll('|', '.'), others));
        });
        return [...result, ...written];
      }
      default:
        return [];
    }
  });
}

/** Follows back what is passed on as @secret. */
export function originsOf(
  functions: ReadonlyMap<string, FunctionIr>,
  own: FunctionIr,
  isMarked: (id: string) => boolean,
  passed: Expression | Argument,
  because: Path,
): Origins {
  const writes = writesOf(functions, own);
  const memory = new Set(
    allStatements(own.body ?? []).flatMap((statement) =>
      statement.kind === 'allocate'
        ? [statement.variable.id]
        : statement.kind === 'create'
          ? cellsOf(statement.object)
          : [],
    ),
  );
  const parameters = new Map(
    own.parameters.flatMap((variable) => cellsOf(variable).map((id) => [id, variable] as const)),
  );
  const secret = new Map<string, Path>();
  const refused: { variable: Variable; path: Path }[] = [];
  const seen = new Map<string, Path>(dataOf(functions, passed).ids.map((id) => [id, because]));
  // Grows while it is walked.
  for (const [id, path] of seen) {
    if (isMarked(id)) continue;
    const parameter = parameters.get(id);
    if (parameter !== undefined) refused.push({ variable: parameter, path });
    else if (memory.has(id)) secret.set(id, path);
    for (const write of writes) {
      if (write.to !== id) continue;
      if (write.fresh && parameter === undefined) secret.set(id, path);
      for (const next of write.from) if (!seen.has(next)) seen.set(next, write.path(path));
    }
  }
  return { secret, parameters: refused };
}
