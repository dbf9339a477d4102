/** Orders of versions: as their package managers have them, and undefined for what they do not know. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDebian, compareOpam, compareSemantic, orderOf } from '../../../evidence/advisories/versions.ts';

const sign = (n: number | undefined): number | undefined => n && Math.sign(n);

/** Each list is in ascending order. */
const debian = [
  ['1.0~rc1-1', '1.0-1~deb12u1', '1.0-1', '1.0-1+b1', '1.0-1+deb12u1', '1.0-2', '1.0-10', '1.0.1-1', '1:0.1-1'],
  ['3.0.9-1', '3.0.11-1~deb12u2', '3.0.14-1~deb12u1', '3.0.14-1~deb12u2', '3.0.14-1', '3.0.15-1~deb12u1'],
  ['1:1.2.11.dfsg-2+deb11u1', '1:1.2.11.dfsg-2+deb11u2', '1:1.2.13.dfsg-1', '1:1.3.dfsg-3.1'],
  ['0~~', '0~', '0', '0a', '0+', '0.'],
];

function expectAscending(list: readonly string[], order: (a: string, b: string) => number | undefined): void {
  list.forEach((a, i) => {
    list.forEach((b, j) => {
      expect(sign(order(a, b)), `${a} against ${b}`).toBe(Math.sign(i - j));
    });
  });
}

describe('the order of versions', () => {
  it('of Debian is that of its policy', () => {
    for (const list of debian) expectAscending(list, compareDebian);
    expect(compareDebian('1.0', '0:1.0-0')).toBe(0);
    expect(compareDebian('1.007-1', '1.7-1')).toBe(0);
    expect(compareDebian(`1.${'9'.repeat(400)}-1`, `1.1${'0'.repeat(400)}-1`)).toBeLessThan(0);
  });

  it.runIf(existsSync('/usr/bin/dpkg'))('of Debian is what dpkg says, for any two', () => {
    const part = fc.string({ unit: fc.constantFrom(...'019aZ.+~'), minLength: 1, maxLength: 5 });
    const version = fc
      .tuple(
        fc.constantFrom('', '0:', '1:', '12:'),
        fc.constantFrom('0', '1', '10'),
        part,
        fc.constantFrom('', '-1', '-1~deb12u1', '-1+b2'),
      )
      .map(([epoch, first, rest, revision]) => `${epoch}${first}${rest}${revision}`);
    const pairs = fc.sample(fc.tuple(version, version), { numRuns: 200, seed: 4 });
    // One process asks all of them: a sign for each pair.
    const script =
      'while read -r a b; do if dpkg --compare-versions "$a" lt "$b"; then echo -1; elif dpkg --compare-versions "$a" gt "$b"; then echo 1; else echo 0; fi; done';
    const { stdout } = spawnSync('sh', ['-c', script], {
      ...{ encoding: 'utf8', input: pairs.map((pair) => `${pair.join(' ')}\n`).join('') },
    });
    expect(stdout.trim().split('\n').map(Number)).toEqual(pairs.map(([a, b]) => sign(compareDebian(a, b))));
  });

  it('of semantic versions has those before a release before it', () => {
    expectAscending(
      ['0.9.0', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-rc.2', '1.0.0', '1.0.1', '1.10.0'],
      compareSemantic,
    );
    expect(compareSemantic('v1.0.0+a', '1.0.0+b')).toBe(0);
  });

  it('of opam is like that of Debian, without epochs and revisions', () => {
    expectAscending(['0.11.2~beta', '0.11.2', '0.11.2-1', '0.11.10', '1.0', 'v0.9', 'v0.16.0'], compareOpam);
  });

  it('is undefined for what is no version of the kind', () => {
    for (const bad of ['', 'a b', '1.0-', 'x:1', '1:', '-1', '1\n', '99999999999:1']) {
      expect(compareDebian(bad, '1.0'), bad).toBeUndefined();
      expect(compareDebian('1.0', bad), bad).toBeUndefined();
    }
    for (const bad of ['', '1', '1.2', 'latest', '1.2.3.4', `${'1'.repeat(20)}.0.0`])
      expect(compareSemantic(bad, '1.0.0'), bad).toBeUndefined();
    expect(compareOpam('1:0', '1')).toBeUndefined();
    for (const name of ['Alpine', 'toString', '__proto__']) expect(orderOf(name)).toBeUndefined();
  });
});
