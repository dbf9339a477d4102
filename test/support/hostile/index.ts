/**
 * Hostile inputs made by hand: the lies about sizes, offsets, links and indices that have broken readers of ELF files,
 * each in an otherwise good file.
 */
import { cases as aarch64 } from './aarch64.ts';
import { cases as archives } from './archives.ts';
import type { HostileCase } from './case.ts';
import { cases as collisions } from './collisions.ts';
import { cases as contents } from './contents.ts';
import { cases as headers } from './headers.ts';
import { cases as riscv } from './riscv.ts';
import { cases as scripts } from './scripts.ts';
import { cases as tables } from './tables.ts';

/** All cases; their names are unique. */
export const hostileCases: readonly HostileCase[] = [
  ...headers,
  ...tables,
  ...contents,
  ...collisions,
  ...riscv,
  ...aarch64,
  ...archives,
  ...scripts,
];
export type { HostileCase };
