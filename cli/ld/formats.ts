/**
 * Names of the output formats, as GNU ld's options and linker scripts write them.
 * Source: BFD's target vectors.
 */
import type { Machine } from '../../linker/program.ts';

export const outputFormats: Readonly<Record<Machine, string>> = {
  'x86-64': 'elf64-x86-64',
  riscv64: 'elf64-littleriscv',
  aarch64: 'elf64-littleaarch64',
};

export function isOutputFormat(name: string): boolean {
  return Object.values(outputFormats).includes(name);
}
