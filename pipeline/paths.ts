/**
 * Paths from a manifest, archive or script, confined.
 *
 * A project is built on machines whose owner did not write it, so it may read only what it owns: files inside its
 * folder, and inside the folders it declares as "roots", where a reviewer sees them. A path is resolved as the kernel
 * would (realpath), so neither `..` nor a symbolic link leads out. Only regular files are opened: a named pipe or a
 * device in their place would hang the build.
 */
import { existsSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fail, printable } from '../base/errors.ts';
import { reasonOf } from '../base/files.ts';

export interface Confinement {
  /** The project's folder, resolved. */
  readonly folder: string;
  /** The declared roots, resolved. */
  readonly roots: readonly string[];
}

export interface ConfinedPath {
  /** As the manifest says it; the lock and the linker know the file by this name. */
  readonly declared: string;
  /** Resolved and absolute. */
  readonly real: string;
  /** From a declared root rather than from the project's folder. */
  readonly outside: boolean;
}

/** True when `path` is `folder` or lies below it; both resolved. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

function quote(path: string): string {
  return printable(JSON.stringify(path), 300);
}

function realpath(path: string, declared: string, where: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return fail('manifest', `${where}: no such file or folder: ${quote(declared)}`);
    return fail('manifest', `${where}: cannot resolve ${quote(declared)}: ${reasonOf(error)}`);
  }
}

/**
 * The folders that a project may read from. `where(i)` names the i-th root in messages. The file system's root is
 * refused: it would declare everything.
 */
export function confine(folder: string, roots: readonly string[], where: (index: number) => string): Confinement {
  const real = realpath(folder, folder, 'casemate build');
  return {
    folder: real,
    roots: roots.map((root, i) => {
      if (root.includes('\0')) return fail('manifest', `${where(i)}: ${quote(root)} holds a NUL character`);
      const resolved = realpath(resolve(real, root), root, where(i));
      if (dirname(resolved) === resolved) {
        return fail(
          'manifest',
          `${where(i)}: ${quote(root)} is the whole file system; name the folders that are needed`,
        );
      }
      if (!statIfPresent(resolved, root)?.isDirectory())
        return fail('manifest', `${where(i)}: ${quote(root)} is not a folder`);
      return resolved;
    }),
  };
}

/** What a path leads to; undefined when there is nothing; any other failure is an 'io' error that names `shown`. */
export function statIfPresent(path: string, shown = path): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    return fail('io', `${printable(shown)}: ${reasonOf(error)}`);
  }
}

/** True when a resolved path may be read. */
export function isConfined(confinement: Confinement, real: string): boolean {
  return isInside(confinement.folder, real) || confinement.roots.some((root) => isInside(root, real));
}

/**
 * Resolves a declared path relative to the project's folder (or `base`), and refuses what lies outside.
 * `where` names the key in messages; `kind` says what the path must lead to.
 */
export function confinePath(
  confinement: Confinement,
  declared: string,
  where: string,
  kind: 'file' | 'folder' = 'file',
  base = confinement.folder,
): ConfinedPath {
  if (declared.includes('\0')) fail('manifest', `${where}: ${quote(declared)} holds a NUL character`);
  const path = resolve(base, declared);
  const real = realpath(path, declared, where);
  if (!isConfined(confinement, real)) {
    const through = isConfined(confinement, path) ? ', through a symbolic link' : '';
    fail(
      'manifest',
      `${where}: ${quote(declared)} leads to ${quote(real)}${through}, outside the project's folder ${quote(
        confinement.folder,
      )}; move it inside or declare its folder in "roots"`,
    );
  }
  const stat = statIfPresent(real, declared);
  if (kind === 'file' && !stat?.isFile()) fail('manifest', `${where}: ${quote(declared)} is not a regular file`);
  if (kind === 'folder' && !stat?.isDirectory()) fail('manifest', `${where}: ${quote(declared)} is not a folder`);
  return { declared, real, outside: !isInside(confinement.folder, real) };
}

/** True when a declared path leads to something at all, wherever that lies; the path may come from an input. */
export function isPresent(confinement: Confinement, declared: string): boolean {
  return !declared.includes('\0') && existsSync(resolve(confinement.folder, declared));
}

/** A resolved path as the lock shows it: relative inside the project, else below its root, as that was declared. */
export function lockName(confinement: Confinement, declaredRoots: readonly string[], real: string): string {
  if (isInside(confinement.folder, real)) return relative(confinement.folder, real);
  const i = confinement.roots.findIndex((root) => isInside(root, real));
  return i < 0 ? real : join(declaredRoots[i], relative(confinement.roots[i], real));
}
