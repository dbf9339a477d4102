/**
 * Note shape: the tender finds the notes that the image carries.
 *
 * Solo5's tender reads only the first note of each PT_NOTE and wants exact sizes; linkers happily merge notes into one
 * segment, after which an image has a manifest that nobody sees. Other files need notes that end where their segment
 * does.
 *
 * Source: Solo5's elf_abi.h and mft_abi.h: ABI1 has 16 bytes, MFT1 4 of padding, 8 of header and 104 per entry, entry 0
 * being reserved.
 */
import { printable } from '../../base/errors.ts';
import { viewOf } from '../../linker/elf-file.ts';
import { count, type Finding } from '../finding.ts';
import type { Note } from '../notes.ts';
import { type Rule, reporter } from '../rule.ts';
import type { Subject } from '../subject.ts';

const identity = { id: 'note-shape', version: 1, title: 'notes are where loaders look for them' };

const ABI1 = 0x31494241;
const MFT1 = 0x3154464d;
const ENTRY = 104;
const MOST_ENTRIES = 64;

function abiProblems({ descriptor }: Note): string[] {
  if (descriptor.length !== 16) return [`ABI1 note: ${descriptor.length} bytes, must be 16`];
  const target = viewOf(descriptor).getUint32(0, true);
  return target >= 1 && target <= 6 ? [] : [`ABI1 note: target ${target}, known are 1 (hvt) to 6`];
}

function manifestProblems({ descriptor }: Note): string[] {
  if (descriptor.length < 12) return [`MFT1 note: ${descriptor.length} bytes, must be 12 and 104 for each entry`];
  const view = viewOf(descriptor);
  const version = view.getUint32(4, true);
  const entries = view.getUint32(8, true);
  if (version !== 1) return [`MFT1 note: version ${version}, must be 1`];
  if (entries < 1 || entries > MOST_ENTRIES) return [`MFT1 note: ${entries} entries, must be 1 to ${MOST_ENTRIES}`];
  const size = 12 + ENTRY * entries;
  if (descriptor.length !== size) return [`MFT1 note: ${descriptor.length} bytes, ${entries} entries take ${size}`];
  const reserved = view.getUint32(12 + 68, true);
  return reserved === 1 << 30 ? [] : [`MFT1 note: entry 0 has type 0x${reserved.toString(16)}, must be 0x40000000`];
}

function solo5Problems(subject: Subject): string[] {
  const problems: string[] = [];
  for (const { index, notes } of subject.notes) {
    for (const { name, type } of notes.slice(1)) {
      const hidden = `note 0x${type.toString(16)} of ${printable(name, 20)}`;
      problems.push(`program header ${index}: ${hidden} is not the first of its PT_NOTE: the tender does not see it`);
    }
  }
  for (const [type, what, check] of [
    [ABI1, 'ABI1', abiProblems],
    [MFT1, 'MFT1', manifestProblems],
  ] as const) {
    const first = subject.notes.flatMap(({ notes }) => notes.slice(0, 1));
    const found = first.filter((note) => note.name === 'Solo5' && note.type === type);
    if (found.length !== 1) problems.push(`${found.length} ${what} notes that the tender sees, must be 1`);
    for (const note of found) problems.push(...check(note));
  }
  return problems;
}

/** Start-up code on a bare machine finds the manifest by its symbol, wherever its note is. */
function manifestNotes(subject: Subject): string[] {
  const found = subject.notes.flatMap(({ notes }) =>
    notes.filter(({ name, type }) => name === 'Solo5' && type === MFT1),
  );
  const many = found.length > 1 ? [`${found.length} MFT1 notes, must be 1 at most`] : [];
  return [...many, ...found.flatMap(manifestProblems)];
}

function run(subject: Subject): readonly Finding[] {
  const report = reporter(identity, subject);
  const problems = subject.notes.flatMap(({ index, size, problem }) =>
    problem === undefined ? [] : [`program header ${index}: ${problem} in a PT_NOTE of ${size} bytes`],
  );
  if (subject.loader === 'solo5') problems.push(...solo5Problems(subject));
  if (subject.loader === 'firmware') problems.push(...manifestNotes(subject));
  const what = subject.loader === 'solo5' ? 'Solo5 notes' : 'notes';
  if (problems.length > 0) return [report('fail', 'declared', `${what}: ${problems[0]}`, problems)];
  return [report('pass', 'declared', `${what}: ${count(subject.notes.length, 'PT_NOTE')}, well-formed`)];
}

export const noteShape: Rule = { ...identity, run };
