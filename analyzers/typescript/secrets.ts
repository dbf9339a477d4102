/**
 * Tags of secrets: `@secret key` (parameters that are secret, or point to what is), `@declassifies out, result` (what is
 * computed from a secret and meant to be seen), `@zeroized` (the secret arrays are clear when the function returns). The
 * source is held to them by secrets/check.ts; they are passed on to the object, and what the machine code leaves is judged
 * in the finished image.
 */
import type { Secrets, Span, Variable } from '../ir.ts';
import { refuse } from './refuse.ts';
import type { Contracted } from './shadow.ts';

const RESULT = 'result';

/** What a contract says of secrets; undefined: nothing. */
export function lowerSecrets(
  file: string,
  { clauses, tags, nameSpan, name }: Contracted,
  parameters: readonly Variable[],
  hasResult: boolean,
): Secrets | undefined {
  const named = (wanted: 'secret' | 'declassifies'): { id: string; text: string; span: Span }[] =>
    clauses.flatMap(({ tag, value }) => {
      if (tag !== wanted) return [];
      const { text } = value;
      const span: Span = { file, start: value.offsets[0]!, end: value.offsets[0]! + Math.max(1, text.length) };
      if (wanted === 'declassifies' && text === RESULT) {
        if (!hasResult) refuse(span, `@${tag} ${RESULT}: ${name} returns nothing`, 'Leave it out.');
        return [{ id: RESULT, text, span }];
      }
      const variable = parameters.find((parameter) => parameter.name === text);
      if (variable === undefined)
        return refuse(span, `@${tag} ${text}: no parameter has that name`, `Name parameters: @${tag} a, b.`);
      if (wanted === 'declassifies' && (variable.type.kind !== 'array' || variable.type.readonly))
        refuse(span, `@${tag} ${text}: it is no array that can be written`, 'Only those, and result, show something.');
      return [{ id: variable.id, text, span }];
    });
  const [secret, shown] = [named('secret'), named('declassifies')];
  const zeroized = tags.has('zeroized');
  if (secret.length === 0) {
    if (zeroized || tags.has('declassifies') || tags.has('secret'))
      refuse(nameSpan, `${name} says of no parameter that it is secret`, 'Name what is: @secret key.');
    return undefined;
  }
  const both = shown.find(({ id }) => secret.some((one) => one.id === id));
  if (both !== undefined)
    refuse(
      both.span,
      `@declassifies ${both.text}: it is @secret too`,
      'Fill another array with what is meant to be seen.',
    );
  return {
    secret: secret.map(({ id }) => id),
    declassified: shown.map(({ id }) => id).filter((id) => id !== RESULT),
    result: shown.some(({ id }) => id === RESULT),
    zeroized,
  };
}
