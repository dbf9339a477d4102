/** Which packages foreign inputs came with: as package managers say it, for the very files, and nothing where they do not. */
import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFile } from '../../base/files.ts';
import type { EvidenceInput } from '../../evidence/evidence.ts';
import { sha256 } from '../../pipeline/lock.ts';
import { debianPackage, npmPackage, opamPackage, ownersIn, packagesOf, releaseIn } from '../../pipeline/packages.ts';
import { project } from './support.ts';

function input(name: string, path: string, more: Partial<EvidenceInput> = {}): EvidenceInput {
  const bytes = readFile(path);
  return { kind: 'archive', name, sha256: sha256(bytes), size: bytes.length, ...more };
}

const archive = '/usr/lib/x86_64-linux-gnu/libcrypto.a';

describe('packages of Debian', () => {
  it.runIf(existsSync('/etc/debian_version') && existsSync(archive))(
    'are those that dpkg names, with source and release',
    () => {
      const real = realpathSync(archive);
      const folder = project({ 'mine.a': readFile(real) });
      const found = packagesOf([input(archive, real), input('mine.a', real)], folder);
      // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg has templates of its own
      const version = spawnSync('dpkg-query', ['--show', '--showformat=${Version}', 'libssl-dev'], {
        encoding: 'utf8',
      });
      expect(found.get(archive)).toMatchObject({
        ...{ ecosystem: 'debian', name: 'libssl-dev', version: version.stdout, source: { name: 'openssl' } },
        release: expect.stringMatching(/^\d+$/),
      });
      // The project's own copy is the project's.
      expect(found.has('mine.a')).toBe(false);
    },
  );

  it.runIf(existsSync(archive))('are not those of a file that was another when it was read', () => {
    const changed = input(archive, realpathSync(archive), { sha256: sha256(Buffer.from('another')) });
    expect(packagesOf([changed], project())).toEqual(new Map());
  });

  it('are read from what dpkg prints, and from nothing else', () => {
    const text =
      'libc6-dev:amd64: /usr/lib/libc.a\ndiversion by dash from: /bin/sh\na, b: /usr/share/doc\nEvil\u001b: /x\nzlib1g-dev: /usr/lib/libz.a\n';
    expect([...ownersIn(text)]).toEqual([
      ['/usr/lib/libc.a', 'libc6-dev:amd64'],
      ['/usr/lib/libz.a', 'zlib1g-dev'],
    ]);
    expect(debianPackage('zlib1g-dev\t1:1.2\tamd64\tzlib\t1:1.2', '12')).toMatchObject({ version: '1:1.2' });
    expect(debianPackage('zlib1g-dev\t1:1.2\tamd64', '12')).toBeUndefined();
    expect(debianPackage('a\tb c\tamd64\tzlib\t1', '12')).toBeUndefined();
    expect(releaseIn('ID=debian\nVERSION_ID="12"\n')).toBe('12');
    expect(releaseIn('ID=ubuntu\nVERSION_ID="22.04"\nID_LIKE=debian\n')).toBeUndefined();
  });
});

describe('packages of npm and opam', () => {
  const files: Record<string, string> = {
    '/p/node_modules/@s/a/package.json': '{"name":"@s/a","version":"1.2.3"}',
    '/p/node_modules/bad/package.json': '{"name":7',
    '/sw/lib/mirage-crypto/META': 'description = ""\nversion = "0.11.3"\npackage "ec" (\n  version = "9"\n)\n',
    '/sw/lib/none/META': 'package "x" ( version = "9" )\n',
  };
  const read = (path: string): string | undefined => files[path];

  it('are read from their own descriptions', () => {
    expect(npmPackage('/p/node_modules/@s/a/lib/x.o', read)).toEqual({
      ecosystem: 'npm',
      name: '@s/a',
      version: '1.2.3',
    });
    const crypto = { ecosystem: 'opam', name: 'mirage-crypto', version: '0.11.3' };
    expect(opamPackage('/sw/lib/mirage-crypto/libmirage_crypto_stubs.a', read)).toEqual(crypto);
    expect(opamPackage('/sw/lib/mirage-crypto/ec/x.a', read)).toEqual(crypto);
  });

  it('are unknown where those say nothing that can be used', () => {
    for (const path of ['/p/node_modules/bad/x.o', '/p/node_modules/none/x.o', '/p/x.o'])
      expect(npmPackage(path, read), path).toBeUndefined();
    for (const path of ['/sw/lib/none/x.a', '/sw/lib/x.a']) expect(opamPackage(path, read), path).toBeUndefined();
  });

  it('are found below the project, where npm puts them', () => {
    const folder = project({
      'node_modules/left/package.json': '{"name":"left","version":"2.0.0"}',
      'node_modules/left/x.c': 'int x;\n',
      'mine.c': 'int y;\n',
    });
    const inputs = ['node_modules/left/x.c', 'mine.c'].map((name) =>
      input(name, join(folder, name), { kind: 'source' }),
    );
    expect([...packagesOf(inputs, folder)]).toEqual([
      ['node_modules/left/x.c', { ecosystem: 'npm', name: 'left', version: '2.0.0' }],
    ]);
  });
});
