/**
 * A reader of the XML that we write, for tests to read back what was written.
 *
 * It follows the specification and not our writer: entities, numeric characters, the spaces that a reader makes of raw
 * tabs and newlines, comments. What is not well-formed ends in an error.
 */
export interface Xml {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly Xml[];
  /** Of an element that has no children. */
  readonly text?: string;
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** What a value or a text means; of a text, tabs and newlines are kept. */
function attributeValue(raw: string, isAttribute = true): string {
  if (/[<]|&(?!(amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)/.test(raw)) throw new Error(`not a value: ${raw}`);
  return raw
    .replace(isAttribute ? /[\t\n\r]/g : /\r\n?/g, isAttribute ? ' ' : '\n')
    .replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (_, hex, decimal, name) =>
      name === undefined ? String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(decimal)) : entities[name]!,
    );
}

/** The root element of a document. */
export function readXml(text: string): Xml {
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    const sticky = new RegExp(pattern, 'y');
    sticky.lastIndex = at;
    const found = sticky.exec(text) ?? undefined;
    if (found) at = sticky.lastIndex;
    return found;
  };
  const skip = (): void => {
    for (;;) {
      const comment = match(/\s*<!--((?:(?!--)[\s\S])*)-->/);
      if (!comment) break;
      if (comment[1].endsWith('-')) throw new Error('a comment ends in three hyphens');
    }
    match(/\s*/);
  };
  const element = (): Xml => {
    const start = match(/<([A-Za-z_][\w.-]*)/);
    if (!start) throw new Error(`expected an element at ${at}: ${text.slice(at, at + 40)}`);
    const attributes = new Map<string, string>();
    for (
      let found = match(/\s+([A-Za-z_][\w.-]*)="([^"]*)"/);
      found;
      found = match(/\s+([A-Za-z_][\w.-]*)="([^"]*)"/)
    ) {
      if (attributes.has(found[1])) throw new Error(`attribute ${found[1]} occurs twice`);
      attributes.set(found[1], attributeValue(found[2]));
    }
    if (match(/\s*\/>/)) return { name: start[1], attributes, children: [] };
    if (!match(/\s*>/)) throw new Error(`no end of the tag at ${at}`);
    const written = match(/([^<]*[^<\s][^<]*)<\/([A-Za-z_][\w.-]*)\s*>/);
    if (written) {
      if (written[2] !== start[1]) throw new Error(`no end of ${start[1]} at ${at}`);
      return { name: start[1], attributes, children: [], text: attributeValue(written[1], false) };
    }
    const children: Xml[] = [];
    for (skip(); !text.startsWith('</', at); skip()) children.push(element());
    if (match(/<\/([A-Za-z_][\w.-]*)\s*>/)?.[1] !== start[1]) throw new Error(`no end of ${start[1]} at ${at}`);
    return { name: start[1], attributes, children };
  };
  if (!match(/<\?xml version="1.0" encoding="UTF-8"\?>/)) throw new Error('no XML declaration');
  skip();
  const root = element();
  skip();
  if (at < text.length) throw new Error(`something after the end: ${text.slice(at, at + 40)}`);
  return root;
}
