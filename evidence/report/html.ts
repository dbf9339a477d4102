/**
 * HTML that cannot be written without escaping.
 *
 * A report shows names that whoever made the objects chose. One of them left unescaped would be a page that runs what
 * they please, so escaping is not a thing to remember: markup is made by the tag `html` alone, out of literals of this
 * program, and every value put in becomes text. The literals are read once as a browser would, so that each value's
 * place is known; a place where text could mean more than text (a tag's name, an attribute without quotes, a script, a
 * style, an address that leads away) is a defect that the first use reports, whatever the value.
 */
import { inert } from '../formats/inert.ts';

const MARKUP = Symbol('markup');
const ATTRIBUTES = Symbol('attributes');

/** Markup; `html` makes it. */
export interface Html {
  readonly [MARKUP]: string;
}

/** Attributes of a tag; `attributes` makes them. */
export interface Attributes {
  readonly [ATTRIBUTES]: string;
}

export type Part = string | number | Html | Attributes | undefined | readonly Part[];

/** Attributes whose value is nothing but text or a number to whoever reads it. */
const harmless =
  /^(?:aria-[a-z]+|data-[a-z]+|content|id|class|for|title|value|name|type|role|scope|colspan|lang|tabindex|hidden|open|label|x|y|x1|x2|y1|y2|width|height|viewBox|d|points|fill|transform|text-anchor)$/;

function escaped(text: string): string {
  return text.replace(
    /[&<>"'`]/g,
    (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '`': '&#96;' })[c]!,
  );
}

/** Marks that are put over a letter; more than a few climb over the lines around it. */
const climbing = /(\p{M}{3})\p{M}+/gu;

/** Most characters of a text that are shown, from its start and from its end. */
const [HEAD, TAIL] = [900, 60];

/** Text as one line that a reader can take for nothing else; of what is long, its start and its end. */
export function shown(text: string): string {
  const more = text.length - HEAD - TAIL;
  const cut = more > 40 ? `${text.slice(0, HEAD)} [${more} more characters] ${text.slice(-TAIL)}` : text;
  return inert(cut).replace(climbing, '$1\ufffd');
}

/** Text of which nothing means anything to anybody. */
const plain = /^[ !#-%(-;=?-_a-~]{0,900}$/;

function textOf(value: string | number | boolean): string {
  const text = String(value);
  return plain.test(text) ? text : escaped(shown(text));
}

/** Where a value stands: between tags, in a tag, or in an attribute. */
type Place = 'text' | 'tag' | { readonly attribute: string };

function refuse(literal: string, problem: string): never {
  throw new RangeError(`html: ${problem}: ...${literal.slice(-60)}`);
}

function attributePlace(literal: string): Place {
  const name = /\s([A-Za-z0-9-]+)="[^"]*$/.exec(literal)?.[1] ?? refuse(literal, 'a value in an attribute of no name');
  if (name !== 'href' && !harmless.test(name)) refuse(literal, `no value may be put into the attribute ${name}`);
  if (name === 'href' && !literal.endsWith('href="#')) refuse(literal, 'an address must begin with #');
  return { attribute: name };
}

/** The places of a template's values. */
function placesOf(literals: readonly string[]): Place[] {
  let tag = '';
  let quoted = false;
  const places: Place[] = [];
  literals.forEach((literal, i) => {
    for (const c of literal) {
      if (tag === '') tag = c === '<' ? c : '';
      else {
        tag += c;
        if (c === '"') quoted = !quoted;
        else if (c === '>' && !quoted) tag = '';
        else if (c === "'" && !quoted) refuse(literal, 'attributes stand between double quotes');
        if (/^<(?:script|style|!--)/i.test(tag)) refuse(literal, 'scripts, styles and comments are not templates');
      }
    }
    if (i === literals.length - 1) {
      if (tag !== '') refuse(literal, 'the template ends in a tag');
    } else if (tag === '') places.push('text');
    else if (quoted) {
      places.push(attributePlace(tag));
      // What is put in stands for itself when the next literal is read.
      tag += '_';
    } else if (/\s$/.test(tag)) places.push('tag');
    else refuse(literal, 'a value beside a name or an equals sign');
  });
  return places;
}

const known = new WeakMap<TemplateStringsArray, readonly Place[]>();

function written(part: Part, place: Place): string {
  if (part === undefined) return '';
  if (typeof part === 'object') {
    if (ATTRIBUTES in part) return place === 'tag' ? part[ATTRIBUTES] : refuse('', 'attributes outside of a tag');
    if (place !== 'text') return refuse('', 'markup or a list in a tag');
    if (MARKUP in part) return part[MARKUP];
    return part.map((one) => written(one, place)).join('');
  }
  if (place === 'tag') return refuse('', 'text in a tag');
  return textOf(part);
}

/** Markup of a literal, with values as text. */
export function html(literals: TemplateStringsArray, ...values: readonly Part[]): Html {
  let places = known.get(literals);
  if (places === undefined) {
    places = placesOf(literals);
    known.set(literals, places);
  }
  let text = literals[0]!;
  for (let i = 0; i < values.length; i++) {
    const value = written(values[i], places[i]!);
    // Attributes that are none leave no blank behind.
    if (places[i] === 'tag' && value === '') text = text.trimEnd();
    text += value + literals[i + 1]!;
  }
  return { [MARKUP]: text };
}

/** Attributes by name; true is one without a value, undefined and false are left out. */
export function attributes(named: Readonly<Record<string, string | number | boolean | undefined>>): Attributes {
  let text = '';
  for (const [name, value] of Object.entries(named)) {
    if (!harmless.test(name)) refuse(name, `no value may be put into the attribute ${name}`);
    if (value === undefined || value === false) continue;
    text += value === true ? `${name} ` : `${name}="${textOf(value)}" `;
  }
  return { [ATTRIBUTES]: text.trimEnd() };
}

/** What is between the tags of an element that holds no markup; only constants of ours go there. */
function verbatim(text: string, element: string): string {
  if (text.includes('<!--') || text.toLowerCase().includes(`</${element}`))
    throw new RangeError(`html: what stands in <${element}> would end it`);
  return text;
}

export const scriptElement = (text: string): Html => ({ [MARKUP]: `<script>${verbatim(text, 'script')}</script>` });

export const styleElement = (text: string): Html => ({ [MARKUP]: `<style>${verbatim(text, 'style')}</style>` });

/**
 * Markup that a browser does not look at until the page's script puts it in its place: a page of a hundred thousand
 * elements would take seconds to open, and few of them are ever looked at.
 */
export const folded = (markup: Html): Html => ({
  [MARKUP]: `<script type="text/x-folded">${verbatim(markup[MARKUP], 'script')}</script>`,
});

/** The text of markup. */
export const textOfHtml = (markup: Html): string => markup[MARKUP];
