/**
 * What stands for Coq's own types and functions in TypeScript: one table, from which also the driver is made that tells
 * Coq's extraction about it.
 *
 * Numbers of every kind are bigint, since that is right for all of them: a nat is one that is never negative, a positive
 * one that is never zero. A bool is a boolean, a pair a tuple, a string one of characters of 8 bits, a comparison one of
 * three texts; lists and options are small unions, since Coq's nest where `undefined` and arrays do not. Functions of the
 * library that are here are those whose form in TypeScript is shorter, quicker, or needs no deep recursion; all others
 * are extracted like anybody's.
 */

/** How a constructor is built, told from its siblings, and taken apart. `v` is a name or literal. */
export interface BuiltConstructor {
  readonly name: string;
  /** Types of its fields: names of this table, or parameters from 1. */
  readonly fields: readonly string[];
  readonly make: (args: readonly string[]) => string;
  readonly test: (v: string) => string;
  readonly field: readonly ((v: string) => string)[];
  /** A helper that `make` calls. */
  readonly needs?: string;
}

export interface BuiltType {
  /** As Coq's library calls it. */
  readonly coq: string;
  readonly params: number;
  readonly type: (args: readonly string[]) => string;
  /** In the order of Coq's declaration. */
  readonly constructors: readonly BuiltConstructor[];
  /** A helper that the type itself needs. */
  readonly needs?: string;
}

const bigint = (): string => 'bigint';
const none: readonly ((v: string) => string)[] = [];
const constant = (name: string, text: string, test: (v: string) => string): BuiltConstructor => ({
  ...{ name, fields: [], make: () => text, test, field: none },
});
/** Whether a text binds its parts by itself: a name, a literal, or one call. */
export function isAtom(text: string): boolean {
  if (/^[\w.$]+$|^'[^']*'$/.test(text)) return true;
  const open = /^[\w.$]+\(/.exec(text)?.[0].length;
  if (open === undefined || /['"`]/.test(text)) return false;
  let depth = 1;
  for (let i = open; i < text.length; i++) {
    if (text[i] === '(') depth++;
    if (text[i] === ')' && --depth === 0) return i === text.length - 1;
  }
  return false;
}

const wrap = (text: string): string => (isAtom(text) ? text : `(${text})`);

export const builtTypes: readonly BuiltType[] = [
  {
    ...{ coq: 'nat', params: 0, type: bigint },
    constructors: [
      constant('O', '0n', (v) => `${v} === 0n`),
      {
        ...{ name: 'S', fields: ['nat'], make: ([n]) => `${wrap(n!)} + 1n` },
        ...{ test: (v) => `${v} !== 0n`, field: [(v) => `${v} - 1n`] },
      },
    ],
  },
  {
    ...{ coq: 'positive', params: 0, type: bigint },
    constructors: [
      {
        ...{ name: 'xI', fields: ['positive'], make: ([p]) => `2n * ${wrap(p!)} + 1n` },
        ...{ test: (v) => `${v} !== 1n && (${v} & 1n) === 1n`, field: [(v) => `${v} >> 1n`] },
      },
      {
        ...{ name: 'xO', fields: ['positive'], make: ([p]) => `2n * ${wrap(p!)}` },
        ...{ test: (v) => `(${v} & 1n) === 0n`, field: [(v) => `${v} >> 1n`] },
      },
      constant('xH', '1n', (v) => `${v} === 1n`),
    ],
  },
  {
    ...{ coq: 'N', params: 0, type: bigint },
    constructors: [
      constant('N0', '0n', (v) => `${v} === 0n`),
      {
        ...{ name: 'Npos', fields: ['positive'], make: ([p]) => p! },
        ...{ test: (v) => `${v} !== 0n`, field: [(v) => v] },
      },
    ],
  },
  {
    ...{ coq: 'Z', params: 0, type: bigint },
    constructors: [
      constant('Z0', '0n', (v) => `${v} === 0n`),
      {
        ...{ name: 'Zpos', fields: ['positive'], make: ([p]) => p! },
        ...{ test: (v) => `${v} > 0n`, field: [(v) => v] },
      },
      {
        ...{ name: 'Zneg', fields: ['positive'], make: ([p]) => `-${wrap(p!)}` },
        ...{ test: (v) => `${v} < 0n`, field: [(v) => `-${v}`] },
      },
    ],
  },
  {
    ...{ coq: 'bool', params: 0, type: () => 'boolean' },
    constructors: [constant('true', 'true', (v) => v), constant('false', 'false', (v) => `!${wrap(v)}`)],
  },
  {
    ...{ coq: 'sumbool', params: 0, type: () => 'boolean' },
    constructors: [constant('left', 'true', (v) => v), constant('right', 'false', (v) => `!${wrap(v)}`)],
  },
  {
    ...{ coq: 'unit', params: 0, type: () => 'undefined' },
    constructors: [constant('tt', 'undefined', () => 'true')],
  },
  {
    ...{ coq: 'comparison', params: 0, type: () => "'equal' | 'less' | 'greater'" },
    constructors: [
      constant('Eq', "'equal'", (v) => `${v} === 'equal'`),
      constant('Lt', "'less'", (v) => `${v} === 'less'`),
      constant('Gt', "'greater'", (v) => `${v} === 'greater'`),
    ],
  },
  {
    ...{ coq: 'prod', params: 2, type: ([a, b]) => `readonly [${a}, ${b}]` },
    constructors: [
      {
        ...{ name: 'pair', fields: ['1', '2'], make: ([a, b]) => `[${a}, ${b}]`, test: () => 'true' },
        field: [(v) => `${v}[0]`, (v) => `${v}[1]`],
      },
    ],
  },
  {
    ...{ coq: 'option', params: 1, type: ([a]) => `Option<${a}>`, needs: 'Option' },
    constructors: [
      {
        ...{ name: 'Some', fields: ['1'], make: ([a]) => `{ kind: 'some', value: ${a} }` },
        ...{ test: (v) => `${v}.kind === 'some'`, field: [(v) => `${v}.value`] },
      },
      constant('None', "{ kind: 'none' }", (v) => `${v}.kind === 'none'`),
    ],
  },
  {
    ...{ coq: 'list', params: 1, type: ([a]) => `List<${a}>`, needs: 'List' },
    constructors: [
      constant('nil', "{ kind: 'nil' }", (v) => `${v}.kind === 'nil'`),
      {
        ...{ name: 'cons', fields: ['1', 'list<1>'], make: ([a, b]) => `{ kind: 'cons', head: ${a}, tail: ${b} }` },
        ...{ test: (v) => `${v}.kind === 'cons'`, field: [(v) => `${v}.head`, (v) => `${v}.tail`] },
      },
    ],
  },
  {
    ...{ coq: 'ascii', params: 0, type: () => 'string' },
    constructors: [
      {
        ...{ name: 'Ascii', fields: Array.from({ length: 8 }, () => 'bool') },
        make: (bits) => `characterOf([${bits.join(', ')}])`,
        needs: 'characterOf',
        test: () => 'true',
        field: Array.from(
          { length: 8 },
          (_, i) =>
            (v: string): string =>
              `((${v}.charCodeAt(0) >> ${i}) & 1) === 1`,
        ),
      },
    ],
  },
  {
    ...{ coq: 'string', params: 0, type: () => 'string' },
    constructors: [
      constant('EmptyString', "''", (v) => `${v} === ''`),
      {
        ...{ name: 'String', fields: ['ascii', 'string'], make: ([c, s]) => `${wrap(c!)} + ${wrap(s!)}` },
        ...{ test: (v) => `${v} !== ''`, field: [(v) => `${v}.charAt(0)`, (v) => `${v}.slice(1)`] },
      },
    ],
  },
];

export interface BuiltFunction {
  /** As Coq's library calls it. */
  readonly coq: string;
  /** `Z,Z->bool`: names of this table, parameters from 1, functions in parentheses. */
  readonly type: string;
  readonly arity: number;
  readonly text: (args: readonly string[]) => string;
  readonly needs?: string;
}

const infix =
  (operator: string) =>
  ([a, b]: readonly string[]): string =>
    `${wrap(a!)} ${operator} ${wrap(b!)}`;
const call =
  (name: string) =>
  (args: readonly string[]): string =>
    `${name}(${args.join(', ')})`;

function of(coq: string, type: string, text: BuiltFunction['text'], needs?: string): BuiltFunction {
  const arity = type.slice(0, type.lastIndexOf('->')).split(/,(?![^(]*\))/).length;
  return { coq, type, arity, text, ...(needs !== undefined && { needs }) };
}
const helped = (coq: string, type: string, helper: string): BuiltFunction => of(coq, type, call(helper), helper);

/** What Z, N, nat and positive have in common. */
function arithmetic(t: string, module: string): BuiltFunction[] {
  const name = (one: string): string => `${module}.${one}`;
  const [binary, relation] = [`${t},${t}->${t}`, `${t},${t}->bool`];
  return [
    of(name('add'), binary, infix('+')),
    of(name('mul'), binary, infix('*')),
    of(name('eqb'), relation, infix('===')),
    of(name('leb'), relation, infix('<=')),
    of(name('ltb'), relation, infix('<')),
    helped(name('compare'), `${t},${t}->comparison`, 'compare'),
    helped(name('max'), binary, 'larger'),
    helped(name('min'), binary, 'smaller'),
    of(name('eq_dec'), `${t},${t}->sumbool`, infix('===')),
  ];
}

function withZero(t: string, module: string): BuiltFunction[] {
  const name = (one: string): string => `${module}.${one}`;
  return [
    of(name('even'), `${t}->bool`, ([a]) => `(${wrap(a!)} & 1n) === 0n`),
    of(name('odd'), `${t}->bool`, ([a]) => `(${wrap(a!)} & 1n) === 1n`),
    helped(name('div'), `${t},${t}->${t}`, 'quotient'),
    helped(name('modulo'), `${t},${t}->${t}`, 'remainder'),
    helped(name('pow'), `${t},${t}->${t}`, 'power'),
    of(name('land'), `${t},${t}->${t}`, infix('&')),
    of(name('lor'), `${t},${t}->${t}`, infix('|')),
    of(name('lxor'), `${t},${t}->${t}`, infix('^')),
    of(name('double'), `${t}->${t}`, ([a]) => `2n * ${wrap(a!)}`),
    of(name('div2'), `${t}->${t}`, ([a]) => `${wrap(a!)} >> 1n`),
    of(name('shiftl'), t === 'Z' ? 'Z,Z->Z' : `${t},${t}->${t}`, infix('<<')),
    of(name('shiftr'), t === 'Z' ? 'Z,Z->Z' : `${t},${t}->${t}`, infix('>>')),
    helped(name('testbit'), t === 'Z' ? 'Z,Z->bool' : `${t},${t}->bool`, 'hasBit'),
  ];
}

const natural = (coq: string, t: string): BuiltFunction => helped(coq, `${t},${t}->${t}`, 'monus');
const atLeast =
  (n: string) =>
  ([a]: readonly string[]): string =>
    `larger(${a}, ${n})`;
const same = ([a]: readonly string[]): string => a!;

export const builtFunctions: readonly BuiltFunction[] = [
  ...arithmetic('Z', 'Z'),
  ...withZero('Z', 'Z'),
  of('Z.sub', 'Z,Z->Z', infix('-')),
  of('Z.opp', 'Z->Z', ([a]) => `-${wrap(a!)}`),
  of('Z.succ', 'Z->Z', ([a]) => `${wrap(a!)} + 1n`),
  of('Z.pred', 'Z->Z', ([a]) => `${wrap(a!)} - 1n`),
  of('Z.geb', 'Z,Z->bool', infix('>=')),
  of('Z.gtb', 'Z,Z->bool', infix('>')),
  helped('Z.quot', 'Z,Z->Z', 'truncated'),
  helped('Z.rem', 'Z,Z->Z', 'rest'),
  helped('Z.abs', 'Z->Z', 'absolute'),
  helped('Z.sgn', 'Z->Z', 'sign'),
  of('Z.of_nat', 'nat->Z', same),
  of('Z.of_N', 'N->Z', same),
  of('Z.to_nat', 'Z->nat', atLeast('0n'), 'larger'),
  of('Z.to_N', 'Z->N', atLeast('0n'), 'larger'),
  of('Z.to_pos', 'Z->positive', atLeast('1n'), 'larger'),
  helped('Z.abs_nat', 'Z->nat', 'absolute'),
  helped('Z.abs_N', 'Z->N', 'absolute'),
  // What notations mean; Nat of PeanoNat has the same under another name, and what else it has.
  ...arithmetic('nat', 'Init.Nat').filter(({ coq }) => coq !== 'Init.Nat.eq_dec'),
  ...withZero('nat', 'Init.Nat'),
  of('PeanoNat.Nat.eq_dec', 'nat,nat->sumbool', infix('===')),
  natural('Init.Nat.sub', 'nat'),
  of('Init.Nat.pred', 'nat->nat', ([a]) => `monus(${a}, 1n)`, 'monus'),
  of('Init.Nat.succ', 'nat->nat', ([a]) => `${wrap(a!)} + 1n`),
  ...arithmetic('N', 'N'),
  ...withZero('N', 'N'),
  natural('N.sub', 'N'),
  of('N.succ', 'N->N', ([a]) => `${wrap(a!)} + 1n`),
  of('N.pred', 'N->N', ([a]) => `monus(${a}, 1n)`, 'monus'),
  of('N.of_nat', 'nat->N', same),
  of('N.to_nat', 'N->nat', same),
  ...arithmetic('positive', 'Pos'),
  of('Pos.succ', 'positive->positive', ([a]) => `${wrap(a!)} + 1n`),
  of('Pos.to_nat', 'positive->nat', same),
  of('Pos.of_nat', 'nat->positive', atLeast('1n'), 'larger'),
  of('Pos.of_succ_nat', 'nat->positive', ([a]) => `${wrap(a!)} + 1n`),
  of('negb', 'bool->bool', ([a]) => `!${wrap(a!)}`),
  of('xorb', 'bool,bool->bool', infix('!==')),
  of('Bool.eqb', 'bool,bool->bool', infix('===')),
  of('String.append', 'string,string->string', infix('+')),
  of('String.eqb', 'string,string->bool', infix('===')),
  of('String.length', 'string->nat', ([a]) => `BigInt(${wrap(a!)}.length)`),
  of('Ascii.eqb', 'ascii,ascii->bool', infix('===')),
  of('Ascii.nat_of_ascii', 'ascii->nat', ([a]) => `BigInt(${wrap(a!)}.charCodeAt(0))`),
  of('Ascii.N_of_ascii', 'ascii->N', ([a]) => `BigInt(${wrap(a!)}.charCodeAt(0))`),
  of('Ascii.ascii_of_nat', 'nat->ascii', ([a]) => `String.fromCharCode(Number(${wrap(a!)} & 255n))`),
  of('Ascii.ascii_of_N', 'N->ascii', ([a]) => `String.fromCharCode(Number(${wrap(a!)} & 255n))`),
  helped('Datatypes.app', 'list<1>,list<1>->list<1>', 'concatenate'),
  helped('Datatypes.length', 'list<1>->nat', 'lengthOf'),
  helped('List.rev', 'list<1>->list<1>', 'reverse'),
  helped('List.map', '(1->2),list<1>->list<2>', 'mapList'),
  helped('List.filter', '(1->bool),list<1>->list<1>', 'filterList'),
  helped('List.fold_left', '(1->(2->1)),list<2>,1->1', 'foldLeft'),
  helped('List.fold_right', '(2->(1->1)),1,list<2>->1', 'foldRight'),
];

/** Names in the extraction: nobody's identifier has a `#`. */
export const typeName = (coq: string): string => `#${coq}`;
export const constructorName = (coq: string, name: string): string => `#${coq}.${name}`;
export const functionName = (coq: string): string => `#${coq}`;

/** What the extraction calls by these names. */
export const builtinFunctions: ReadonlyMap<string, BuiltFunction> = new Map(
  builtFunctions.map((one) => [functionName(one.coq), one]),
);
export const builtinConstructors: ReadonlyMap<string, { readonly type: BuiltType; readonly one: BuiltConstructor }> =
  new Map(
    builtTypes.flatMap((type) =>
      type.constructors.map((one) => [constructorName(type.coq, one.name), { type, one }] as const),
    ),
  );

/** The sentences that tell Coq's extraction of this table. */
export function tableSentences(): string[] {
  return [
    'Require Import Coq.ZArith.ZArith Coq.NArith.NArith Coq.Arith.Arith Coq.Lists.List Coq.Bool.Bool.',
    'Require Import Coq.Strings.String Coq.Strings.Ascii.',
    'Require Extraction.',
    'Extraction Language JSON.',
    ...builtTypes.map(({ coq, constructors }) => {
      const names = constructors.map(({ name }) => `"${constructorName(coq, name)}"`).join(' ');
      return `Extract Inductive ${coq} => "${typeName(coq)}" [${names}].`;
    }),
    ...builtFunctions.map(({ coq }) => `Extract Inlined Constant ${coq} => "${functionName(coq)}".`),
  ];
}
