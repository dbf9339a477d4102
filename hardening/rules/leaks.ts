/**
 * Leaks: what an image tells about the machine and the people that built it.
 *
 * Paths of a build machine name users, customers and products, make a build irreproducible and help whoever looks for
 * the matching debug information. They come from assertions and from DWARF, and disappear with -ffile-prefix-map and
 * stripping. The compiler's versions in .comment are shown as information.
 */
import { printable } from '../../base/errors.ts';
import { SHF_ALLOC } from '../../linker/elf.ts';
import { compilationFolders } from '../dwarf-folders.ts';
import { count, type Finding } from '../finding.ts';
import { type Rule, reporter } from '../rule.ts';
import { type Subject, sectionName } from '../subject.ts';

const identity = { id: 'leaks', version: 1, title: 'no paths or names of the build machine' };

/** Folders of people and of builds; a path has at least one name below them. */
const paths =
  /(?<![\w./-])(?:\/(?:home|root|Users|build|builddir|tmp|usr\/src|var\/tmp|private\/tmp)\/|[A-Za-z]:\\{1,2}(?=[A-Za-z0-9_. -]{1,64}\\))[\w.+@~\\/-]{2,200}/g;
const users = /^(?:\/home\/|\/Users\/|[A-Za-z]:\\{1,2}Users\\{1,2})([\w.-]{1,32})/;

/** Distinct paths in the file, and how often each occurs. Searched as Latin-1, in pieces that overlap. */
function findPaths(bytes: Uint8Array): Map<string, number> {
  const found = new Map<string, number>();
  const piece = 1 << 20;
  const overlap = 512;
  for (let at = 0; at < bytes.length; at += piece) {
    const end = Math.min(bytes.length, at + piece + overlap);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('latin1');
    for (const match of text.matchAll(paths)) {
      if (match.index >= piece || found.size >= 10_000) continue;
      found.set(match[0], (found.get(match[0]) ?? 0) + 1);
    }
  }
  return found;
}

/** NUL-terminated strings of .comment. */
function compilers(subject: Subject): string[] {
  const section = subject.file.sections.find(({ name }) => name === '.comment');
  if (section === undefined) return [];
  const text = Buffer.from(section.data.subarray(0, 65_536)).toString('latin1');
  return [...new Set(text.split('\0').filter((line) => line !== ''))].map(
    (line) => `.comment: ${printable(line, 120)}`,
  );
}

function run(subject: Subject): readonly Finding[] {
  const report = reporter(identity, subject, 'paths');
  const reportDebug = reporter(identity, subject, 'debug');
  const found = [...findPaths(subject.bytes)].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const names = new Set(found.flatMap(([path]) => users.exec(path)?.[1] ?? []));
  const lines = found.map(([path, n]) => `${printable(path, 120)}${n > 1 ? ` (${n} times)` : ''}`);
  const who =
    names.size > 0
      ? `; users: ${[...names]
          .slice(0, 5)
          .map((name) => printable(name, 32))
          .join(', ')}`
      : '';
  const pathFinding =
    found.length > 0
      ? report('fail', 'declared', `${count(found.length, 'path')} of a build machine: ${lines[0]}${who}`, lines)
      : report('pass', 'declared', 'no path below /home, /root, /Users, /build, /tmp, /usr/src or a drive letter');

  const debug = subject.file.sections.filter(
    ({ name, flags }) => /^\.z?debug_/.test(name) && (flags & SHF_ALLOC) === 0,
  );
  const size = debug.reduce((sum, section) => sum + section.size, 0);
  const folders = compilationFolders(subject.file);
  const debugLines = [
    ...folders.found.map((folder) => `compiled in ${printable(folder, 120)}`),
    ...(folders.problem === undefined ? [] : [`compilation folders not read: ${folders.problem}`]),
    ...debug.map((section) => `${sectionName(section)}: ${section.size} bytes`),
    ...compilers(subject),
  ];
  const debugFinding =
    debug.length > 0
      ? reportDebug(
          'fail',
          'declared',
          `${count(debug.length, 'debug section')} of ${size} bytes${folders.found.length > 0 ? `; compiled in ${printable(folders.found[0]!, 120)}` : ''}`,
          debugLines,
        )
      : reportDebug('pass', 'declared', 'no debug sections', debugLines);
  return [pathFinding, debugFinding];
}

export const leaks: Rule = { ...identity, run };
