/**
 * What a text may say to a solver: the one grammar that every text passes before a solver reads it.
 *
 * SMT-LIB is a language of commands, not of formulas. `(echo "unsat")` forges a verdict, an output channel writes a
 * file, a second check-sat answers another question than the one that was asked, and a definition of `not` turns a
 * question around. So a text is accepted only when it is a list of declarations and assertions with exactly one
 * check-sat at its end, from the commands, options and logics named here; everything else is refused by name. Texts of
 * our own printer are no exception: that they pass is a test, and a stored text gets no kinder reading than they do.
 *
 * The lexer is stricter than SMT-LIB where readers differ: printable ASCII, spaces and line feeds, no strings, no
 * backslash or line end in a quoted symbol. What it sees as one token, every solver sees as one token.
 */

/** Bounds of a text; a solver's own parser may recurse, so depth has one too. */
export const scriptLimits = { bytes: 8 * 1024 * 1024, depth: 1000 } as const;

/** A token, or a list of what stands between parentheses. A quoted symbol keeps its bars. */
export type Expression = string | readonly Expression[];

export interface Script {
  readonly logic: string;
  /** Names of declared constants (no functions of arguments), in order. */
  readonly constants: readonly string[];
  /** Names of assertions, in order: what an unsat core may say. */
  readonly named: readonly string[];
}

export type Reading = { readonly script: Script } | { readonly problem: string };

const logics = new Set(
  (
    'ALL QF_LIA LIA QF_NIA NIA QF_UFLIA UFLIA QF_UFNIA UFNIA QF_AUFLIA AUFLIA AUFNIA QF_ANIA QF_ALIA ALIA ANIA ' +
    'QF_UF UF QF_BV BV QF_ABV ABV QF_UFBV UFBV QF_AUFBV AUFBV QF_AX QF_FP FP QF_BVFP BVFP QF_ABVFP'
  ).split(' '),
);

const options = new Map([
  [':produce-models', /^(true|false)$/],
  [':produce-unsat-cores', /^(true|false)$/],
]);

/** Names that have a meaning already: to declare or bind one would change what a reader takes a text to say. */
const reserved = new Set(
  (
    '! _ as let exists forall match par BINARY DECIMAL HEXADECIMAL NUMERAL STRING true false not => and or xor = ' +
    'distinct ite + - * / div mod abs <= < >= > to_real to_int is_int divisible iff implies if select store const ' +
    'concat extract bv2nat nat2bv int2bv ubv_to_int sbv_to_int int_to_bv repeat zero_extend sign_extend rotate_left ' +
    'rotate_right Bool Int Real Array BitVec String Seq RegLan RoundingMode FloatingPoint Float16 Float32 Float64 ' +
    'Float128 RNE RNA RTP RTN RTZ to_fp to_fp_unsigned default map as-array'
  ).split(' '),
);

const bitVectors =
  /^bv(\d.*|not|neg|and|or|xor|nand|nor|xnor|add|sub|mul|udiv|urem|sdiv|srem|smod|shl|lshr|ashr|comp|[us](lt|le|gt|ge)|[us]?(neg|add|sub|mul|div)o|[us]?red(and|or))$/;

const isReserved = (name: string): boolean =>
  reserved.has(name) || bitVectors.test(name) || /^(fp|str|re|seq)\./.test(name);

const simple = /^[A-Za-z~!$%^&*_+=<>.?/@-][\w~!$%^&*+=<>.?/@-]*$/;
const literal = /^(0|[1-9]\d*)(\.\d+)?$|^#x[0-9a-fA-F]+$|^#b[01]+$/;
const attributes = new Set([':named', ':pattern', ':no-pattern', ':weight', ':qid', ':skolemid']);

/** Why a text is refused; thrown and caught in this file alone. */
class Refused extends Error {}

function refuse(problem: string): never {
  throw new Refused(problem);
}

function show(expression: Expression | undefined): string {
  if (expression === undefined) return 'nothing';
  const text =
    typeof expression === 'string'
      ? expression
      : `(${typeof expression[0] === 'string' ? `${expression[0]} ` : ''}...)`;
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

/** Tokens with white space and comments left out; the ends of quoted symbols are within them. */
const token = /[ \t\n]+|;[\t\x20-\x7e]*(?=\n|$)|[()]|\|[\x20-\x5b\x5d-\x7b\x7d\x7e]*\||[^\s()|;"]+/y;

/** Calls `command` for each expression at the top with the line where it starts. */
function read(text: string, command: (expression: Expression, line: number) => void): void {
  if (text.length > scriptLimits.bytes) refuse(`${text.length} bytes are more than ${scriptLimits.bytes}`);
  const strange = text.search(/[^\t\n\x20-\x7e]/);
  const lineAt = (at: number): number => text.slice(0, at).split('\n').length;
  if (strange >= 0) refuse(`line ${lineAt(strange)}: a byte that is no printable ASCII`);
  const open: Expression[][] = [];
  let line = 1;
  let started = 1;
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (match === null) {
      const what = text[at] === '"' ? 'a string literal' : 'a quoted symbol without an end, or with a backslash';
      refuse(`line ${line}: ${what}`);
    }
    const found = match[0];
    const first = found[0];
    if (first === ' ' || first === '\t' || first === '\n') {
      for (let i = 0; i < found.length; i++) if (found[i] === '\n') line++;
    } else if (first === '(') {
      if (open.length === 0) started = line;
      if (open.length >= scriptLimits.depth) refuse(`line ${line}: parentheses deeper than ${scriptLimits.depth}`);
      open.push([]);
    } else if (first === ')') {
      const done = open.pop() ?? refuse(`line ${line}: a parenthesis that closes nothing`);
      const outer = open.at(-1);
      if (outer === undefined) command(done, started);
      else outer.push(done);
    } else if (first !== ';') {
      const inner = open.at(-1) ?? refuse(`line ${line}: ${show(found)} outside a command`);
      inner.push(found);
    }
  }
  if (open.length > 0) refuse(`line ${started}: a command without an end`);
}

/** A name that a text may give to something of its own. */
function newName(expression: Expression | undefined): string {
  if (typeof expression !== 'string') return refuse(`${show(expression)} is no name`);
  const bare = expression.startsWith('|') ? expression.slice(1, -1) : expression;
  if (!expression.startsWith('|') && !simple.test(expression)) refuse(`${show(expression)} is no name`);
  // |x| and x are one symbol.
  if (bare === '' || isReserved(bare)) refuse(`${show(expression)} has a meaning of its own; choose another name`);
  if (bare.startsWith('@') || bare.startsWith('.'))
    refuse(`${show(expression)}: names with ${bare[0]} are the solver's`);
  return expression;
}

function checkAtom(atom: string): void {
  if (!atom.startsWith('|') && !simple.test(atom) && !literal.test(atom))
    refuse(`${show(atom)} is no symbol or literal`);
}

/** A sort, or an identifier with its indices: symbols and numerals, (Array a b), (_ BitVec n). */
function checkSort(sort: Expression | undefined): void {
  const pending = [sort];
  while (pending.length > 0) {
    const next = pending.pop();
    if (next === undefined || next.length === 0) refuse(`${show(next)} is no sort`);
    if (typeof next === 'string') checkAtom(next);
    else for (const part of next) pending.push(part);
  }
}

/** ((name sort) ...) */
function checkParameters(parameters: Expression | undefined): void {
  if (parameters === undefined || typeof parameters === 'string')
    refuse(`${show(parameters)} is no list of parameters`);
  for (const parameter of parameters as readonly Expression[]) {
    if (typeof parameter === 'string' || parameter.length !== 2) refuse(`${show(parameter)} is no (name sort)`);
    newName(parameter[0]);
    checkSort(parameter[1]);
  }
}

/** A term, as wide as it may be (so no list is spread); names that it gives to its parts are added to `named`. An explicit stack: see scriptLimits. */
function checkTerm(term: Expression | undefined, named: string[]): void {
  const pending: (Expression | undefined)[] = [term];
  while (pending.length > 0) {
    const next = pending.pop();
    if (next === undefined) refuse('a term is missing');
    if (typeof next === 'string') {
      checkAtom(next);
      continue;
    }
    const [head, ...rest] = next;
    if (head === undefined) refuse('() is no term');
    if (head === 'let') {
      const [bindings, body, ...more] = rest;
      if (typeof bindings === 'string' || bindings === undefined || bindings.length === 0 || more.length > 0) {
        refuse('let takes ((name term) ...) and a term');
      }
      for (const binding of bindings) {
        if (typeof binding === 'string' || binding.length !== 2) refuse(`${show(binding)} is no (name term)`);
        newName(binding[0]);
        pending.push(binding[1]);
      }
      pending.push(body);
    } else if (head === 'forall' || head === 'exists') {
      if (rest.length !== 2) refuse(`${head} takes ((name sort) ...) and a term`);
      checkParameters(rest[0]);
      pending.push(rest[1]);
    } else if (head === '!') {
      pending.push(rest[0]);
      if (rest.length < 3 || rest.length % 2 === 0) refuse('! takes a term and attributes with values');
      for (let i = 1; i < rest.length; i += 2) {
        const [key, value] = [rest[i], rest[i + 1]];
        if (typeof key !== 'string' || !attributes.has(key)) refuse(`attribute ${show(key)} is not allowed`);
        if (key === ':named') named.push(newName(value));
        else if (typeof value === 'string') checkAtom(value);
        else if (key !== ':pattern' && key !== ':no-pattern') refuse(`${show(value)} is no value of ${key}`);
        else for (const part of value) pending.push(part);
      }
    } else if (head === '_' || head === 'as') {
      // (_ extract 7 0), (as const (Array Int Int)): nothing in them is a term.
      checkSort(next);
    } else {
      for (const part of next) pending.push(part);
    }
  }
}

function exactly(command: readonly Expression[], operands: number): void {
  if (command.length !== operands + 1)
    refuse(`${show(command[0])} takes ${operands} operands, not ${command.length - 1}`);
}

/** Reads a text as a list of commands. A problem is one line and says where. Never throws for what a text says. */
export function readScript(text: string): Reading {
  let logic: string | undefined;
  let asked = false;
  const constants: string[] = [];
  const named: string[] = [];
  const command = (expression: Expression): void => {
    if (typeof expression === 'string' || typeof expression[0] !== 'string') refuse('a command without a name');
    const [name, a, b, c, d] = expression as readonly [string, ...Expression[]];
    if (asked) refuse(`${show(expression)} stands after check-sat, which must be the last command`);
    switch (name) {
      case 'set-option':
        exactly(expression, 2);
        if (logic !== undefined) refuse('set-option must stand before set-logic');
        if (typeof a !== 'string' || typeof b !== 'string' || options.get(a)?.test(b) !== true) {
          refuse(`option ${show(a)} ${show(b)} is not allowed`);
        }
        return;
      case 'set-logic':
        exactly(expression, 1);
        if (logic !== undefined) refuse('a second set-logic');
        if (typeof a !== 'string' || !logics.has(a)) refuse(`logic ${show(a)} is not allowed`);
        logic = a;
        return;
    }
    if (logic === undefined) refuse(`${show(name)} stands before set-logic`);
    switch (name) {
      case 'declare-const':
        exactly(expression, 2);
        constants.push(newName(a));
        checkSort(b);
        return;
      case 'declare-fun':
        exactly(expression, 3);
        newName(a);
        if (typeof b === 'string') refuse(`${show(b)} is no list of sorts`);
        if (b.length === 0) constants.push(newName(a));
        for (const sort of b) checkSort(sort);
        checkSort(c);
        return;
      case 'declare-sort':
        exactly(expression, 2);
        newName(a);
        if (typeof b !== 'string' || !/^\d{1,2}$/.test(b)) refuse(`${show(b)} is no number of parameters`);
        return;
      case 'define-fun':
        exactly(expression, 4);
        newName(a);
        checkParameters(b);
        checkSort(c);
        checkTerm(d, named);
        return;
      case 'assert':
        exactly(expression, 1);
        checkTerm(a, named);
        return;
      case 'check-sat':
        exactly(expression, 0);
        asked = true;
        return;
      default:
        refuse(`the command ${show(name)} is not allowed`);
    }
  };
  let at = 0;
  try {
    read(text, (expression, line) => {
      at = line;
      command(expression);
      at = 0;
    });
    if (!asked) refuse('no check-sat: a text must ask exactly one question');
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { problem: at > 0 ? `line ${at}: ${error.message}` : error.message };
  }
  return { script: { logic: logic!, constants, named } };
}
