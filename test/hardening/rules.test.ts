/** Each rule has one id, one page, and something to say about every file. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { knownRules } from '../../evidence/presets.ts';
import { rules } from '../../hardening/rules/index.ts';
import { load, madeSubject } from './support.ts';

const docs = fileURLToPath(new URL('../../docs/rules', import.meta.url));

describe('the rules', () => {
  it('have ids of their own', () => {
    const ids = rules.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  it.each(rules.map(({ id }) => id))('%s has a page with the four headings, in order, none empty', (id) => {
    expect(existsSync(`${docs}/${id}.md`)).toBe(true);
    const page = readFileSync(`${docs}/${id}.md`, 'utf8');
    expect(page).toMatch(new RegExp(`^# ${id}: .`));
    const parts = page.split(/^## /m).slice(1);
    expect(parts.map((part) => part.split('\n')[0])).toEqual(['Problem', 'Fix by', 'Waive if', 'Example']);
    for (const part of parts) expect(part.split('\n').slice(1).join('').trim().length).toBeGreaterThan(20);
  });

  it('have a file of their own, and no page is left over', () => {
    const folder = fileURLToPath(new URL('../../hardening/rules', import.meta.url));
    const files = readdirSync(folder).filter((name) => name !== 'index.ts');
    expect(files.sort()).toEqual(rules.map(({ id }) => `${id}.ts`).sort());
    // The gate decides on more than rules find in a file: proofs, probes, erasure and the like have pages, too.
    expect(readdirSync(docs).sort()).toEqual(knownRules.map(({ rule }) => `${rule}.md`).sort());
    expect(knownRules.map(({ rule }) => rule)).toEqual(expect.arrayContaining(rules.map(({ id }) => id)));
  });

  it.each([
    ['nothing', madeSubject([])],
    ['one segment', madeSubject([load(5, 0x1000n)])],
    ['another machine', madeSubject([load(5, 0x1000n)], 183)],
    ['RISC-V', madeSubject([load(5, 0x1000n)], 243)],
    ['a relocatable file', madeSubject([], 62, 1)],
  ])('say something about a file with %s, and never pass all of it unseen', (_, subject) => {
    const all = rules.map((rule) => rule.run(subject));
    for (const [i, found] of all.entries()) {
      expect(found.length, rules[i]!.id).toBeGreaterThan(0);
      for (const one of found) expect([one.rule, one.version]).toEqual([rules[i]!.id, rules[i]!.version]);
    }
    expect(all.flat().some(({ outcome }) => outcome === 'unknown')).toBe(true);
  });
});
