/**
 * `throw`: a way out of a function that its contract announces with @throws.
 *
 * Only what the language itself throws can be thrown, with a message that is a constant: computing one could throw or
 * have an effect of its own. Nothing of verified code catches an error, so no state after one needs a meaning.
 */
import type { ErrorName, Statement } from '../ir.ts';
import { GLOBALS_FILE, ts } from './compiler.ts';
import { refuse } from './refuse.ts';
import { bare, libraryName, type Scope } from './scope.ts';

const errors: readonly string[] = ['Error', 'RangeError', 'TypeError'] satisfies readonly ErrorName[];

export function lowerThrow(scope: Scope, node: ts.ThrowStatement): Statement {
  const span = scope.world.spanOf(node);
  const usage = "Write throw new RangeError('...'), or Error, or TypeError.";
  const thrown = bare(node.expression);
  if (!ts.isNewExpression(thrown)) return refuse(span, 'something other than a new error is thrown', usage);
  const error = libraryName(scope.world, thrown.expression, GLOBALS_FILE);
  if (error === undefined || !errors.includes(error)) return refuse(span, 'this is no error of the language', usage);
  const message = thrown.arguments ?? [];
  if (message.length > 1 || !message.every((argument) => ts.isStringLiteralLike(bare(argument))))
    refuse(span, 'the message of an error is no constant', usage);
  if (!scope.header.throws) {
    refuse(
      span,
      `${scope.header.name} throws and has no @throws`,
      'Say in its comment when it does: @throws {RangeError} n > 255.',
    );
  }
  return { kind: 'throw', error: error as ErrorName, span };
}
