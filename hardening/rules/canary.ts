/**
 * Canary coverage: which share of the functions that need a stack canary has one.
 *
 * Tools that look for the symbol __stack_chk_fail find it as soon as one library was compiled with protection. What
 * counts is the share. A compiler (-fstack-protector-strong) protects functions that have arrays or take addresses of
 * locals; in machine code these make room on the stack, compute an address in their frame, and return. Of those, the ones that
 * read the canary (%fs:0x28 or __stack_chk_guard) or call __stack_chk_fail count as protected. The measure is an
 * estimate from both sides: a compiler may prove an access harmless, and code that runs before the canary exists must
 * do without; so the rule passes at LEAST_PERCENT and shows who is missing.
 *
 * 'declared': whether the canary is unpredictable is up to whoever seeds it.
 */
import { printable } from '../../base/errors.ts';
import { EM_AARCH64, EM_RISCV, EM_X86_64 } from '../../linker/elf.ts';
import { machineText } from '../../linker/identify.ts';
import { count, type Finding } from '../finding.ts';
import { type Rule, reporter } from '../rule.ts';
import type { Subject } from '../subject.ts';

const identity = { id: 'canary', version: 1, title: 'functions with buffers on the stack check a canary' };

export const LEAST_PERCENT = 90;

function run(subject: Subject): readonly Finding[] {
  const report = reporter(identity, subject);
  const { machine } = subject.file.header;
  if (![EM_X86_64, EM_RISCV, EM_AARCH64].includes(machine)) {
    return [report('unknown', 'declared', `code of ${machineText(machine)} is not decoded`)];
  }
  const facts = subject.facts();
  if (!facts.decoded) return [report('unknown', 'declared', 'a relocatable file: check what is linked')];
  if (subject.stripped || subject.functions.length === 0) {
    const seen = `${count(facts.canaryReads, 'read')} of ${machine === EM_X86_64 ? '%fs:0x28' : '__stack_chk_guard'}`;
    return [
      report('unknown', 'declared', `no function symbols, hence no share of functions; ${seen} in all of the code`),
    ];
  }
  const needs = subject.functions.filter((_, i) => {
    const { frame, frameAddress, returns } = facts.functions[i]!;
    return frame && frameAddress && returns;
  });
  const index = new Map(subject.functions.map((one, i) => [one, i]));
  const missing = needs.filter((one) => !facts.functions[index.get(one)!]!.canary);
  const have = needs.length - missing.length;
  if (needs.length === 0) {
    const none = `none of ${count(subject.functions.length, 'function')} keeps addressable data on the stack`;
    return [{ ...report('pass', 'declared', none), measured: 100 }];
  }
  const percent = Math.floor((100 * have) / needs.length);
  const share = `${have} of ${needs.length} functions (${percent} %) that take addresses in their frame check a canary`;
  const lines = missing.map(({ name, address }) => `without: ${printable(name, 60)} at 0x${address.toString(16)}`);
  const isEnough = percent >= LEAST_PERCENT;
  const bound = `at least ${LEAST_PERCENT} % ${isEnough ? 'asked' : 'must'}`;
  return [{ ...report(isEnough ? 'pass' : 'fail', 'declared', `${share}; ${bound}`, lines), measured: percent }];
}

export const canary: Rule = { ...identity, run };
