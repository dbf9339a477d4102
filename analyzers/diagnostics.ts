/**
 * What is wrong with a source file, and how it is shown: file, line and column, the line itself with carets under what
 * is meant, and what to do instead. Text from the file is made safe for a terminal first.
 */
import { printable } from '../base/errors.ts';
import type { Span } from './ir.ts';

/** One of the places that lead to what is wrong. */
export interface Step {
  readonly span: Span;
  /** What happens there, on one line. */
  readonly text: string;
}

export interface Diagnostic {
  readonly span: Span;
  /** What is wrong, on one line. */
  readonly message: string;
  /** How it comes about, first things first. */
  readonly steps?: readonly Step[];
  /** What to write instead, or where to look. */
  readonly advice?: string;
}

export interface Position {
  /** Both count from 1; a column is a UTF-16 unit. */
  readonly line: number;
  readonly column: number;
}

/** Where an offset lies in a text. */
export function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const line = before.split(/\r\n|[\n\r\u2028\u2029]/).length;
  const start = Math.max(...['\n', '\r', '\u2028', '\u2029'].map((end) => before.lastIndexOf(end))) + 1;
  return { line, column: offset - start + 1 };
}

/** The line that an offset lies in, without its end, and where it starts. */
function lineAround(text: string, offset: number): { readonly line: string; readonly start: number } {
  const { column } = positionOf(text, offset);
  const start = offset - column + 1;
  const end = /[\n\r\u2028\u2029]/.exec(text.slice(start));
  return { line: end === null ? text.slice(start) : text.slice(start, start + end.index), start };
}

/** FILE:LINE:COLUMN. */
export function locate(sources: ReadonlyMap<string, string>, span: Span): string {
  const text = sources.get(span.file) ?? '';
  const { line, column } = positionOf(text, Math.min(span.start, text.length));
  return `${printable(span.file)}:${line}:${column}`;
}

/** The line of a span with carets below, both indented by two; long lines are cut around the carets. */
export function excerpt(sources: ReadonlyMap<string, string>, span: Span): string {
  const text = sources.get(span.file);
  if (text === undefined) return '';
  const { line, start } = lineAround(text, Math.min(span.start, text.length));
  const at = Math.max(0, span.start - start);
  const from = Math.max(0, at - 60);
  const show = (part: string): string => printable(part.replaceAll('\t', ' '), 1000);
  const before = show(line.slice(from, at));
  const marked = show(line.slice(at, Math.max(at + 1, Math.min(line.length, span.end - start, at + 60))));
  const after = show(line.slice(at + (span.end - span.start), from + 160));
  const whole = `${before}${marked}${span.end - start < line.length ? after : ''}`;
  return `  ${whole.trimEnd()}\n  ${' '.repeat(before.length)}${'^'.repeat(Math.max(1, marked.length))}`;
}

/** A diagnostic as text, ending in a newline. */
export function showDiagnostic(sources: ReadonlyMap<string, string>, diagnostic: Diagnostic): string {
  const { span, message, steps = [], advice } = diagnostic;
  const way = steps.map((step) => `  ${locate(sources, step.span)}: ${printable(step.text, 1000)}\n`).join('');
  const hint = advice === undefined ? '' : `  ${printable(advice, 1000)}\n`;
  return `${locate(sources, span)}: error: ${printable(message, 1000)}\n${excerpt(sources, span)}\n${way}${hint}`;
}
