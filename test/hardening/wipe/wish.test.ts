/** What is asked to be wiped after, as text: every form is read, and nothing else. */
import { expect, it } from 'vitest';
import { parseWish } from '../../../hardening/wipe/wish.ts';

it.each([
  ['f', { function: 'f' }],
  ['f:256', { function: 'f', maxStack: 256 }],
  ['f.part.0=rax,rdx', { function: 'f.part.0', results: ['rax', 'rdx'] }],
  ['f:0=none', { function: 'f', maxStack: 0, results: [] }],
] as const)('reads %s', (text, wish) => {
  expect(parseWish(text, '--wipe', 'usage')).toEqual(wish);
});

it.each(['', ':5', 'f:', 'f:x', 'f:-1', 'f=', 'f=RAX', 'f:1:2', 'f g', 'f:9999999'])('refuses %j', (text) => {
  expect(() => parseWish(text, 'casemate.json:3: wipe', 'manifest')).toThrow(/^casemate\.json:3: wipe: /);
});
