/**
 * The trusted computing base as a table: how much code each component has that must be right for the claims to hold.
 *
 * Sizes are of what the link kept, by the object that brought it; start-up code that is added behind the link is what the
 * finished file has more. Lines are of the sources that the build read, since nobody reviews an object.
 */
import type { TcbComponent, TcbRow } from '../evidence/evidence.ts';
import { WIPE_OBJECT } from '../hardening/wipe/object.ts';
import * as elf from '../linker/elf.ts';
import { type ElfFile, readElfFile } from '../linker/elf-file.ts';
import { codeSizes, functionsOf } from '../linker/provenance.ts';
import type { BuildTrace } from './trace.ts';
import { UNIT_OBJECT } from './verified-record.ts';

const order: readonly TcbComponent[] = [
  'application',
  'verified',
  'library',
  'platform',
  'stage-0',
  'veneers',
  'other',
];

/** Ours: start-up code of its own folders, else the platform layer. */
const ofOurs = (name: string): TcbComponent => (/\/(stage0|first-stage)\//.test(name) ? 'stage-0' : 'platform');

/** Whose an object of the link is, by its name; a member of an archive has the archive's before its own. */
export function componentOf(object: string): TcbComponent {
  if (object === UNIT_OBJECT) return 'verified';
  if (object.startsWith(WIPE_OBJECT.replace(/\.o$/, ''))) return 'veneers';
  if (object.startsWith('casemate/')) return ofOurs(object);
  return object.endsWith(')') ? 'library' : 'application';
}

const sourceComponent = (name: string, verified: ReadonlySet<string>): TcbComponent =>
  verified.has(name) ? 'verified' : name.startsWith('casemate/') ? ofOurs(name) : 'application';

/** Bytes of the executable sections that a file has. */
const codeBytesOf = ({ sections }: ElfFile): number =>
  sections
    .filter(({ flags }) => (flags & elf.SHF_ALLOC) !== 0 && (flags & elf.SHF_EXECINSTR) !== 0)
    .reduce((sum, { size }) => sum + size, 0);

/** Executable bytes of the linked image, padding included. */
const linkedCode = ({ linked }: BuildTrace): number =>
  linked.sections
    .filter(({ flags }) => (flags & elf.SHF_ALLOC) !== 0 && (flags & elf.SHF_EXECINSTR) !== 0)
    .reduce((sum, { size }) => sum + size, 0);

/** `sources`: names of the TypeScript files that became the unit. */
export function tcbOf(trace: BuildTrace, sources: ReadonlySet<string>): TcbRow[] {
  const rows = new Map<TcbComponent, { objects: number; codeBytes: number; functions: number; sourceLines?: number }>();
  const row = (component: TcbComponent) => {
    const found = rows.get(component) ?? { objects: 0, codeBytes: 0, functions: 0 };
    rows.set(component, found);
    return found;
  };
  const sizes = codeSizes(trace.linked);
  let placed = 0;
  for (const [name, size] of sizes) {
    if (size === 0) continue;
    const own = row(componentOf(name));
    own.objects++;
    own.codeBytes += size;
    placed += size;
  }
  // Names of one address are one function.
  const seen = new Set<number>();
  for (const { address, object } of functionsOf(trace.linked)) {
    if (seen.has(address)) continue;
    seen.add(address);
    row(componentOf(object)).functions++;
  }
  // What the linker itself made (tables of jumps) and padding are nobody's object.
  const made = linkedCode(trace) - placed;
  if (made > 0) row('other').codeBytes += made;
  const added = codeBytesOf(readElfFile(trace.bytes, trace.name)) - linkedCode(trace);
  if (added > 0) row('stage-0').codeBytes += added;
  for (const [name, lines] of trace.lines) {
    const own = rows.get(sourceComponent(name, sources));
    if (own !== undefined) own.sourceLines = (own.sourceLines ?? 0) + lines;
  }
  return order.flatMap((component) => {
    const found = rows.get(component);
    return found === undefined ? [] : [{ component, ...found }];
  });
}
