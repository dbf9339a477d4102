/** Markup cannot be written without escaping, and nowhere can text become more than text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attributes,
  folded,
  html,
  scriptElement,
  shown,
  styleElement,
  textOfHtml,
} from '../../../evidence/report/html.ts';
import { hostile } from '../../support/report.ts';

const text = 'x';

describe('markup', () => {
  it('has every value as text, between tags and in attributes', () => {
    const name = `<b>"&'\``;
    expect(textOfHtml(html`<p title="${name}">${name}</p>`)).toBe(
      '<p title="&lt;b&gt;&quot;&amp;&#39;&#96;">&lt;b&gt;&quot;&amp;&#39;&#96;</p>',
    );
    expect(
      textOfHtml(html`<p ${attributes({ id: name, open: true, hidden: false })}>${[name, 1, undefined]}</p>`),
    ).toBe('<p id="&lt;b&gt;&quot;&amp;&#39;&#96;" open>&lt;b&gt;&quot;&amp;&#39;&#96;1</p>');
  });

  it('has no character of any text that could end text or an attribute', () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...hostile));
    fc.assert(
      fc.property(value, (name) => {
        const written = textOfHtml(html`<p title="${name}">${name}</p>`);
        const [, first, second] = /^<p title="([^<>"'`]*)">([^<>"'`]*)<\/p>$/.exec(written) ?? [];
        expect(first).toBe(second);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
        expect(first).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/);
        expect(first!.replace(/&(?:amp|lt|gt|quot|#39|#96);/g, '')).not.toContain('&');
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  it('takes markup for markup only where it is made by the tag', () => {
    expect(textOfHtml(html`<p>${html`<b>${'<'}</b>`}</p>`)).toBe('<p><b>&lt;</b></p>');
    const forged = { text: '<b>', markup: '<b>', toString: () => '<b>' } as unknown as string;
    expect(() => textOfHtml(html`<p>${forged}</p>`)).toThrow();
  });

  it.each([
    ['an event handler', () => html`<p onclick="${text}"></p>`],
    ['a style', () => html`<p style="color: ${text}"></p>`],
    ['an address that leads away', () => html`<a href="${text}"></a>`],
    ['an address that only begins with ours', () => html`<a href="x#${text}"></a>`],
    ['a source', () => html`<img src="${text}">`],
    ['a document', () => html`<iframe srcdoc="${text}"></iframe>`],
    ['an attribute without quotes', () => html`<p id=${text}></p>`],
    ['an attribute in single quotes', () => html`<p id='${text}'></p>`],
    ["a tag's name", () => html`<${text}></p>`],
    ["part of an attribute's name", () => html`<p data-${text}="1"></p>`],
    ['a tag', () => html`<p ${text}></p>`],
    ['a script', () => html`<script>${text}</script>`],
    ['a style sheet', () => html`<style>${text}</style>`],
    ['a comment', () => html`<!-- ${text} -->`],
    ['what follows a comment', () => html`<!-- < --><p>${text}</p>`],
    ['markup in an attribute', () => html`<p id="${html`<b></b>`}"></p>`],
    ['attributes between tags', () => html`<p>${attributes({ id: text })}</p>`],
  ])('refuses to put a value into %s', (_, write) => {
    expect(write).toThrow(RangeError);
  });

  it('refuses attributes that a browser acts on, whatever their value', () => {
    for (const name of [
      'onclick',
      'style',
      'src',
      'href',
      'action',
      'formaction',
      'srcdoc',
      'xlink:href',
      'a b',
      'a"b',
    ])
      expect(() => attributes({ [name]: undefined })).toThrow(RangeError);
  });

  it('keeps scripts, styles and folds from ending early', () => {
    expect(() => scriptElement('a</SCRIPT>')).toThrow(RangeError);
    expect(() => scriptElement('a<!--')).toThrow(RangeError);
    expect(() => styleElement('</style>')).toThrow(RangeError);
    expect(textOfHtml(folded(html`<p>${'</script><!--'}</p>`))).toBe(
      '<script type="text/x-folded"><p>&lt;/script&gt;&lt;!--</p></script>',
    );
  });
});

describe('what is shown of a text', () => {
  it('is its start and its end where it is long, and never climbs over other lines', () => {
    expect(shown(`begin${'A'.repeat(65536)}end`)).toMatch(/^beginA+ \[64584 more characters\] A+end$/);
    expect(shown('a'.repeat(1000))).toBe('a'.repeat(1000));
    expect(shown(`Z${'\u0301'.repeat(500)}`).length).toBeLessThan(10);
  });
});
