/**
 * What Coq's own extraction to OCaml makes of a Coq file computes: the oracle for `casemate extract`.
 *
 * Nothing is mapped to types of OCaml: numbers stay the binary ones, and the unary ones, of Coq's library, so that the
 * oracle has no table of ours or anybody's that could be wrong. Values go in and out as text, `wireOf`: words between
 * spaces, each value's shape being known on both sides. A list is its length and its elements, an option 0 or 1 and its
 * value, a number its binary digits; a character is the number of its code.
 */
import { copyFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { temporaryFolder } from './paths.ts';
import { runOrThrow } from './run.ts';
import { requireTool } from './tools.ts';

/** A type of Coq's library. */
export type Shape =
  | 'nat'
  | 'positive'
  | 'N'
  | 'Z'
  | 'bool'
  | 'comparison'
  | 'ascii'
  | 'string'
  | { readonly list: Shape }
  | { readonly option: Shape }
  | { readonly pair: readonly [Shape, Shape] };

/**
 * A value of a shape, as `casemate extract` has it. A list may be an array too, which is how tests write them:
 * `linked` makes lists of all of them.
 */
export type CoqValue =
  | bigint
  | boolean
  | string
  | readonly CoqValue[]
  | { readonly kind: 'nil' | 'none' }
  | { readonly kind: 'cons'; readonly head: CoqValue; readonly tail: CoqValue }
  | { readonly kind: 'some'; readonly value: CoqValue };

export const none: CoqValue = { kind: 'none' };
export const some = (value: CoqValue): CoqValue => ({ kind: 'some', value });

type Kind = 'nil' | 'cons' | 'none' | 'some';
type Union = Extract<CoqValue, { readonly kind: Kind }>;
const comparisons = ['equal', 'less', 'greater'];

function unionOf(value: CoqValue, kinds: readonly Kind[], shape: Shape): Union {
  if (typeof value === 'object' && 'kind' in value && kinds.includes(value.kind)) return value;
  return mismatch(shape, value);
}

function mismatch(shape: Shape, value: unknown): never {
  const text = JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part)) ?? 'undefined';
  throw new Error(`${text.slice(0, 200)} is no value of ${JSON.stringify(shape)}`);
}

function elementsOf(value: CoqValue, shape: Shape): readonly CoqValue[] {
  if (Array.isArray(value)) return value;
  const elements: CoqValue[] = [];
  for (let rest = unionOf(value, ['nil', 'cons'], shape); rest.kind === 'cons'; ) {
    elements.push(rest.head);
    rest = unionOf(rest.tail, ['nil', 'cons'], shape);
  }
  return elements;
}

/** Numbers that are of `shape`: a negative nat would be a mistake that the text must not hide. */
const least: Readonly<Record<string, bigint>> = { nat: 0n, N: 0n, positive: 1n };

function wordOf(shape: Extract<Shape, string>, value: CoqValue): string {
  switch (shape) {
    case 'bool':
      return typeof value === 'boolean' ? (value ? '1' : '0') : mismatch(shape, value);
    case 'comparison':
      return comparisons.includes(value as string)
        ? String(comparisons.indexOf(value as string))
        : mismatch(shape, value);
    case 'ascii': {
      const code = typeof value === 'string' && value.length === 1 ? value.charCodeAt(0) : 256;
      return code < 256 ? code.toString(2) : mismatch(shape, value);
    }
    case 'string':
      if (typeof value !== 'string') return mismatch(shape, value);
      return [value.length.toString(2), ...Array.from(value, (one) => wordOf('ascii', one))].join(' ');
    default:
      if (typeof value !== 'bigint' || value < (least[shape] ?? value)) return mismatch(shape, value);
      return value.toString(2);
  }
}

/** The text of a value. Throws where it is none of that shape. */
export function wireOf(shape: Shape, value: CoqValue): string {
  if (typeof shape === 'string') return wordOf(shape, value);
  if ('list' in shape) {
    const elements = elementsOf(value, shape);
    return [elements.length.toString(2), ...elements.map((one) => wireOf(shape.list, one))].join(' ');
  }
  if ('option' in shape) {
    const option = unionOf(value, ['none', 'some'], shape);
    return option.kind === 'some' ? `1 ${wireOf(shape.option, option.value)}` : '0';
  }
  if (!Array.isArray(value) || value.length !== 2) return mismatch(shape, value);
  return shape.pair.map((part, i) => wireOf(part, value[i])).join(' ');
}

/** The same value with each array that stands for a list as a linked one. */
export function linked(shape: Shape, value: CoqValue): CoqValue {
  if (typeof shape === 'string') return value;
  if ('list' in shape)
    return elementsOf(value, shape).reduceRight<CoqValue>(
      (tail, one) => ({ kind: 'cons', head: linked(shape.list, one), tail }),
      { kind: 'nil' },
    );
  if ('option' in shape) {
    const option = unionOf(value, ['none', 'some'], shape);
    return option.kind === 'some' ? some(linked(shape.option, option.value)) : option;
  }
  const [first, second] = value as readonly [CoqValue, CoqValue];
  return [linked(shape.pair[0], first), linked(shape.pair[1], second)];
}

/** The types that readers and printers name: what a file does not use would not be extracted for it. */
const library = [
  ...['nat', 'bool', 'comparison', 'list', 'option', 'prod'].map((name) => `Coq.Init.Datatypes.${name}`),
  ...['positive', 'N', 'Z'].map((name) => `Coq.Numbers.BinNums.${name}`),
  ...['Coq.Strings.Ascii.ascii', 'Coq.Strings.String.string'],
];

/**
 * Readers and printers in OCaml. Coq's library has modules called String and List: those of OCaml's own are told apart
 * by `Stdlib`, and indexing, which means one of them, is not used.
 */
const ocamlSupport = `
let words = ref []
let next () = match !words with [] -> failwith "the input ends early" | word :: rest -> words := rest; word
let bit word i = Stdlib.String.get word i = '1'
let number_of word = int_of_string ("0b" ^ word)
let put word = Stdlib.print_char ' '; Stdlib.print_string word
let rec bits_of n = if n < 2 then string_of_int n else bits_of (n / 2) ^ string_of_int (n mod 2)
let put_number n = put (bits_of n)

let read_bool () = if bit (next ()) 0 then Datatypes.Coq_true else Datatypes.Coq_false
let put_bool = function Datatypes.Coq_true -> put "1" | Datatypes.Coq_false -> put "0"
let read_comparison () =
  match next () with "0" -> Datatypes.Eq | "1" -> Datatypes.Lt | "2" -> Datatypes.Gt | _ -> failwith "no comparison"
let put_comparison = function Datatypes.Eq -> put "0" | Datatypes.Lt -> put "1" | Datatypes.Gt -> put "2"
let read_nat () =
  let n = ref Datatypes.O in
  for _ = 1 to number_of (next ()) do n := Datatypes.S !n done;
  !n
let put_nat n =
  let rec count so_far = function Datatypes.O -> so_far | Datatypes.S n -> count (so_far + 1) n in
  put_number (count 0 n)
let positive_of word first =
  let p = ref BinNums.Coq_xH in
  for i = first + 1 to Stdlib.String.length word - 1 do p := if bit word i then BinNums.Coq_xI !p else BinNums.Coq_xO !p done;
  !p
let word_of_positive p =
  let rec bits so_far = function
    | BinNums.Coq_xH -> "1" :: so_far
    | BinNums.Coq_xO p -> bits ("0" :: so_far) p
    | BinNums.Coq_xI p -> bits ("1" :: so_far) p in
  Stdlib.String.concat "" (bits [] p)
let read_positive () = positive_of (next ()) 0
let put_positive p = put (word_of_positive p)
let read_N () = match next () with "0" -> BinNums.N0 | word -> BinNums.Npos (positive_of word 0)
let put_N = function BinNums.N0 -> put "0" | BinNums.Npos p -> put_positive p
let read_Z () =
  match next () with
  | "0" -> BinNums.Z0
  | word when Stdlib.String.get word 0 = '-' -> BinNums.Zneg (positive_of word 1)
  | word -> BinNums.Zpos (positive_of word 0)
let put_Z = function
  | BinNums.Z0 -> put "0"
  | BinNums.Zpos p -> put_positive p
  | BinNums.Zneg p -> put ("-" ^ word_of_positive p)
let read_ascii () =
  let code = number_of (next ()) in
  let at i = if (code lsr i) land 1 = 1 then Datatypes.Coq_true else Datatypes.Coq_false in
  Ascii.Ascii (at 0, at 1, at 2, at 3, at 4, at 5, at 6, at 7)
let put_ascii (Ascii.Ascii (a, b, c, d, e, f, g, h)) =
  let code so_far = function Datatypes.Coq_true -> 2 * so_far + 1 | Datatypes.Coq_false -> 2 * so_far in
  put_number (Stdlib.List.fold_left code 0 [ h; g; f; e; d; c; b; a ])
let read_string () =
  let rec read n = if n = 0 then String.EmptyString else let c = read_ascii () in String.String (c, read (n - 1)) in
  read (number_of (next ()))
let put_string s =
  let rec length so_far = function String.EmptyString -> so_far | String.String (_, s) -> length (so_far + 1) s in
  let rec each = function String.EmptyString -> () | String.String (c, s) -> put_ascii c; each s in
  put_number (length 0 s);
  each s
let read_list one () =
  let rec read n = if n = 0 then Datatypes.Coq_nil else let a = one () in Datatypes.Coq_cons (a, read (n - 1)) in
  read (number_of (next ()))
let put_list one l =
  let rec length so_far = function Datatypes.Coq_nil -> so_far | Datatypes.Coq_cons (_, l) -> length (so_far + 1) l in
  let rec each = function Datatypes.Coq_nil -> () | Datatypes.Coq_cons (a, l) -> one a; each l in
  put_number (length 0 l);
  each l
let read_option one () = if bit (next ()) 0 then Datatypes.Some (one ()) else Datatypes.None
let put_option one = function Datatypes.Some a -> put "1"; one a | Datatypes.None -> put "0"
let read_pair one other () = let a = one () in let b = other () in Datatypes.Coq_pair (a, b)
let put_pair one other (Datatypes.Coq_pair (a, b)) = one a; other b
`;

/** The reader or printer of a shape. */
function ocamlOf(what: 'read' | 'put', shape: Shape): string {
  if (typeof shape === 'string') return `${what}_${shape}`;
  if ('list' in shape) return `(${what}_list ${ocamlOf(what, shape.list)})`;
  if ('option' in shape) return `(${what}_option ${ocamlOf(what, shape.option)})`;
  return `(${what}_pair ${ocamlOf(what, shape.pair[0])} ${ocamlOf(what, shape.pair[1])})`;
}

// A machine that is busy may take minutes for what takes seconds.
const timeout = 900_000;

/**
 * A program of OCaml: `main`, after the modules that Coq extracts from the file `source`, one for each file of Coq's.
 * The source's own is its file's name with a capital, and constructors that have none are given one: `Red_black.insert`,
 * `Datatypes.Coq_cons`.
 */
export async function compileExtraction(source: string, main: string): Promise<string> {
  const folder = temporaryFolder('ocaml');
  const options = { cwd: folder, timeout };
  const name = basename(source, '.v');
  const file = `${name}.v`;
  copyFileSync(source, join(folder, file));
  writeFileSync(
    join(folder, 'casemate_extraction.v'),
    `Require ${name} Coq.ZArith.BinInt Coq.Strings.String.
Require Extraction.
Extraction Language OCaml.
Separate Extraction ${name} ${library.join(' ')}.
`,
  );
  for (const one of [file, 'casemate_extraction.v']) await runOrThrow(requireTool('coqc'), ['-q', one], options);
  writeFileSync(join(folder, 'casemate_main.ml'), main);
  const sorted = await runOrThrow('/bin/sh', ['-c', 'exec ocamldep -sort *.mli *.ml'], options);
  await runOrThrow(requireTool('ocamlopt'), ['-w', '-a', '-o', 'main', ...sorted.trim().split(/\s+/)], options);
  return join(folder, 'main');
}

const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);

/** What `printer`, a function from values to texts without line ends, makes of the value of each expression. */
export async function printedBy(source: string, expressions: readonly string[], printer: string): Promise<string[]> {
  const main = expressions.map((one) => `let () = Stdlib.print_endline ((${printer}) (${one}))\n`).join('');
  return linesOf(await runOrThrow(await compileExtraction(source, main), [], { timeout }));
}

/** A function of OCaml's, which may be any expression, with the shapes of its arguments and of its result. */
export interface OCamlFunction {
  readonly ocaml: string;
  readonly takes: readonly Shape[];
  readonly gives: Shape;
}

/** `inputs[i]` holds lists of arguments for the i-th function; what it gives for them, as `wireOf` writes it. */
export async function answersOf(
  source: string,
  functions: readonly OCamlFunction[],
  inputs: readonly (readonly (readonly CoqValue[])[])[],
): Promise<string[][]> {
  const answer = ({ ocaml: text, takes, gives }: OCamlFunction, i: number): string => {
    const names = takes.map((_, n) => `a${n}`);
    const read = takes.map((shape, n) => `let a${n} = ${ocamlOf('read', shape)} () in `).join('');
    return `  | "${i}" -> ${read}${ocamlOf('put', gives)} ((${text}) ${names.join(' ')})`;
  };
  const main = `${ocamlSupport}
let answer () =
  match next () with
${functions.map(answer).join('\n')}
  | word -> failwith word
let () =
  try
    while true do
      words := Stdlib.String.split_on_char ' ' (Stdlib.read_line ());
      answer ();
      if !words <> [] then failwith "the input is too long";
      Stdlib.print_newline ()
    done
  with End_of_file -> ()
`;
  const line = (i: number, values: readonly CoqValue[]): string =>
    [`${i}`, ...functions[i]!.takes.map((shape, n) => wireOf(shape, values[n]!))].join(' ');
  const input = inputs.flatMap((lists, i) => lists.map((values) => `${line(i, values)}\n`)).join('');
  const lines = linesOf(await runOrThrow(await compileExtraction(source, main), [], { input, timeout }));
  let at = 0;
  return inputs.map((lists) => lists.map(() => lines[at++]!.trimStart()));
}
