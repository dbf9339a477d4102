/**
 * The typed intermediate representation: what a verified function means, as plain data.
 *
 * Everything after the front end (proofs, interpreter, lowering) reads only this. Its invariants:
 * - Expressions have no effect but `call`, and a call in an expression is of a function that modifies nothing. Calls
 *   that modify something are statements.
 * - Every operation's operands are of its operator's domain; whoever wants a narrower type says so with `convert`, and
 *   that is where a value must be shown to fit.
 * - A variable's `id` is unique in its function and made of its name and an ordinal among equal names, so an edit
 *   elsewhere does not change it.
 * - An array variable is a parameter, a local made by `new`, or a table of the module; a list is a parameter or a table; no two name one array unless a
 *   caller passed one array twice, which a caller is not allowed to do where one of the two is written.
 * - An object variable is a parameter or a local one that was given a new object, so the same holds of it. As an
 *   expression it means the record that its fields hold at the moment; only `set`, and calls, change them.
 * - `break` and `continue` stand only inside a loop and mean the innermost; `continue` runs the loop's `update`.
 * - `throw` leaves the function and all its callers: nothing catches. Each thrown error is one that `throws` covers.
 * - Clauses (contracts, invariants) hold only expressions whose calls are of pure functions.
 * - Every node has the span of source that it came from; a clause from JSDoc has the span inside the comment.
 */
import type { OperatorName } from './operators.ts';
import type { ArrayType, EnumerationType, IntegerType, ObjectType, RecordType, Type } from './types.ts';

/** A piece of a source file: offsets of UTF-16 units, the end excluded. */
export interface Span {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

export interface Variable {
  readonly id: string;
  readonly name: string;
  readonly type: Type;
  /** For proofs alone: nothing but clauses and ghost statements reads it. */
  readonly ghost?: true;
  readonly span: Span;
}

export interface ArrayVariable extends Variable {
  readonly type: ArrayType;
}

export interface ObjectVariable extends Variable {
  readonly type: ObjectType;
}

/** The variables of the arrays that an object owns: of a parameter they are parameters too, right behind it. */
export const ownedArrays = ({ id, name, type, span }: ObjectVariable): ArrayVariable[] =>
  (type.arrays ?? []).map((array) => ({
    id: `${id}.${array.name}`,
    name: `${name}.${array.name}`,
    type: array.type,
    span,
  }));

export const isArrayVariable = (variable: Variable): variable is ArrayVariable => variable.type.kind === 'array';
export const isObjectVariable = (variable: Variable): variable is ObjectVariable => variable.type.kind === 'object';

interface Typed {
  readonly type: Type;
  readonly span: Span;
}

export type Expression =
  | (Typed & { readonly kind: 'integer'; readonly value: bigint; readonly type: IntegerType })
  | (Typed & { readonly kind: 'boolean'; readonly value: boolean })
  | (Typed & { readonly kind: 'variable'; readonly variable: Variable })
  /** An operator of the table in operators.ts. */
  | (Typed & { readonly kind: 'operation'; readonly operator: OperatorName; readonly operands: readonly Expression[] })
  /** A member of an enumeration, by its place. */
  | (Typed & { readonly kind: 'member'; readonly value: bigint; readonly type: EnumerationType })
  /**
   * The same value as another type: an integer of the same domain and of a range that it must be in, or an enumeration
   * that it must be in. A member is the integer that it is written as.
   */
  | (Typed & {
      readonly kind: 'convert';
      readonly operand: Expression;
      readonly type: IntegerType | EnumerationType;
    })
  | (Typed & { readonly kind: 'not'; readonly operand: Expression })
  /** The right operand is computed only when the left one does not decide. */
  | (Typed & {
      readonly kind: 'logical';
      readonly operator: 'and' | 'or' | 'implies';
      readonly left: Expression;
      readonly right: Expression;
    })
  /** Equality of truths, or of members of one enumeration. */
  | (Typed & { readonly kind: 'same'; readonly left: Expression; readonly right: Expression })
  | (Typed & {
      readonly kind: 'conditional';
      readonly condition: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression;
    })
  | (Typed & { readonly kind: 'element'; readonly array: ArrayVariable; readonly index: Expression })
  | (Typed & { readonly kind: 'length'; readonly array: ArrayVariable })
  | (Typed & { readonly kind: 'record'; readonly type: RecordType; readonly fields: readonly Expression[] })
  /** In a union the tag must be one at which the field is there; in a `T | undefined` the value must be. */
  | (Typed & { readonly kind: 'field'; readonly operand: Expression; readonly name: string })
  | (Typed & { readonly kind: 'call'; readonly function: string; readonly arguments: readonly Argument[] })
  /** For all, or for some, integers of low <= variable < high. Only in clauses. */
  | (Typed & {
      readonly kind: 'quantifier';
      readonly quantifier: 'forall' | 'exists';
      readonly variable: Variable;
      readonly low: Expression;
      readonly high: Expression;
      readonly body: Expression;
    })
  /** The operand's value when the function was entered. Only in clauses. */
  | (Typed & { readonly kind: 'old'; readonly operand: Expression });

/** An array or an object is passed by its variable, everything else by value. */
export type Argument =
  | Expression
  | { readonly kind: 'object'; readonly object: ObjectVariable; readonly span: Span; readonly type: ObjectType }
  | { readonly kind: 'array'; readonly array: ArrayVariable; readonly span: Span; readonly type: ArrayType };

export interface Clause {
  /** As written, on one line. */
  readonly text: string;
  readonly expression: Expression;
  readonly span: Span;
}

/** Errors that may be thrown; RangeError and TypeError are Errors too. */
export type ErrorName = 'Error' | 'RangeError' | 'TypeError';

/** The function throws this error, or one of its kinds, where the condition held at the entry. */
export interface ThrowsClause extends Clause {
  readonly error: ErrorName;
}

/** Whether an error of the second kind is one of the first. */
export const coversError = (announced: ErrorName, thrown: ErrorName): boolean =>
  announced === 'Error' || announced === thrown;

export type Statement =
  | { readonly kind: 'declare'; readonly variable: Variable; readonly value: Expression; readonly span: Span }
  /** An object of which nothing is known, and so its arrays; its constructor is called next. */
  | { readonly kind: 'create'; readonly object: ObjectVariable; readonly span: Span }
  /** An array of zeros, or of the given values; in a constructor also one that the object owns. */
  | {
      readonly kind: 'allocate';
      readonly variable: ArrayVariable;
      readonly length: Expression;
      readonly values?: readonly bigint[];
      readonly span: Span;
    }
  | { readonly kind: 'assign'; readonly variable: Variable; readonly value: Expression; readonly span: Span }
  | {
      readonly kind: 'store';
      readonly array: ArrayVariable;
      readonly index: Expression;
      readonly value: Expression;
      readonly span: Span;
    }
  /** Writes a field of an object. */
  | {
      readonly kind: 'set';
      readonly object: ObjectVariable;
      readonly field: string;
      readonly value: Expression;
      readonly span: Span;
    }
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly whenTrue: readonly Statement[];
      readonly whenFalse: readonly Statement[];
      readonly span: Span;
    }
  | Loop
  | { readonly kind: 'break'; readonly span: Span }
  | { readonly kind: 'continue'; readonly span: Span }
  | { readonly kind: 'return'; readonly value?: Expression; readonly span: Span }
  /** A call for its effect; its result goes to `target`, converted to the target's type. */
  | {
      readonly kind: 'call';
      readonly function: string;
      readonly arguments: readonly Argument[];
      readonly target?: Variable;
      readonly declares: boolean;
      readonly span: Span;
    }
  | { readonly kind: 'throw'; readonly error: ErrorName; readonly span: Span }
  /** With `bits`, to be shown of bits alone. */
  | { readonly kind: 'assert'; readonly clause: Clause; readonly bits?: true; readonly span: Span }
  /** For the proof alone: changes no variable that is not ghost, and ends. What it declares may be named after it. */
  | { readonly kind: 'ghost'; readonly body: readonly Statement[]; readonly span: Span };

export interface Loop {
  readonly kind: 'loop';
  readonly condition: Expression;
  readonly invariants: readonly Clause[];
  /** Compared in order of rank; each stays at least 0 while it decides. None: in a function that may run for ever. */
  readonly decreases: readonly Clause[];
  readonly body: readonly Statement[];
  readonly update: readonly Statement[];
  readonly span: Span;
}

/** What a function says of secrets; parameters by their ids. */
export interface Secrets {
  readonly secret: readonly string[];
  /** Arrays that it fills with what is meant to be seen. */
  readonly declassified: readonly string[];
  /** Whether its result is meant to be seen. */
  readonly result: boolean;
  /** Whether the secret arrays must be clear when it returns. */
  readonly zeroized: boolean;
}

export interface FunctionIr {
  /** FILE#NAME, unique in a program. */
  readonly key: string;
  readonly name: string;
  readonly parameters: readonly Variable[];
  readonly result: Type;
  /** The variable that stands for the result in `ensures`. */
  readonly resultVariable: Variable;
  readonly requires: readonly Clause[];
  /** Of a normal return. */
  readonly ensures: readonly Clause[];
  /** Invariants of classes: they hold however it is left, by an error too, since whoever catches it has the object still. */
  readonly kept: readonly Clause[];
  /** It throws exactly where one of these conditions holds at its entry. */
  readonly throws: readonly ThrowsClause[];
  /** Ids of the parameters, arrays and objects, that it may write. */
  readonly modifies: readonly string[];
  /** Of each object among them, the fields. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly decreases: readonly Clause[];
  /** May be used in clauses: no effect, and the same result for the same arguments. */
  readonly pure: boolean;
  /** Its loops need no measure; nothing verified calls it. */
  readonly diverges: boolean;
  /** Absent: it handles no secrets. */
  readonly secrets?: Secrets;
  /** Its file exports it under its own name; no instance of a generic function is. */
  readonly exported?: true;
  /** Undefined: trusted, nothing of it is proved (`declare function`, or `@trusted`). */
  readonly body: readonly Statement[] | undefined;
  /** Its name, in its declaration. */
  readonly span: Span;
}

/** A value that is known: an integer, the place of a member, a truth, or fields in the order of their type. */
export type Constant = bigint | boolean | { readonly kind: 'fields'; readonly fields: readonly Constant[] };

/** An array of constants at module level, which nobody writes. */
export interface Table {
  readonly variable: ArrayVariable;
  readonly values: readonly Constant[];
}

export interface Program {
  /** In the order of the sources and of the declarations in each. */
  readonly functions: readonly FunctionIr[];
  readonly tables: readonly Table[];
  /** Text of each source by name, for messages. */
  readonly sources: ReadonlyMap<string, string>;
}
