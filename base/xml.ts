/**
 * XML, as much of it as system descriptions and test reports have: elements, attributes, comments, and text in elements
 * without children.
 *
 * Every name and value here may come from an image or a command line, so that what is written must be read back as it
 * was: what XML gives a meaning to is escaped, what XML cannot hold at all is refused.
 * Source: XML 1.0, 5th edition, sections 2.2 ("Characters"), 2.3 (names, and what an attribute's value may hold) and
 * 3.3.3 (a reader makes a space of each tab and newline that is not escaped).
 */
import { fail, printable } from './errors.ts';

export interface XmlElement {
  readonly name: string;
  /** In the order in which they are written; undefined is left out. */
  readonly attributes?: Readonly<Record<string, string | undefined>>;
  readonly children?: readonly XmlElement[];
  /** Stands alone: an element with text has no children. */
  readonly text?: string;
  /** Lines that stand before the element. */
  readonly comment?: readonly string[];
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** Whether an XML document may hold the character, escaped or not: no controls, lone surrogates or non-characters. */
function isXmlCharacter(c: string): boolean {
  const code = c.codePointAt(0)!;
  if (code < 0x20) return code === 9 || code === 10 || code === 13;
  return !(code >= 0xd800 && code <= 0xdfff) && code !== 0xfffe && code !== 0xffff;
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** A value between double quotes. Errors: 'layout' for what XML cannot hold. */
export function escapeXml(value: string): string {
  if (![...value].every(isXmlCharacter))
    fail('layout', `${printable(value, 60)}: holds a character that XML has no way to write`);
  return value.replace(/[&<>"\t\n\r]/g, (c) => escapes[c]!);
}

/** Text between tags, where newlines and tabs are kept as they are. */
const escapeText = (text: string): string =>
  escapeXml(text).replace(/&#9;|&#10;/g, (c) => (c === '&#9;' ? '\t' : '\n'));

/** Text that can stand in a comment: two hyphens would end it. */
function commentText(line: string): string {
  return escapeXml(line).replace(/--/g, '- -').replace(/-$/, '- ');
}

function lines(element: XmlElement, indent: string): string[] {
  const { name, attributes = {}, children = [], comment = [], text } = element;
  if (!namePattern.test(name)) fail('layout', `${printable(name, 60)}: no name for an XML element`);
  const written = Object.entries(attributes).flatMap(([key, value]) => {
    if (value === undefined) return [];
    if (!namePattern.test(key)) fail('layout', `${printable(key, 60)}: no name for an XML attribute`);
    return [` ${key}="${escapeXml(value)}"`];
  });
  const start = `${indent}<${name}${written.join('')}`;
  const notes = comment.map((line) => `${indent}<!-- ${commentText(line)} -->`);
  if (text !== undefined) {
    if (children.length > 0) fail('layout', `${printable(name, 60)}: an element with text has no children here`);
    return [...notes, `${start}>${escapeText(text)}</${name}>`];
  }
  if (children.length === 0) return [...notes, `${start} />`];
  return [...notes, `${start}>`, ...children.flatMap((child) => lines(child, `${indent}    `)), `${indent}</${name}>`];
}

/** A whole document in UTF-8's text. */
export function renderXml(root: XmlElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${lines(root, '').join('\n')}\n`;
}
