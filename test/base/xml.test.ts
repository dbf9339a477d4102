import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderXml } from '../../base/xml.ts';
import { errorOf } from '../pipeline/support.ts';
import { readXml } from '../support/xml.ts';

describe('text in XML', () => {
  it('is read back as it was, whatever it holds', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '&',
      ']]>',
      '<!--',
      '"',
      "'",
      '\n',
      '\t',
      '\r',
      '\r\n',
      '&amp;',
      'a',
      'é',
      '😀',
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 20 }), (pieces) => {
        const text = `x${pieces.join('')}`;
        expect(readXml(renderXml({ name: 'a', children: [{ name: 'b', text }] })).children[0]!.text).toBe(text);
      }),
      { seed: 9, numRuns: 300 },
    );
  });

  it('is refused beside children, and where XML cannot hold it', () => {
    expect(errorOf(() => renderXml({ name: 'a', text: 'x', children: [{ name: 'b' }] })).code).toBe('layout');
    expect(errorOf(() => renderXml({ name: 'a', text: '\u001b[31m' })).code).toBe('layout');
  });
});
