/** What the parts of the check share about the program, and about the function that they are in. */
import type { Diagnostic } from '../diagnostics.ts';
import type { Argument, Expression, FunctionIr, Span } from '../ir.ts';
import type { Path } from './paths.ts';
import type { Role } from './roles.ts';
import type { State } from './state.ts';

export interface Whole {
  readonly functions: ReadonlyMap<string, FunctionIr>;
  readonly roles: (one: FunctionIr) => ReadonlyMap<string, Role>;
  /** Ids of arrays that are constants of the image. */
  readonly tables: ReadonlySet<string>;
  /** The trusted function with an effect outside that one comes to. */
  readonly effectOf: (key: string) => FunctionIr | undefined;
  /** Keys of functions that may end the program. */
  readonly ending: ReadonlySet<string>;
}

/** A way out of the function, at its end a place and what happens there. */
export interface Exit {
  readonly span: Span;
  readonly text: string;
}

export interface Walk {
  readonly whole: Whole;
  readonly own: FunctionIr;
  readonly roles: ReadonlyMap<string, Role>;
  readonly lengths: ReadonlyMap<string, bigint>;
  /** Memory and values of the function itself that are secret because they are passed on as such. */
  readonly origins: ReadonlyMap<string, Path>;
  /** Names of cells, for messages. */
  readonly names: Map<string, string>;
  readonly report: (diagnostic: Diagnostic) => void;
  /** Something public of the function's own is passed on as @secret. */
  readonly want: (passed: Expression | Argument, path: Path) => void;
  /** Follows a function without tags into which secret values go; whether its result depends on them. */
  readonly follow: (callee: FunctionIr, given: ReadonlyMap<string, Path>) => boolean;
  /** A way out, in this state; `decided`: a secret decides whether it is taken. */
  readonly leave: (state: State, exit: Exit, decided: Path | undefined) => void;
  /** A result that depends on a secret. */
  readonly give: (span: Span, path: Path) => void;
  /** Counts what is looked at. */
  readonly tick: (span: Span) => void;
}

/** By which way a secret decides whether this point is come to; `pc`: of the branches around it. */
export const decidedHere = (state: State, pc: Path | undefined): Path | undefined => pc ?? state.left ?? state.jumped;
