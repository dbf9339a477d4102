/** What is validated: a function of a proved program, and its code in an image. */
import type { FunctionIr, Program } from '../../analyzers/ir.ts';
import type { CodeImage } from './walk.ts';

/** A function in an image. */
export interface Subject {
  readonly program: Program;
  readonly function: FunctionIr;
  readonly code: CodeImage;
  /** Where its code begins. */
  readonly start: number;
}
