/**
 * The linker script as data.
 *
 * The parser turns script text into these plain nodes; the layout phase interprets them. Values are 64-bit and wrap,
 * as in GNU ld, hence bigint: scripts are small, so speed does not matter here.
 * Source: GNU ld manual, chapter 3 "Linker Scripts".
 */

/** Where a node came from, for messages: `file` as the user named it, `line` from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
}

export type UnaryOperator = '-' | '~' | '!';
export type BinaryOperator =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '<<'
  | '>>'
  | '&'
  | '|'
  | '^'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '&&'
  | '||';

/** Functions of one section name. */
export type SectionFunction = 'ADDR' | 'SIZEOF' | 'LOADADDR' | 'ALIGNOF';

export type Expression =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'dot' }
  | { readonly kind: 'symbol'; readonly name: string; readonly at: Position }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly at: Position;
    }
  | { readonly kind: 'conditional'; readonly test: Expression; readonly yes: Expression; readonly no: Expression }
  | { readonly kind: 'section'; readonly function: SectionFunction; readonly section: string; readonly at: Position }
  | { readonly kind: 'defined'; readonly symbol: string }
  | { readonly kind: 'constant'; readonly name: 'MAXPAGESIZE' | 'COMMONPAGESIZE' }
  | { readonly kind: 'sizeofHeaders' }
  /** ALIGN(alignment) when `value` is absent (then of dot), else ALIGN(value, alignment). */
  | { readonly kind: 'align'; readonly value?: Expression; readonly alignment: Expression; readonly at: Position }
  | { readonly kind: 'absolute'; readonly operand: Expression }
  | { readonly kind: 'max' | 'min'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'origin' | 'length'; readonly region: string; readonly at: Position }
  | { readonly kind: 'log2ceil'; readonly operand: Expression }
  | {
      readonly kind: 'segmentStart';
      readonly segment: string;
      readonly fallback: Expression;
    }
  | { readonly kind: 'dataSegmentAlign'; readonly maxPage: Expression; readonly commonPage: Expression }
  | { readonly kind: 'dataSegmentRelroEnd'; readonly offset: Expression; readonly value: Expression }
  | { readonly kind: 'dataSegmentEnd'; readonly value: Expression }
  /** ASSERT used inside an expression: evaluates to the test's value. */
  | { readonly kind: 'assert'; readonly test: Expression; readonly message: string; readonly at: Position };

export type AssignmentOperator = '=' | '+=' | '-=' | '*=' | '/=' | '<<=' | '>>=' | '&=' | '|=' | '^=';

export interface Assignment {
  readonly kind: 'assign';
  /** '.' or a symbol name. */
  readonly target: string;
  readonly operator: AssignmentOperator;
  readonly value: Expression;
  /** PROVIDE: define only when referenced and not defined by an input. */
  readonly provide: boolean;
  readonly hidden: boolean;
  readonly at: Position;
}

export interface Assertion {
  readonly kind: 'assertion';
  readonly test: Expression;
  readonly message: string;
  readonly at: Position;
}

export type SortKey = 'name' | 'alignment' | 'init-priority' | 'none';

/** One `EXCLUDE_FILE(...) SORT(pattern)` of an input section description. Patterns use `*`, `?`, `[...]`. */
export interface SectionPattern {
  readonly pattern: string;
  readonly excludeFiles: readonly string[];
  /** Outermost first; empty means input order. */
  readonly sort: readonly SortKey[];
}

/** `*libc.a:memcpy.o(.text .text.*)`, possibly inside KEEP. */
export interface InputDescription {
  readonly kind: 'input';
  /** File glob; `archive:member`, `archive:` and `:file` forms are kept verbatim. */
  readonly file: string;
  readonly excludeFiles: readonly string[];
  readonly sortFiles: boolean;
  readonly sections: readonly SectionPattern[];
  readonly keep: boolean;
  readonly at: Position;
}

export interface DataStatement {
  readonly kind: 'data';
  readonly size: 1 | 2 | 4 | 8;
  /** SQUAD: sign-extended; matters only for expressions of fewer than 64 bits. */
  readonly signed: boolean;
  readonly value: Expression;
  readonly at: Position;
}

export interface FillStatement {
  readonly kind: 'fill';
  readonly pattern: FillPattern;
}

/** A hexadecimal literal fills with exactly its digits' bytes; any other expression with four big-endian bytes. */
export type FillPattern =
  | { readonly kind: 'bytes'; readonly bytes: readonly number[] }
  | { readonly kind: 'expression'; readonly value: Expression };

/** CONSTRUCTORS: a.out leftovers; no effect in ELF. */
export interface ConstructorsStatement {
  readonly kind: 'constructors';
}

export type OutputStatement =
  | Assignment
  | Assertion
  | InputDescription
  | DataStatement
  | FillStatement
  | ConstructorsStatement;

export interface OutputSectionDescription {
  readonly kind: 'section';
  readonly name: string;
  readonly address?: Expression;
  readonly type?: 'NOLOAD' | 'DSECT' | 'COPY' | 'INFO' | 'OVERLAY' | 'READONLY';
  readonly loadAddress?: Expression;
  readonly align?: Expression;
  readonly alignWithInput: boolean;
  readonly subalign?: Expression;
  readonly constraint?: 'ONLY_IF_RO' | 'ONLY_IF_RW';
  readonly body: readonly OutputStatement[];
  readonly region?: string;
  readonly loadRegion?: string;
  /** `:text :data`; absent means inherited from the previous section; ['NONE'] means in no segment. */
  readonly segments?: readonly string[];
  readonly fill?: FillPattern;
  readonly at: Position;
}

export interface EntryStatement {
  readonly kind: 'entry';
  readonly symbol: string;
}

export type SectionsStatement = Assignment | Assertion | OutputSectionDescription | EntryStatement;

export interface Region {
  readonly name: string;
  /** Letters of the attribute list, upper-cased, without parentheses, e.g. "RX" or "!W". */
  readonly attributes: string;
  readonly origin: Expression;
  readonly length: Expression;
  readonly at: Position;
}

export interface SegmentDescription {
  readonly name: string;
  /** p_type, evaluated when it is an expression. */
  readonly type: Expression;
  readonly fileHeader: boolean;
  readonly programHeaders: boolean;
  readonly address?: Expression;
  readonly flags?: Expression;
  readonly at: Position;
}

export interface InsertStatement {
  readonly where: 'AFTER' | 'BEFORE';
  readonly section: string;
  readonly at: Position;
}

/** A name in INPUT or GROUP: a path or `-lNAME`. */
export interface ScriptInput {
  readonly name: string;
  readonly asNeeded: boolean;
}

export interface LinkerScript {
  readonly file: string;
  readonly entry?: string;
  readonly output?: string;
  readonly outputFormat?: string;
  readonly outputArch?: string;
  readonly searchDirs: readonly string[];
  /** INPUT and GROUP, in order. Archive groups need no marker: our resolution is order-insensitive. */
  readonly inputs: readonly ScriptInput[];
  readonly undefinedSymbols: readonly string[];
  /** Assignments and assertions outside SECTIONS, in order with respect to it (see `commands`). */
  readonly commands: readonly SectionsStatement[];
  /** True when a SECTIONS block was present (even empty): it then replaces the built-in layout. */
  readonly hasSections: boolean;
  readonly segments?: readonly SegmentDescription[];
  readonly regions: readonly Region[];
  /** REGION_ALIAS(alias, region). */
  readonly regionAliases: ReadonlyMap<string, string>;
  /** When present this script augments the one before it instead of replacing it. */
  readonly insert?: InsertStatement;
  readonly forceCommonAllocation: boolean;
}
