/**
 * What the rules want to know about the code of an image, by its machine. Of machines that are not decoded, and of
 * relocatable files, whose operands have no addresses yet, nothing is known: rules then say unknown.
 */
import { EM_AARCH64, EM_RISCV, EM_X86_64, ET_REL } from '../linker/elf.ts';
import { readAarch64Facts } from './code-facts-aarch64.ts';
import { readRiscv64Facts } from './code-facts-riscv64.ts';
import { readX8664Facts } from './code-facts-x86-64.ts';
import type { CodeFacts } from './code-parts.ts';
import type { Subject } from './subject.ts';

function nothing(): CodeFacts {
  return {
    decoded: false,
    instructions: 0,
    invalid: { first: [], count: 0 },
    textLoads: [],
    possibleTextLoads: [],
    functions: [],
    canaryReads: 0,
    lidtOperands: [],
  };
}

/** Sweeps all code of `subject`. */
export function readCodeFacts(subject: Subject): CodeFacts {
  const { machine, type } = subject.file.header;
  if (type === ET_REL) return nothing();
  if (machine === EM_X86_64) return readX8664Facts(subject);
  if (machine === EM_RISCV) return readRiscv64Facts(subject);
  if (machine === EM_AARCH64) return readAarch64Facts(subject);
  return nothing();
}
