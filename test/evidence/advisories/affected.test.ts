/** Which images an advisory is about: by its ranges and lists, and undecided wherever that cannot be known. */
import { describe, expect, it } from 'vitest';
import { findAffected } from '../../../evidence/advisories/affected.ts';
import { parseAdvisory } from '../../../evidence/advisories/osv.ts';
import { type Part, type Parts, partOfUrl, partsOfBill, partsOfEvidence } from '../../../evidence/advisories/parts.ts';
import type { Evidence } from '../../../evidence/evidence.ts';
import { cyclonedx } from '../../../evidence/formats/cyclonedx.ts';
import { affectedPackage, type OsvText, openssl, osvBytes, range, semver, zlib } from '../../support/advisories.ts';
import { hash, someEvidence } from '../../support/evidence.ts';

const image = (part: Partial<Part> & Pick<Part, 'ecosystem' | 'name' | 'version'>): Parts => ({
  ...{ image: 'app.hvt', unknown: [] },
  known: [{ shown: `${part.name} ${part.version}`, isTool: false, ...part }],
});

const debian = (version: string, more: Partial<Part> = {}): Parts =>
  image({ ecosystem: 'Debian', name: 'openssl', version, release: '12', ...more });

const npm = (version: string): Parts => image({ ecosystem: 'npm', name: 'semver', version });

function answer(parts: Parts, text: OsvText): string {
  const found = findAffected(parts, parseAdvisory(osvBytes(text), 'a.json'));
  if (found.some((one) => one.answer === 'affected')) return 'affected';
  return found.length > 0 ? 'undecided' : 'unaffected';
}

/** An advisory about semver of npm that says this. */
const about = (entry: object, more: Partial<OsvText> = {}): OsvText => ({
  ...{ id: 'TEST-1', modified: '2025-01-01T00:00:00Z', ...more },
  affected: [{ package: { ecosystem: 'npm', name: 'semver' }, ...entry }],
});

describe('a package of Debian', () => {
  it('is affected up to the version that is fixed, by the source it was built from', () => {
    expect(answer(debian('3.0.9-1'), openssl)).toBe('affected');
    expect(answer(debian('3.0.14-1~deb12u1'), openssl)).toBe('affected');
    expect(answer(debian('3.0.14-1~deb12u2'), openssl)).toBe('unaffected');
    expect(answer(debian('3.0.14-1~deb12u1', { name: 'openssh' }), openssl)).toBe('unaffected');
    const [found] = findAffected(
      debian('3.0.9-1', { shown: 'libssl-dev 3.0.9-1' }),
      parseAdvisory(osvBytes(openssl), 'a'),
    );
    expect(found).toMatchObject({ part: 'libssl-dev 3.0.9-1', fixed: '3.0.14-1~deb12u2' });
  });

  it('is judged by the entry of its own release, and by none where nobody knows it', () => {
    const minizip = (release?: string): Parts =>
      image({ ecosystem: 'Debian', name: 'zlib', version: '1:1.3.dfsg-3.1', ...(release && { release }) });
    expect(answer(minizip('12'), zlib)).toBe('affected');
    expect(answer(minizip('13'), zlib)).toBe('unaffected');
    expect(answer(minizip('11'), zlib)).toBe('unaffected');
    expect(answer(minizip(), zlib)).toBe('undecided');
  });

  it('is undecided where only its own name is known, and the advisory is about a source', () => {
    expect(answer(debian('3.0.9-1', { name: 'libssl3', isBinaryName: true }), openssl)).toBe('undecided');
  });

  it('is undecided where its version is none', () => {
    expect(answer(debian('none at all'), openssl)).toBe('undecided');
  });

  it('is undecided by an advisory of another distribution on its namesake', () => {
    const ubuntu = {
      ...openssl,
      affected: [affectedPackage('Ubuntu:22.04:LTS', 'openssl', range('ECOSYSTEM', { introduced: '0' }))],
    };
    expect(answer(debian('3.0.9-1'), ubuntu)).toBe('undecided');
    expect(answer(debian('3.0.9-1', { name: 'other' }), ubuntu)).toBe('unaffected');
  });
});

describe('a package of npm', () => {
  it.each([
    ...([
      ['7.0.0', 'affected'],
      ['7.5.1', 'affected'],
      ['7.5.2', 'unaffected'],
      ['7.0.0-beta', 'unaffected'],
    ] as const),
    ...([
      ['6.3.0', 'affected'],
      ['6.3.1', 'unaffected'],
      ['5.7.1', 'affected'],
      ['5.7.2', 'unaffected'],
    ] as const),
    ...([
      ['0.0.1', 'affected'],
      ['latest', 'undecided'],
    ] as const),
  ])('of version %s is %s', (version, expected) => {
    expect(answer(npm(version), semver)).toBe(expected);
  });

  it('is affected by a list, whatever ranges say', () => {
    const listed = about({ versions: ['1.2.3'], ranges: [range('SEMVER', { introduced: '9.0.0' })] });
    expect(answer(npm('1.2.3'), listed)).toBe('affected');
    expect(answer(npm('1.2.4'), listed)).toBe('unaffected');
  });

  it('is affected up to and with the last affected version', () => {
    const last = about({ ranges: [range('SEMVER', { introduced: '1.0.0' }, { last_affected: '1.2.0' })] });
    expect(['0.9.9', '1.0.0', '1.2.0', '1.2.1'].map((version) => answer(npm(version), last))).toEqual([
      ...['unaffected', 'affected', 'affected', 'unaffected'],
    ]);
  });

  it('is affected in each part of a range, in whatever order its events stand', () => {
    const events = [{ fixed: '3.0.0' }, { introduced: '2.0.0' }, { fixed: '1.5.0' }, { introduced: '0' }];
    const parts = about({ ranges: [range('SEMVER', ...events)] });
    expect(['1.0.0', '1.7.0', '2.5.0', '3.0.0'].map((version) => answer(npm(version), parts))).toEqual([
      ...['affected', 'unaffected', 'affected', 'unaffected'],
    ]);
    const both = about({ ranges: [range('SEMVER', { introduced: '0' }, { fixed: '2.0.0' }, { introduced: '2.0.0' })] });
    expect(answer(npm('2.0.0'), both)).toBe('affected');
  });

  it('is not affected at a limit or after it', () => {
    const limited = (limit: string) => about({ ranges: [range('SEMVER', { introduced: '0' }, { limit })] });
    expect(answer(npm('1.9.9'), limited('2.0.0'))).toBe('affected');
    expect(answer(npm('2.0.0'), limited('2.0.0'))).toBe('unaffected');
    expect(answer(npm('2.0.0'), limited('*'))).toBe('affected');
  });
});

describe('what cannot be told is undecided', () => {
  const git = range('GIT', { introduced: '0' }, { fixed: 'a'.repeat(40) });
  it.each<[string, OsvText]>([
    ['commits', about({ ranges: [git] })],
    ['commits beside a list without the version', about({ ranges: [git], versions: ['9.9.9'] })],
    ['commits without a package', { ...semver, affected: [{ ranges: [git] }] }],
    ['a package without versions', about({})],
    ['an advisory without packages', { ...semver, affected: [] }],
    ['a range without a beginning', about({ ranges: [range('SEMVER', { fixed: '2.0.0' })] })],
    ['a range of what is no version', about({ ranges: [range('SEMVER', { introduced: 'two' }, { fixed: '3.0.0' })] })],
    [
      'a range that is limited by what is no version',
      about({ ranges: [range('SEMVER', { introduced: '0' }, { limit: 'x' })] }),
    ],
  ])('with %s', (_, text) => {
    expect(answer(npm('1.0.0'), text)).toBe('undecided');
  });

  it('but by versions, where commits say the same in another way', () => {
    const both = about({ ranges: [git, range('SEMVER', { introduced: '2.0.0' })] });
    expect(answer(npm('1.0.0'), both)).toBe('unaffected');
    expect(answer(npm('2.0.0'), both)).toBe('affected');
  });

  it('for an ecosystem whose order is not known here, but for what is listed', () => {
    const alpine: OsvText = {
      ...semver,
      affected: [
        { ...affectedPackage('Alpine:v3.20', 'x', range('ECOSYSTEM', { introduced: '0' })), versions: ['1-r0'] },
      ],
    };
    const part = (version: string) => image({ ecosystem: 'Alpine', name: 'x', version, release: 'v3.20' });
    expect(answer(part('2-r0'), alpine)).toBe('undecided');
    expect(answer(part('1-r0'), alpine)).toBe('affected');
  });

  it('for parts of which nobody knows the package, but for ecosystems that they cannot be of', () => {
    const archive: Parts = { image: 'a', known: [], unknown: [{ name: 'libfoo.a', ecosystem: 'native' }] };
    expect(answer(archive, openssl)).toBe('undecided');
    expect(answer(archive, semver)).toBe('unaffected');
    const camel: Parts = { image: 'a', known: [], unknown: [{ name: 'OCaml module Cohttp', ecosystem: 'opam' }] };
    const opam = { ...semver, affected: [affectedPackage('opam', 'cohttp', range('ECOSYSTEM', { introduced: '0' }))] };
    expect(answer(camel, opam)).toBe('undecided');
    expect(answer(camel, openssl)).toBe('unaffected');
  });
});

it('an advisory that was withdrawn decides nothing', () => {
  expect(answer(npm('7.0.0'), { ...semver, withdrawn: '2025-01-01T00:00:00Z' })).toBe('unaffected');
});

describe('what an image is made of', () => {
  const vendored: Evidence = {
    ...someEvidence,
    inputs: [
      ...someEvidence.inputs,
      { kind: 'source', name: 'main.c', sha256: hash('c'), size: 1 },
      ...(['main.c.o', 'verified.c.o', 'casemate/notes.o', 'casemate/blob.o', 'blob.o'] as const).map((name) => ({
        ...({ kind: 'object', name, sha256: hash(name), size: 1 } as const),
      })),
      { kind: 'archive', name: 'vendor/libz.a', sha256: hash('z'), size: 1 },
    ],
    image: {
      ...someEvidence.image,
      functions: ['camlStdlib__List__map_12', 'camlCohttp.f_3_4', 'caml_alloc', 'camlp4', 'f'].map((name) => ({
        name,
        size: 1,
      })),
    },
  };
  const unknown = ['casemate/blob.o', 'blob.o', 'vendor/libz.a', 'OCaml module Cohttp', 'OCaml module Stdlib'];

  it('is the same by its evidence and by the bill that is made of it', () => {
    const [own, bill] = [partsOfEvidence(vendored), partsOfBill(Buffer.from(cyclonedx(vendored)), 'a.cdx.json')];
    expect(own.unknown.map(({ name }) => name)).toEqual(unknown);
    expect(new Set(bill.unknown.map(({ name }) => name))).toEqual(new Set(unknown));
    expect(new Set(bill.known.map((one) => JSON.stringify({ ...one })))).toEqual(
      new Set(own.known.map((one) => JSON.stringify({ ...one }))),
    );
    expect(own.known).toContainEqual(
      ...[
        {
          ecosystem: 'Debian',
          name: 'openssl',
          version: '3.0.9-1',
          shown: 'libssl-dev 3.0.9-1',
          isTool: false,
          release: '12',
        },
      ],
    );
    expect(answer(bill, openssl)).toBe('affected');
  });

  it('of a stripped image has code that may be OCaml', () => {
    const { functions: _, ...stripped } = someEvidence.image;
    expect(partsOfEvidence({ ...someEvidence, image: stripped }).unknown).toEqual([
      { name: 'code without symbols', ecosystem: 'opam' },
    ]);
  });

  it('is read from the URLs of others, and what has none is unknown', () => {
    const bill = {
      ...{
        bomFormat: 'CycloneDX',
        specVersion: '1.5',
        metadata: { component: { type: 'firmware', name: 'theirs', purl: 'pkg:npm/theirs@2.0.0' } },
      },
      components: [
        { type: 'library', name: 'a', purl: 'pkg:deb/debian/libssl3@3.0.9-1?arch=amd64&distro=debian-12.1' },
        {
          type: 'library',
          name: 'b',
          purl: 'pkg:deb/debian/libssl3@3.0.9-1+b1?upstream=openssl%403.0.9-1&distro=debian-12',
        },
        { type: 'application', name: 'c', components: [{ type: 'library', name: 'd', purl: 'pkg:npm/%40s/d@1.0.0' }] },
        { type: 'library', name: 'e', purl: 'pkg:generic/e@1' },
        { type: 'file', name: 'readme' },
      ],
    };
    const { image: name, known, unknown: rest } = partsOfBill(osvBytes(bill), 'b.json');
    expect(name).toBe('theirs');
    expect(known).toMatchObject([
      { name: 'libssl3', version: '3.0.9-1', release: '12', isBinaryName: true },
      { name: 'openssl', version: '3.0.9-1', shown: 'libssl3 3.0.9-1+b1' },
      { ecosystem: 'npm', name: '@s/d' },
      { ecosystem: 'npm', name: 'theirs', version: '2.0.0' },
    ]);
    expect(rest).toEqual([{ name: 'c' }, { name: 'pkg:generic/e@1' }]);
  });

  it('has versions and names as they are, however a URL spells them', () => {
    for (const plus of ['+', '%2B']) {
      const url = `pkg:deb/debian/libx@1:2${plus}deb12u1?upstream=x@1:2${plus}deb12u1`;
      expect(partOfUrl(url, false), url).toMatchObject({
        name: 'x',
        version: '1:2+deb12u1',
        shown: 'libx 1:2+deb12u1',
      });
    }
    const stream = {
      ...semver,
      affected: [affectedPackage('npm', 'JSONStream', range('SEMVER', { introduced: '0' }))],
    };
    const part = partOfUrl('pkg:npm/JSONStream@1.3.5', false)!;
    expect(answer({ image: 'a', known: [part], unknown: [] }, stream)).toBe('affected');
  });

  it('has no package of a URL that is none', () => {
    for (const bad of ['', 'x', 'pkg:', 'pkg:npm/a', 'pkg:npm/a@%zz', 'pkg:toString/a@1', 'pkg:deb/ubuntu/a@1'])
      expect(partOfUrl(bad, false), bad).toBeUndefined();
  });
});
