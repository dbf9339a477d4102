/**
 * A record of secrets as questions to the analysis.
 *
 * A length that an argument says has no end that code knows of, so it is asked in two ways. First for all lengths up to
 * the record's bound at once: the bytes up to the bound are secret, and the argument may be anything. What is erased then
 * is erased for each length. What is not is asked again for single lengths, and there a residue is one that a call leaves;
 * that it is erased for those lengths shows nothing of the others.
 */
import { CasemateError, printable } from '../../base/errors.ts';
import type { Length, SecretAnnotation, SecretItem } from '../../base/secrets.ts';
import type { Argument, Question, Variable } from './question.ts';

/** The arguments that are lengths, each with the largest bound that a record gives it. */
function lengthsOf(items: readonly SecretItem[]): ReadonlyMap<number, number> {
  const bounds = new Map<number, number>();
  for (const item of items)
    if ('length' in item && item.length.kind === 'argument') {
      const { argument, most } = item.length;
      // A length that is within all bounds is within the least.
      bounds.set(argument, Math.min(most, bounds.get(argument) ?? most));
    }
  return bounds;
}

/** Lengths that calls are asked about singly: around what blocks and words are, and the bound. */
const SAMPLES = [1, 16, 33, 64];

export interface AskedLengths {
  /** The value of each argument that is a length. */
  readonly values: ReadonlyMap<number, number>;
}

/** Single lengths to ask about; empty: all are constant. */
export function sampleLengths({ items }: SecretAnnotation): AskedLengths[] {
  const bounds = lengthsOf(items);
  if (bounds.size === 0) return [];
  const most = Math.max(...bounds.values());
  const wanted = [...new Set([...SAMPLES.filter((size) => size < most), Math.min(most, 256)])];
  return wanted.map((size) => ({
    values: new Map([...bounds].map(([argument, bound]) => [argument, Math.min(size, bound)])),
  }));
}

function argumentOf(item: Exclude<SecretItem, { symbol: string }>, bytes: (length: Length) => number): Argument {
  switch (item.kind) {
    case 'secret':
      return { kind: 'secret', size: bytes(item.length) };
    case 'secret value':
      return { kind: 'secret value' };
    case 'value':
      return { kind: 'value', value: BigInt(item.value) };
    case 'output':
      return { kind: 'buffer', size: bytes(item.length), receives: 'public' };
    case 'state':
      return { kind: 'buffer', size: bytes(item.length), receives: 'secret' };
    case 'buffer':
      return { kind: 'buffer', size: bytes(item.length) };
  }
}

/** The question that a record asks: of all lengths at once, or of certain ones. */
export function questionOf(
  annotation: SecretAnnotation,
  lengths?: AskedLengths,
  variables: readonly Variable[] = [],
): Question {
  const bytes = (length: Length): number => {
    if (length.kind === 'constant') return length.bytes;
    return lengths?.values.get(length.argument) ?? length.most;
  };
  const own = annotation.items.flatMap((item): [number, Argument][] =>
    'symbol' in item ? [] : [[item.argument, argumentOf(item, bytes)]],
  );
  const values = [...(lengths?.values ?? [])].map(([argument, value]): [number, Argument] => [
    argument,
    { kind: 'value', value: BigInt(value) },
  ]);
  return {
    function: annotation.function,
    arguments: Object.fromEntries([...own, ...values]),
    result: annotation.result,
    clears: annotation.policy.buffer,
    ...(variables.length > 0 && { variables }),
  };
}

/** Lengths as messages say them. */
export function showLengths({ values }: AskedLengths): string {
  const [first, ...rest] = [...values].map(([argument, value]) => `argument ${argument} is ${value}`);
  if (first === undefined) throw new CasemateError('usage', 'no argument is a length');
  return [first, ...rest].join(' and ');
}

const shownOrigin = {
  source: "the function's source",
  manifest: 'casemate.json',
  typescript: 'the lowering of TypeScript',
  'command line': 'the command line',
} as const;

/** What a record takes away from what must hold, or takes for granted: nobody has shown it. */
export function assumptionsOf(annotation: SecretAnnotation, origin: keyof typeof shownOrigin): string[] {
  const { items, result, maxStack } = annotation;
  const by = `as ${shownOrigin[origin]} says`;
  const texts: string[] = [];
  if (origin === 'manifest' || origin === 'command line')
    texts.push(`no more than what ${shownOrigin[origin]} names is secret, which its object does not say`);
  for (const item of items) {
    if (item.kind === 'output symbol')
      texts.push(`what is left in ${printable(item.symbol)} is meant to be seen, ${by}`);
    if (item.kind === 'state symbol') texts.push(`${printable(item.symbol)} is erased by others, ${by}`);
    if (item.kind === 'secret symbol' && !annotation.policy.buffer)
      texts.push(`${printable(item.symbol)} is erased by others, ${by}`);
    if (item.kind === 'output') texts.push(`what is left in argument ${item.argument} is meant to be seen, ${by}`);
    if (item.kind === 'state') texts.push(`callers erase what is left in argument ${item.argument}, ${by}`);
    if (item.kind === 'value') texts.push(`argument ${item.argument} is ${item.value} at every call, ${by}`);
    if ('length' in item && item.length.kind === 'argument')
      texts.push(
        `argument ${item.length.argument}, the length of argument ${item.argument}, is ${item.length.most} at most, ${by}`,
      );
  }
  if (result > 0) texts.push(`${result} bytes of the result are meant to be seen, ${by}`);
  if (maxStack !== undefined) texts.push(`it takes ${maxStack} bytes of stack at most, ${by}`);
  return texts;
}
