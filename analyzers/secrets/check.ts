/**
 * Secrets in source: who holds what depends on one, and whether it is wiped on every way out.
 *
 * A wipe that is written does nothing for the copies that nobody thought of. So the flow of each secret is followed through
 * the IR, by values and by what they decide, from the parameters that are @secret, and from memory that a function passes
 * on as such:
 * - memory that a secret gets into is @secret itself (the caller's to wipe), is @declassifies (meant to be seen), or is
 *   set to a constant, whole, on every way out: returns, errors, its own and those of callees, and the end of the program;
 * - a @secret array has one owner, and is lent only to parameters that are @secret; nothing goes to functions that do not
 *   say so, to the console and to devices least of all;
 * - no result, no error, no effect outside tells of a secret, but a result that is @declassifies;
 * - a function that is @zeroized wipes its secret arrays, on every way out.
 * Whatever is not understood counts as secret and as not wiped. What is claimed is that a wipe is reached on every way of
 * the source, and no more: what compilers make of it is for the analysis of the finished image (hardening/zeroization).
 *
 * Values of variables are none of it, since no source says where they are kept; nor is time, nor which addresses are read.
 * After: Denning and Denning, "Certification of programs for secure information flow", CACM 20(7), 1977.
 */
import type { Diagnostic } from '../diagnostics.ts';
import { type Argument, type Expression, type FunctionIr, isArrayVariable, type Program } from '../ir.ts';
import { isOfPlatform } from '../platform.ts';
import { calledBy, createEffects } from '../typescript/effects.ts';
import { Refusal, refuse } from '../typescript/refuse.ts';
import type { Exit, Walk, Whole } from './context.ts';
import { run } from './flow.ts';
import { originsOf } from './origins.ts';
import { type Path, problem, step } from './paths.ts';
import { isMemory, placesOf, rolesOf } from './roles.ts';
import { type Content, emptyState, type State } from './state.ts';
import { lengthsOf } from './wipes.ts';

/** Statements and calls that are looked at for one function, its loops' rounds and what is followed counted. */
const MOST = 100_000;
/** Functions that are followed into from one another. */
const DEEPEST = 50;

const ADVICE =
  'Wipe it on every way out: for (let i = 0; i < a.length; i++) a[i] = 0, or by a function that is @zeroized; a parameter may be @secret or @declassifies instead.';

/** Keys of functions that may end the program, themselves or through others. */
function endingOf(functions: readonly FunctionIr[]): Set<string> {
  const ending = new Set(functions.flatMap((one) => (isOfPlatform(one) && one.name === 'exit' ? [one.key] : [])));
  const callers = new Map<string, string[]>();
  for (const one of functions) {
    for (const key of calledBy(one)) callers.set(key, [...(callers.get(key) ?? []), one.key]);
  }
  // Grows while it is walked.
  for (const key of ending) for (const caller of callers.get(key) ?? []) ending.add(caller);
  return ending;
}

function wholeOf({ functions, tables }: Pick<Program, 'functions' | 'tables'>): Whole {
  const roles = new Map(functions.map((one) => [one.key, rolesOf(one)]));
  return {
    functions: new Map(functions.map((one) => [one.key, one])),
    roles: ({ key }) => roles.get(key)!,
    tables: new Set(tables.map(({ variable }) => variable.id)),
    effectOf: createEffects(functions),
    ending: endingOf(functions),
  };
}

/** What is known where a function is entered; `given`: values that are secret though it does not say so. */
function entryOf(walk: Walk, given: ReadonlyMap<string, Path>): State {
  const state = emptyState();
  for (const variable of walk.own.parameters) {
    const isSecret = walk.roles.get(variable.id) === 'secret';
    const path = step(variable.span, `${variable.name} is @secret in ${walk.own.name}`);
    if (!isMemory(variable)) {
      const why = isSecret ? path : given.get(variable.id);
      if (why !== undefined) state.values.set(variable.id, why);
      continue;
    }
    for (const { id, name } of placesOf(variable)) {
      // Arrays that it owns are parameters of their own.
      if (!isArrayVariable(variable) && walk.own.parameters.some((one) => one.id === id)) continue;
      walk.names.set(id, name);
      const secret: Content = { kind: 'secret', path };
      state.cells.set(id, walk.roles.get(id) === 'secret' ? secret : { kind: 'public' });
    }
  }
  return state;
}

interface Left {
  readonly cells: ReadonlyMap<string, Content>;
  readonly decided: Path;
}

/** Holds one way out to what must be wiped there. */
function checkExit(walk: Walk, state: State, { span, text }: Exit): void {
  const { own, names, roles, report } = walk;
  for (const [id, content] of state.cells) {
    const name = names.get(id) ?? id;
    const end = (before: Path | undefined): Path => step(span, `${name} is left as it is: ${text}`, before);
    if (content.kind === 'secret' && !roles.has(id))
      report(
        problem(
          content.path.span,
          `${name} holds what depends on a secret, and is not wiped where ${text}`,
          end(content.path),
          ADVICE,
        ),
      );
    const parameter = own.parameters.find((one) => one.id === id);
    const mustWipe = own.secrets?.zeroized === true && parameter !== undefined && roles.get(id) === 'secret';
    if (mustWipe && !(content.kind === 'constant' && content.value === 0n))
      report(
        problem(
          parameter.span,
          `${own.name} is @zeroized, and ${name} is not all zeros where ${text}`,
          end(content.kind === 'secret' ? content.path : undefined),
          isArrayVariable(parameter) && parameter.type.readonly
            ? `${name} is Readonly: nothing can wipe it here.`
            : ADVICE,
        ),
      );
  }
}

/** Ways out that a secret chooses between must leave the same. */
function compareExits({ names, roles, report }: Walk, exits: readonly Left[]): void {
  const [first, ...rest] = exits;
  for (const { cells, decided } of rest) {
    for (const [id, content] of cells) {
      const other = first.cells.get(id);
      if (roles.has(id) || other === undefined || content.kind === 'secret' || other.kind === 'secret') continue;
      const same =
        content.kind === other.kind &&
        (content.kind !== 'constant' || content.value === (other as typeof content).value);
      if (!same)
        report(
          problem(
            decided.span,
            `a secret decides by which way the function is left, and ${names.get(id) ?? id} is overwritten on one of them only`,
            decided,
            ADVICE,
          ),
        );
    }
  }
}

interface Session {
  readonly whole: Whole;
  readonly report: (diagnostic: Diagnostic) => void;
  readonly budget: { left: number };
  /** Functions with the parameters that are secret, by both: whether the result is. */
  readonly followed: Map<string, boolean>;
}

interface Found {
  readonly result: Path | undefined;
  readonly wanted: readonly { readonly passed: Expression | Argument; readonly path: Path }[];
}

/** Walks one function; `given`: see entryOf. */
function walkFunction(
  session: Session,
  own: FunctionIr,
  origins: ReadonlyMap<string, Path>,
  given: ReadonlyMap<string, Path>,
  depth: number,
): Found {
  const { whole, report, budget } = session;
  const exits: Left[] = [];
  const wanted: Found['wanted'][number][] = [];
  let result: Path | undefined;
  const walk: Walk = {
    whole,
    own,
    roles: whole.roles(own),
    lengths: lengthsOf(own),
    origins,
    names: new Map(),
    report,
    want: (passed, path) => wanted.push({ passed, path }),
    follow: (callee, values) => followInto(session, callee, values, depth + 1),
    leave: (state, exit, decided) => {
      checkExit(walk, state, exit);
      if (decided !== undefined) exits.push({ cells: new Map(state.cells), decided });
    },
    give: (span, path) => {
      result ??= path;
      if (given.size === 0 && own.secrets?.result !== true)
        report(
          problem(
            span,
            `what ${own.name} returns depends on a secret, and its result is not @declassifies`,
            path,
            'Fill an array that is @secret instead; or, if everybody may see it, write @declassifies result.',
          ),
        );
    },
    tick: (span) => {
      if (budget.left-- <= 0)
        refuse(span, `${own.name} is not followed to its end for its secrets: it has too many ways`, 'Split it.');
    },
  };
  const end = run(walk, own.body ?? [], entryOf(walk, given), undefined, undefined);
  if (end !== undefined) walk.leave(end, { span: own.span, text: `${own.name} ends` }, end.left);
  compareExits(walk, exits);
  return { result, wanted };
}

/** Whether the result of a function depends on what it is given, once each is secret; reports what it does wrong with it. */
function followInto(session: Session, callee: FunctionIr, given: ReadonlyMap<string, Path>, depth: number): boolean {
  const key = `${callee.key} ${[...given.keys()].join()}`;
  const known = session.followed.get(key);
  if (known !== undefined) return known;
  if (depth > DEEPEST)
    refuse(
      callee.span,
      `${callee.name} is not followed for secrets: more than ${DEEPEST} calls are inside each other`,
      'Mark what is @secret on the way.',
    );
  // Where it calls itself its result counts as secret.
  session.followed.set(key, true);
  const { result, wanted } = walkFunction(session, callee, new Map(), given, depth);
  for (const { path } of wanted)
    session.report(
      problem(path.span, path.text, path.before, `${callee.name} has no tag that says what is secret: write @secret.`),
    );
  session.followed.set(key, result !== undefined);
  return result !== undefined;
}

/** Checks one function, and once more with each memory of its own that turns out to be secret. */
function checkFunction(whole: Whole, own: FunctionIr): readonly Diagnostic[] {
  const origins = new Map<string, Path>();
  const budget = { left: MOST };
  for (;;) {
    const found: Diagnostic[] = [];
    const session: Session = { whole, report: (one) => found.push(one), budget, followed: new Map() };
    const { wanted } = walkFunction(session, own, origins, new Map(), 0);
    const before = origins.size;
    for (const { passed, path } of wanted) {
      const { secret, parameters } = originsOf(whole.functions, own, (id) => whole.roles(own).has(id), passed, path);
      for (const [id, why] of secret) if (!origins.has(id)) origins.set(id, why);
      for (const { variable, path: why } of parameters)
        found.push(
          problem(
            variable.span,
            `what ${own.name} passes on as @secret is made of ${variable.name}, and ${own.name} does not say that it is secret`,
            why,
            `Write @secret ${variable.name}.`,
          ),
        );
    }
    if (origins.size === before) return found;
  }
}

/** Reports what functions that handle secrets do wrong with them. */
export function checkSecrets(program: Pick<Program, 'functions' | 'tables'>, diagnostics: Diagnostic[]): void {
  const { functions } = program;
  const marked = new Set(functions.flatMap(({ key, secrets }) => (secrets === undefined ? [] : [key])));
  if (marked.size === 0) return;
  const whole = wholeOf(program);
  for (const own of functions) {
    const handles = own.secrets !== undefined || [...calledBy(own)].some((key) => marked.has(key));
    if (own.body === undefined || !handles) continue;
    try {
      diagnostics.push(...checkFunction(whole, own));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      diagnostics.push(error.diagnostic);
    }
  }
}
