import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { confine, confinePath, isInside } from '../../pipeline/paths.ts';
import { errorOf, project } from './support.ts';

const root = (i: number): string => `roots[${i}]`;

describe('a path from a manifest', () => {
  it('leads to files inside the project, and is kept as declared', () => {
    const folder = project({ 'a.o': '', 'lib/b.o': '' });
    const confinement = confine(folder, [], root);
    expect(confinePath(confinement, './lib/../a.o', 'x')).toEqual({
      declared: './lib/../a.o',
      real: join(folder, 'a.o'),
      outside: false,
    });
    expect(confinePath(confinement, join(folder, 'lib/b.o'), 'x').outside).toBe(false);
  });

  it('does not lead out, neither by .., nor absolute, nor through a symbolic link', () => {
    const away = project({ 'secret.o': '' });
    const folder = project({ 'a.o': '' });
    symlinkSync(join(away, 'secret.o'), join(folder, 'link.o'));
    symlinkSync(away, join(folder, 'folder'));
    const confinement = confine(folder, [], root);
    for (const path of [join('..', away.split('/').at(-1)!, 'secret.o'), join(away, 'secret.o')]) {
      expect(errorOf(() => confinePath(confinement, path, 'objects[0]')).message).toMatch(
        /^objects\[0\]: ".*" leads to ".*secret\.o", outside the project's folder ".*"; move it inside or declare/,
      );
    }
    for (const path of ['link.o', 'folder/secret.o']) {
      expect(errorOf(() => confinePath(confinement, path, 'x')).message).toContain('through a symbolic link');
    }
  });

  it('may lead into a declared root, and not beside it', () => {
    const away = project({ 'vendor/a.o': '', 'vendor-2/b.o': '' });
    const folder = project();
    const confinement = confine(folder, [join(away, 'vendor')], root);
    expect(confinePath(confinement, join(away, 'vendor/a.o'), 'x').outside).toBe(true);
    expect(errorOf(() => confinePath(confinement, join(away, 'vendor-2/b.o'), 'x')).code).toBe('manifest');
  });

  it('names a regular file: a named pipe, a device or a folder is refused without opening it', () => {
    const folder = project();
    mkdirSync(join(folder, 'sub'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const confinement = confine(folder, ['/dev'], root);
    for (const path of ['sub', 'pipe', '/dev/zero']) {
      expect(errorOf(() => confinePath(confinement, path, 'x')).message).toContain('is not a regular file');
    }
    expect(confinePath(confinement, 'sub', 'x', 'folder').real).toBe(join(folder, 'sub'));
  });

  it('that leads nowhere, in circles or through a NUL says so', () => {
    const folder = project({ 'a.o': '' });
    symlinkSync('loop', join(folder, 'loop'));
    const confinement = confine(folder, [], root);
    expect(errorOf(() => confinePath(confinement, 'b.o', 'objects[2]')).message).toBe(
      'objects[2]: no such file or folder: "b.o"',
    );
    expect(errorOf(() => confinePath(confinement, 'loop', 'x')).message).toContain('cannot resolve "loop"');
    expect(errorOf(() => confinePath(confinement, 'a.o/b', 'x')).message).toContain('no such file');
    expect(errorOf(() => confinePath(confinement, 'a\0.o', 'x')).message).toContain('NUL');
  });
});

describe('a declared root', () => {
  it('may not be the whole file system, a file, or nothing', () => {
    const folder = project({ 'a.o': '' });
    for (const [path, why] of [
      ['/', 'whole file system'],
      ['/usr/..', 'whole file system'],
      ['a.o', 'not a folder'],
      ['nowhere', 'no such file or folder'],
    ] as const) {
      expect(errorOf(() => confine(folder, [path], root)).message).toMatch(new RegExp(`^roots\\[0\\]: .*${why}`));
    }
  });
});

describe('inside', () => {
  it('is decided by whole path components', () => {
    expect(isInside('/a/b', '/a/b')).toBe(true);
    expect(isInside('/a/b', '/a/b/..c')).toBe(true);
    expect(isInside('/a/b', '/a/bc')).toBe(false);
    expect(isInside('/a/b', '/a')).toBe(false);
  });
});
