/** What documentation points at is there, and what a threat model must speak of is in it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { knownRules } from '../../evidence/presets.ts';
import { projectRoot } from '../support/paths.ts';

const pages = [
  'README.md',
  ...readdirSync(join(projectRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
  ...readdirSync(join(projectRoot, 'examples'))
    .map((name) => `examples/${name}/README.md`)
    .filter((name) => existsSync(join(projectRoot, name))),
];

/** Targets of links to files, without what follows `#`. */
const linked = (page: string): string[] =>
  [...readFileSync(join(projectRoot, page), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!.replace(/#.*/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target));

test.each(pages)('every link of %s leads to a file', (page) => {
  const missing = linked(page).filter((target) => !existsSync(join(projectRoot, dirname(page), target)));
  expect(missing).toEqual([]);
});

describe('the threat model', () => {
  const text = readFileSync(join(projectRoot, 'docs/threat-model.md'), 'utf8');

  it('has a claim for every rule that a policy can decide by', () => {
    const named = new Set([...text.matchAll(/\]\(rules\/([a-z0-9-]+)\.md\)/g)].map(([, rule]) => rule));
    expect(knownRules.map(({ rule }) => rule).filter((rule) => !named.has(rule))).toEqual([]);
  });

  it('says of every claim whose it is, on which ground, and what is excluded', () => {
    const rows = text.split('\n').filter((line) => /^\| C\d+ /.test(line));
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) {
      const cells = row.split('|').slice(1, -1);
      expect(cells.length, row).toBe(6);
      for (const cell of cells) expect(cell.trim(), row).not.toBe('');
    }
  });
});
