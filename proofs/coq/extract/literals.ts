/**
 * Numbers and texts that are written out in a Coq file: Coq has them as terms of constructors, TypeScript as literals.
 */
import type { Term } from './syntax.ts';
import { builtinConstructors, constructorName } from './table.ts';

/** A number of Coq that is written out, if the term is one. */
export function numberLiteral(term: Term): bigint | undefined {
  if (term.kind !== 'construct') return undefined;
  const built = builtinConstructors.get(term.name);
  if (built === undefined || !['nat', 'positive', 'N', 'Z'].includes(built.type.coq)) return undefined;
  const steps: string[] = [];
  let now: Term = term;
  while (now.kind === 'construct' && now.args.length === 1 && builtinConstructors.has(now.name)) {
    steps.push(builtinConstructors.get(now.name)!.one.name);
    now = now.args[0]!;
  }
  if (now.kind !== 'construct' || now.args.length > 0) return undefined;
  let value = builtinConstructors.get(now.name)?.one.name === 'xH' ? 1n : 0n;
  for (const step of steps.reverse()) {
    if (step === 'S') value += 1n;
    else if (step === 'xI') value = 2n * value + 1n;
    else if (step === 'xO') value = 2n * value;
    else if (step === 'Zneg') value = -value;
  }
  return value;
}

/** A string of Coq that is written out. */
export function stringLiteral(term: Term): string | undefined {
  const empty = constructorName('string', 'EmptyString');
  const more = constructorName('string', 'String');
  let found = '';
  let now = term;
  while (now.kind === 'construct' && now.name === more) {
    const code = characterLiteral(now.args[0]!);
    if (code === undefined) return undefined;
    found += String.fromCharCode(code);
    now = now.args[1]!;
  }
  return now.kind === 'construct' && now.name === empty ? found : undefined;
}

/** The code of a character that is written out. */
export function characterLiteral(term: Term): number | undefined {
  if (term.kind !== 'construct' || term.name !== constructorName('ascii', 'Ascii')) return undefined;
  const bits = term.args.map((bit) => (bit.kind === 'construct' ? bit.name : ''));
  const [yes, no] = ['true', 'false'].map((one) => constructorName('bool', one));
  if (!bits.every((bit) => bit === yes || bit === no)) return undefined;
  return bits.reduce((sum, bit, i) => sum + (bit === yes ? 2 ** i : 0), 0);
}

/** A text of 8-bit characters as TypeScript has it. */
export const quoted = (value: string): string =>
  `'${value.replaceAll(/[^ -&(-[\]-~]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)}'`;
