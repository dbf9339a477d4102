/**
 * The way of a secret through a program, a step a line: what an error about it shows below its own line, so that a reader
 * can follow from where the secret is to where it must not be.
 */
import type { Diagnostic, Step } from '../diagnostics.ts';
import type { Span } from '../ir.ts';

/** The last step, and the way up to it. */
export interface Path extends Step {
  readonly before?: Path;
}

export const step = (span: Span, text: string, before?: Path): Path => ({ span, text, ...(before && { before }) });

/** Of a longer way the first and the last steps are shown. */
const SHOWN = 12;

/** From the first step to the last; what is said twice, as in a second round of a loop, once. */
export function stepsOf(path: Path | undefined): Step[] {
  const steps: Step[] = [];
  const seen = new Set<string>();
  for (let at = path; at !== undefined; at = at.before) {
    const { span, text } = at;
    const key = `${span.file}:${span.start}:${text}`;
    if (!seen.has(key)) steps.unshift({ span, text });
    seen.add(key);
  }
  return steps.length <= SHOWN ? steps : [...steps.slice(0, SHOWN / 2), ...steps.slice(-SHOWN / 2)];
}

/** A problem at a place, with the way that the secret took there. */
export function problem(span: Span, message: string, path: Path | undefined, advice?: string): Diagnostic {
  const steps = stepsOf(path);
  return { span, message, ...(steps.length > 0 && { steps }), ...(advice !== undefined && { advice }) };
}
