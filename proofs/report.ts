/**
 * What people are shown of proofs, and what a reader has to believe besides the solvers: everything that was assumed and
 * not proved.
 */
import { excerpt, locate } from '../analyzers/diagnostics.ts';
import type { FunctionIr, Program } from '../analyzers/ir.ts';
import { printable } from '../base/errors.ts';
import type { Obligation } from './obligation.ts';
import type { FunctionResult, Result } from './verify.ts';

export type { FunctionResult, Result } from './verify.ts';

/** What is shown of an obligation's result. */
export interface ShownResult extends Omit<Result, 'obligation' | 'said'> {
  readonly obligation: Pick<Obligation, 'name' | 'kind' | 'text' | 'span'>;
}

/** What is shown of a function's results: plain data, that JSON gives back as it was. */
export interface ShownFunction extends Pick<FunctionResult, 'status'> {
  readonly function: Pick<FunctionIr, 'name' | 'span'>;
  readonly results: readonly ShownResult[];
}

/** Of a result, what is shown and nothing more. */
export function shownOf({ function: { name, span }, status, results }: FunctionResult): ShownFunction {
  return {
    function: { name, span },
    status,
    results: results.map(({ obligation, said: _, ...rest }) => {
      const { name: own, kind, text, span: place } = obligation;
      return { ...rest, obligation: { name: own, kind, text, span: place } };
    }),
  };
}

export const marks = { proved: 'proved', failed: 'FAILED', unknown: 'unknown', trusted: 'trusted' } as const;

const advice: Readonly<Record<string, string>> = {
  'confirmed bug': 'a confirmed bug: running the function on these values breaks it',
  'too weak':
    'not proved: in a state that the contracts and invariants allow it is false. Is an invariant or a precondition too weak?',
  vacuous:
    'vacuous: no state satisfies it, so nothing here is ever run; the contract contradicts itself, or the code is dead',
  unknown: 'undecided',
};

/** One obligation that does not hold, with its line. */
export function showResult(
  sources: ReadonlyMap<string, string>,
  { obligation, diagnosis, by, values, status, parts }: ShownResult,
): string {
  const lines = [
    `${locate(sources, obligation.span)}: ${marks[status]}: ${obligation.kind}: ${printable(obligation.text.replace(/\s+/g, ' '), 300)}`,
    excerpt(sources, obligation.span),
    `  ${advice[diagnosis ?? 'unknown']}${diagnosis === 'unknown' || diagnosis === undefined ? ` (${printable(by, 300)})` : ''}`,
    ...(values ?? []).map((value) => `    ${printable(value, 300)}`),
    ...(parts === undefined ? [] : ['  in parts:']),
    ...(parts ?? []).map((part) => `    ${marks[part.status].padEnd(7)}  ${printable(part.text, 300)}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** One line each; the same for the same program. */
export function assumptionsOf(program: Program): string[] {
  const trusted = program.functions.filter(({ body }) => body === undefined);
  const called = program.functions.filter(({ body }) => body !== undefined);
  return [
    ...trusted.map(({ name, span, ensures }) => {
      const promises = ensures.map(({ text }) => text).join('; ');
      return `${span.file}: ${name} is trusted${promises === '' ? '' : `: ${promises}`}`;
    }),
    ...(called.length === 0
      ? []
      : [
          'callers that are not verified meet the preconditions, pass values of the declared types, and never pass one array (or two views of one buffer) or one object, also inside another argument, twice where one of two is written',
          ...(program.functions.some(({ parameters }) =>
            parameters.some(({ type }) => type.kind === 'object' && type.class !== undefined),
          )
            ? [
                'verified classes are neither extended nor patched, and only they write what is private in their objects',
              ]
            : []),
          'arrays that are passed in have at most 2**32 elements and are not resized, detached or shared with another thread; records are plain objects',
          'the standard library and enums are what they were when the program started, and no function is called before its module has been evaluated',
          'memory and the stack suffice',
        ]),
  ];
}
