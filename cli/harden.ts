/** `casemate harden IMAGE -o OUT`: an hvt image that protects itself, and a table of what that means for it. */
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { readFile, writeFileAtomic } from '../base/files.ts';
import { DEFAULT_STACK, type HardenOptions, hardenImage } from '../targets/hvt/harden.ts';
import type { Protection } from '../targets/hvt/protections.ts';
import { REQUIREMENTS, type Requirement } from '../targets/hvt/stage0/config.ts';

const examples = `
Requirements (--require xom,entropy): the guest halts with a message on a machine that cannot give
  xom      execute-only text, by protection keys or by SMAP
  pku      execute-only text by protection keys: SMAP's is undone by popf or stac
  entropy  random numbers from the processor (RDSEED or RDRAND)

Examples:
  casemate harden build/hello.hvt -o hello.hvt
  casemate harden unikernel.hvt -o hardened.hvt --require xom,entropy --stack 2048`;

interface Flags {
  readonly output: string;
  readonly require?: string;
  readonly stack: string;
  readonly executeOnly: string;
}

function requirementsOf(text: string | undefined): Requirement[] {
  const names = (text ?? '').split(',').filter((name) => name !== '');
  for (const name of names) {
    if (!REQUIREMENTS.some((known) => known === name))
      fail('usage', `--require ${printable(name)}: must be of ${REQUIREMENTS.join(', ')}`);
  }
  return REQUIREMENTS.filter((name) => names.includes(name));
}

function stackOf(text: string): number {
  const kib = /^[0-9]{1,7}$/.test(text) ? Number(text) : 0;
  if (kib < 16 || kib > 1 << 20 || kib % 4 !== 0)
    fail('usage', `--stack ${printable(text)}: must be a number of KiB, a multiple of 4 from 16 to ${1 << 20}`);
  return kib << 10;
}

function executeOnlyOf(text: string): HardenOptions['executeOnly'] {
  if (text === 'auto' || text === 'always' || text === 'never') return text;
  return fail('usage', `--execute-only ${printable(text)}: must be auto, always or never`);
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

function run(input: string, flags: Flags): void {
  const options = {
    require: requirementsOf(flags.require),
    stack: stackOf(flags.stack),
    executeOnly: executeOnlyOf(flags.executeOnly),
  };
  const { bytes, protections } = hardenImage(readFile(input), input, options);
  writeFileAtomic(flags.output, bytes, 0o777);
  process.stdout.write(`${printable(flags.output)}:\n${table(protections)}`);
}

export function hardenCommand(): Command {
  return new Command('harden')
    .summary('make an hvt image protect itself at run time')
    .description(
      'Adds a start-up stub to IMAGE, ours or any other, that enforces its permissions with page tables of its own.',
    )
    .argument('<IMAGE>', 'a linked hvt image')
    .requiredOption('-o, --output <FILE>', 'the hardened image')
    .option('--require <LIST>', 'halt on machines that lack these: xom, pku, entropy')
    .option('--stack <KIB>', 'largest stack', String(DEFAULT_STACK >> 10))
    .option('--execute-only <WHEN>', 'auto: unless code that reads text is found; always; never', 'auto')
    .addHelpText('after', examples)
    .action(run);
}
