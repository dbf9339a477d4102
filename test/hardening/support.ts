/** Images for the rules: real ones, linked by real tools, and ones whose every field a test chooses. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../hardening/finding.ts';
import { rules } from '../../hardening/rules/index.ts';
import { readSubject, type Subject } from '../../hardening/subject.ts';
import { temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTool, type Tool } from '../support/tools.ts';

/** Compiles and links one source (C, or assembly with `extension` S) with gcc; returns the program's path. */
export async function program(source: string, flags: readonly string[], extension = 'c'): Promise<string> {
  const folder = temporaryFolder('check');
  writeFileSync(join(folder, `main.${extension}`), source);
  await runOrThrow(requireTool('gcc'), [`main.${extension}`, '-o', 'main', ...flags], { cwd: folder });
  return join(folder, 'main');
}

/** Flags for a program without a C library, at a fixed address. */
export const bare = ['-static', '-nostdlib', '-no-pie', '-O2', '-Wl,--build-id=none'];

/** The same program without what `strip` removes. */
export async function stripped(path: string, tool: Tool | 'strip' = 'strip'): Promise<string> {
  await runOrThrow(tool === 'strip' ? '/usr/bin/strip' : requireTool(tool), ['-o', `${path}.stripped`, path]);
  return `${path}.stripped`;
}

export function subjectOf(path: string): Subject {
  return readSubject(readFileSync(path), path);
}

export function findings(rule: string, subject: Subject): readonly Finding[] {
  return rules.find(({ id }) => id === rule)!.run(subject);
}

export function outcomes(rule: string, subject: Subject): string[] {
  return findings(rule, subject).map(({ outcome }) => outcome);
}

export function text(rule: string, subject: Subject): string {
  return findings(rule, subject)
    .flatMap(({ message, details }) => [message, ...details])
    .join('\n');
}

export interface MadeSegment {
  readonly type: number;
  readonly flags?: number;
  readonly address?: bigint;
  readonly bytes?: Uint8Array;
  readonly memorySize?: bigint;
  readonly align?: bigint;
}

/** An executable without sections: header, program headers, then each segment's bytes. */
export function made(segments: readonly MadeSegment[], machine = 62, type = 2): Uint8Array {
  const start = 64 + 56 * segments.length;
  const size = segments.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), start);
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, segments[0]?.address ?? 0n, true);
  view.setBigUint64(32, segments.length > 0 ? 64n : 0n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  let offset = start;
  for (const [i, segment] of segments.entries()) {
    const at = 64 + 56 * i;
    const bytes = segment.bytes ?? new Uint8Array(0);
    file.set(bytes, offset);
    view.setUint32(at, segment.type, true);
    view.setUint32(at + 4, segment.flags ?? 4, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, segment.address ?? 0n, true);
    view.setBigUint64(at + 32, BigInt(bytes.length), true);
    view.setBigUint64(at + 40, segment.memorySize ?? BigInt(bytes.length), true);
    view.setBigUint64(at + 48, segment.align ?? 0x1000n, true);
    offset += bytes.length;
  }
  return file;
}

export function madeSubject(segments: readonly MadeSegment[], machine = 62, type = 2): Subject {
  return readSubject(made(segments, machine, type), 'made.elf');
}

export const load = (flags: number, address: bigint, size = 16, memorySize = BigInt(size)): MadeSegment => ({
  type: 1,
  flags,
  address,
  bytes: new Uint8Array(size).fill(0x90),
  memorySize,
});
