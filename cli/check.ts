/**
 * `casemate check FILE...`: what holds in a 64-bit ELF file and what does not, without any configuration.
 *
 * Every finding is printed, so that a pass can be told from a rule that did not look. The exit status is that of the
 * gravest: 2 bad input, 1 a rule failed, 3 unknown and none failed, 0 all passed. A file that cannot be read does not
 * keep the others from being checked.
 */
import { Command } from 'commander';
import { CasemateError, fail, printable } from '../base/errors.ts';
import { readFile } from '../base/files.ts';
import { type Finding, worst } from '../hardening/finding.ts';
import type { Rule } from '../hardening/rule.ts';
import { rules } from '../hardening/rules/index.ts';
import { findingsOfImage } from '../pipeline/image-findings.ts';
import { claimLines, claimsOf } from '../targets/sel4/claims.ts';
import type { Kernel } from '../targets/sel4/kernel.ts';
import { readKernel } from '../targets/sel4/kernel-files.ts';
import { collect } from './budget.ts';
import { failureText } from './failure.ts';
import { type KernelFlags, kernelOptions, kernelPaths } from './kernel-options.ts';
import { print } from './output.ts';

const examples = `
Outcomes: pass, FAIL, or unknown, which is never a pass. Each says on which ground it stands: "declared" (the file says
so), "enforced" (page tables, a kernel or a tender do it), "exercised" (a probe was run and faulted).

Exit status: 0 all passed; 1 a rule failed; 2 wrong usage or input; 3 unknown, and none failed.

Examples:
  casemate check build/hello.hvt
  casemate check --rule wx --rule relro /usr/bin/*
  casemate check --json app.hvt > findings.json
  casemate check hello.sel4 --kernel kernel.elf    and what of this kernel is proved, and what is not
  casemate check --list

docs/rules has a page for each rule: the problem, how to fix it, and when to waive it.`;

interface Flags extends KernelFlags {
  readonly json?: boolean;
  readonly list?: boolean;
  readonly rule?: readonly string[];
}

function selected(ids: readonly string[] | undefined): readonly Rule[] {
  if (ids === undefined) return rules;
  for (const id of ids) {
    if (!rules.some((rule) => rule.id === id)) {
      fail('usage', `--rule ${printable(id)}: no such rule; there are ${rules.map((rule) => rule.id).join(', ')}`);
    }
  }
  return rules.filter(({ id }) => ids.includes(id));
}

const marks = { pass: 'pass', fail: 'FAIL', unknown: 'unknown' } as const;

/** Findings of one file as a table: outcome, rule, ground, message; details below. */
export function findingTable(file: string, findings: readonly Finding[]): string {
  const ids = Math.max(...findings.map(({ rule }) => rule.length));
  const rows = findings.flatMap(({ outcome, rule, state, message, details }) => [
    `  ${marks[outcome].padEnd(7)}  ${rule.padEnd(ids)}  ${state.padEnd(9)}  ${printable(message, 1000)}\n`,
    ...details.map((line) => `  ${' '.repeat(7 + 2 + ids + 2 + 9 + 2)}${printable(line, 1000)}\n`),
  ]);
  const sums = (['fail', 'unknown', 'pass'] as const).map((kind) => {
    const n = findings.filter(({ outcome }) => outcome === kind).length;
    return `${n} ${{ fail: 'failed', unknown: 'unknown', pass: 'passed' }[kind]}`;
  });
  return `${printable(file)}\n${rows.join('')}  ${sums.join(', ')}\n`;
}

function listing(): string {
  const width = Math.max(...rules.map(({ id }) => id.length));
  return rules.map(({ id, version, title }) => `${id.padEnd(width)}  v${version}  ${title}\n`).join('');
}

interface Checked {
  readonly file: string;
  readonly findings: readonly Finding[];
  readonly error?: string;
}

function check(path: string, chosen: readonly Rule[], kernel: Kernel | undefined): Checked {
  try {
    const bytes = readFile(path);
    return { file: printable(path), findings: findingsOfImage(bytes, path, { chosen, ...(kernel && { kernel }) }) };
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    process.stderr.write(failureText(error));
    return { file: printable(path), findings: [], error: error.message };
  }
}

/** Exit status of the gravest finding. */
export function findingsStatus(findings: readonly Finding[]): number {
  return { fail: 1, unknown: 3, pass: 0 }[worst(findings.map(({ outcome }) => outcome))];
}

/** 2 for a file that could not be read; else 1, 3 or 0 for the gravest finding. */
export function checkStatus(all: readonly Checked[]): number {
  if (all.some(({ error }) => error !== undefined)) return 2;
  return findingsStatus(all.flatMap(({ findings }) => findings));
}

function run(files: readonly string[], flags: Flags): void {
  if (flags.list) {
    print(listing());
    return;
  }
  if (files.length === 0) fail('usage', 'check: no file given');
  const chosen = selected(flags.rule);
  const paths = kernelPaths(flags);
  const kernel = flags.kernel === undefined ? undefined : readKernel(flags.kernel, paths);
  const claims = kernel === undefined ? undefined : claimsOf(kernel);
  const all: Checked[] = [];
  for (const path of files) {
    const checked = check(path, chosen, kernel);
    if (!flags.json && checked.error === undefined) {
      print(`${all.length > 0 ? '\n' : ''}${findingTable(checked.file, checked.findings)}`);
    }
    all.push(checked);
  }
  if (claims !== undefined && !flags.json) print(`\n${claimLines(claims).join('\n')}\n`);
  if (flags.json) print(`${JSON.stringify({ version: 1, files: all, ...(claims && { kernel: claims }) }, null, 2)}\n`);
  process.exitCode = checkStatus(all);
}

export function checkCommand(): Command {
  return kernelOptions(
    new Command('check')
      .summary('say what holds in an ELF image and what does not')
      .description('Runs all rules on each FILE, any 64-bit little-endian ELF file, and prints every finding.')
      .argument('[FILE...]', 'ELF files')
      .option('--json', 'print findings as JSON')
      .option('--rule <ID>', 'run this rule only; may be given several times', collect)
      .option('--list', 'list the rules')
      .addHelpText('after', examples)
      .action(run),
    'for root images for seL4: whether this kernel loads them, and what of it is proved',
  );
}
