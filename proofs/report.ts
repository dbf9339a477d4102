/** What a reader of proofs has to believe, besides the solvers: everything that was assumed and not proved. */
import type { Program } from '../analyzers/ir.ts';

export type { FunctionResult, Result } from './verify.ts';

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
          'the standard library and enums are what they were when the program started',
          'memory and the stack suffice',
        ]),
  ];
}
