/**
 * `casemate harden IMAGE -o OUT`: an image that protects itself, and a table of what that means for it. Which target it is
 * for is read off the image.
 */
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { readFile, writeFileAtomic } from '../base/files.ts';
import { SECRETS_NOTE } from '../base/secret-notes.ts';
import * as hvt from '../targets/hvt/harden.ts';
import { REQUIREMENTS } from '../targets/hvt/stage0/config.ts';
import type { ExecuteOnly, Protection } from '../targets/protection.ts';
import * as riscv from '../targets/riscv64/harden.ts';
import { isRiscvImage } from '../targets/riscv64/image.ts';
import * as stage0 from '../targets/riscv64/stage0/config.ts';
import { print } from './output.ts';

const examples = `
For RISC-V, IMAGE is a static position-independent program; OUT is for QEMU's -kernel, and casemate pack makes of it what
U-Boot takes.

Requirements (--require xom,entropy): the guest halts with a message on a machine that cannot give
  xom      execute-only text; hvt: by protection keys or by SMAP
  pku      hvt: execute-only text by protection keys: SMAP's is undone by popf or stac
  entropy  random numbers: hvt: from the processor (RDSEED or RDRAND); RISC-V: from the device tree (rng-seed)

Examples:
  casemate harden build/hello.hvt -o hello.hvt
  casemate harden unikernel.hvt -o hardened.hvt --require xom,entropy --stack 2048
  casemate harden build/hello.riscv64 -o hello.riscv64 --require xom,entropy`;

interface Flags {
  readonly output: string;
  readonly require?: string;
  readonly stack?: string;
  readonly executeOnly: string;
  readonly mode?: string;
}

function requirementsOf<R extends string>(text: string | undefined, known: readonly R[]): R[] {
  const names = (text ?? '').split(',').filter((name) => name !== '');
  for (const name of names) {
    if (!known.some((each) => each === name))
      fail('usage', `--require ${printable(name)}: must be of ${known.join(', ')}`);
  }
  return known.filter((name) => names.includes(name));
}

function stackOf(text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault;
  const kib = /^[0-9]{1,7}$/.test(text) ? Number(text) : 0;
  if (kib < 16 || kib > 1 << 20 || kib % 4 !== 0)
    fail('usage', `--stack ${printable(text)}: must be a number of KiB, a multiple of 4 from 16 to ${1 << 20}`);
  return kib << 10;
}

function executeOnlyOf(text: string): ExecuteOnly {
  if (text === 'auto' || text === 'always' || text === 'never') return text;
  return fail('usage', `--execute-only ${printable(text)}: must be auto, always or never`);
}

function modeOf(text: string): stage0.Mode {
  const known = Object.keys(stage0.MODES) as stage0.Mode[];
  return (
    known.find((name) => name === text) ?? fail('usage', `--mode ${printable(text)}: must be of ${known.join(', ')}`)
  );
}

function table(protections: readonly Protection[]): string {
  const width = Math.max(...protections.map(({ name }) => name.length));
  return protections
    .map(
      ({ name, enforced, detail }) =>
        `  ${enforced ? 'enforced    ' : 'not enforced'}  ${name.padEnd(width)}  ${detail}\n`,
    )
    .join('');
}

function hardenHvt(bytes: Uint8Array, input: string, flags: Flags): hvt.Hardened {
  if (flags.mode !== undefined) fail('usage', `--mode is for RISC-V; ${printable(input)} is for another machine`);
  return hvt.hardenImage(bytes, input, {
    require: requirementsOf(flags.require, REQUIREMENTS),
    stack: stackOf(flags.stack, hvt.DEFAULT_STACK),
    executeOnly: executeOnlyOf(flags.executeOnly),
  });
}

function hardenRiscv(bytes: Uint8Array, input: string, flags: Flags): riscv.Hardened {
  return riscv.hardenRiscv(bytes, input, {
    require: requirementsOf(flags.require, stage0.REQUIREMENTS),
    stack: stackOf(flags.stack, riscv.DEFAULT_STACK),
    executeOnly: executeOnlyOf(flags.executeOnly),
    ...(flags.mode === undefined ? {} : { mode: modeOf(flags.mode) }),
  });
}

/** Verdicts on functions with secrets, of the image as it will run. They do not decide: `casemate secrets` and a build do. */
async function secretsTable(bytes: Uint8Array, name: string): Promise<string> {
  // Without notes, and most images have none, the analysis is not even loaded.
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(SECRETS_NOTE.section)) return '';
  const { judgeFile } = await import('../pipeline/secrets.ts');
  const judged = await judgeFile(bytes, name);
  return judged === undefined ? '' : `secrets:\n${judged.lines(judged.report).join('\n')}\n`;
}

async function run(input: string, flags: Flags): Promise<void> {
  const image = readFile(input);
  const { bytes, protections } = (isRiscvImage(image) ? hardenRiscv : hardenHvt)(image, input, flags);
  writeFileAtomic(flags.output, bytes, 0o777);
  print(`${printable(flags.output)}:\n${table(protections)}${await secretsTable(bytes, flags.output)}`);
}

export function hardenCommand(): Command {
  return new Command('harden')
    .summary('make an image protect itself at run time')
    .description(
      'Adds a start-up stub to IMAGE, ours or any other, that enforces its permissions with page tables of its own.',
    )
    .argument('<IMAGE>', 'a linked hvt image, or a static position-independent RISC-V program')
    .requiredOption('-o, --output <FILE>', 'the hardened image')
    .option('--require <LIST>', 'halt on machines that lack these: xom, pku, entropy')
    .option(
      '--stack <KIB>',
      `largest stack (default: ${hvt.DEFAULT_STACK >> 10}, RISC-V: ${riscv.DEFAULT_STACK >> 10})`,
    )
    .option('--execute-only <WHEN>', 'auto: unless code that reads text is found; always; never', 'auto')
    .option('--mode <NAME>', 'RISC-V: only this paging mode (sv57, sv48, sv39), not the best that there is')
    .addHelpText('after', examples)
    .action(run);
}
