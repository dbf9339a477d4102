/**
 * Refusals: whatever the subset does not model stops the function that holds it, at its line, by name, with what to
 * write instead. They are thrown, so that no caller can go on with half a meaning, and caught once for each statement,
 * so that a user sees all of them.
 */
import type { Diagnostic } from '../diagnostics.ts';
import type { Span } from '../ir.ts';

export class Refusal extends Error {
  readonly diagnostic: Diagnostic;
  constructor(diagnostic: Diagnostic) {
    super(diagnostic.message);
    this.name = 'Refusal';
    this.diagnostic = diagnostic;
  }
}

export function refuse(span: Span, message: string, advice?: string): never {
  throw new Refusal({ span, message, ...(advice === undefined ? {} : { advice }) });
}

/** Runs `work`; a refusal goes to `diagnostics` and gives undefined. */
export function collecting<T>(diagnostics: Diagnostic[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    diagnostics.push(error.diagnostic);
    return undefined;
  }
}
