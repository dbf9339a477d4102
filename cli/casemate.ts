/**
 * The `casemate` command: subcommands, help, and one place where every failure becomes a line and an exit status.
 *
 * A subcommand's code is loaded when that subcommand is asked for, because a slide happens before every launch and must
 * not wait for the linker, the rules and the JSON-schema library to start. All are loaded when there is a list to print.
 */
import { Command, CommanderError } from 'commander';
import { version } from '../package.json';
import { failureStatus, failureText } from './failure.ts';
import { hasPrinted, print } from './output.ts';

const help = `
Exit status: 0 passed; 1 a check failed; 2 wrong usage, manifest or input; 3 could not decide.

Examples:
  casemate build examples/hello
  casemate boot examples/hello/build/hello.hvt
  casemate check examples/hello/build/hello.hvt
  casemate help build`;

/** In the order of the help text. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  build: async () => (await import('./build.ts')).buildCommand(),
  boot: async () => (await import('./boot.ts')).bootCommand(),
  harden: async () => (await import('./harden.ts')).hardenCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  slide: async () => (await import('./slide.ts')).slideCommand(),
  pack: async () => (await import('./pack.ts')).packCommand(),
  kernel: async () => (await import('./kernel.ts')).kernelCommand(),
  microkit: async () => (await import('./microkit.ts')).microkitCommand(),
  secrets: async () => (await import('./secrets.ts')).secretsCommand(),
  prove: async () => (await import('./prove.ts')).proveCommand(),
  extract: async () => (await import('./extract.ts')).extractCommand(),
  gate: async () => (await import('./gate.ts')).gateCommand(),
  'init-policy': async () => (await import('./policy.ts')).initPolicyCommand(),
  approve: async () => (await import('./policy.ts')).approveCommand(),
  waive: async () => (await import('./policy.ts')).waiveCommand(),
  explain: async () => (await import('./policy.ts')).explainCommand(),
  report: async () => (await import('./report.ts')).reportCommand(),
  diff: async () => (await import('./diff.ts')).diffCommand(),
  trend: async () => (await import('./trend.ts')).trendCommand(),
  affected: async () => (await import('./affected.ts')).affectedCommand(),
  sbom: async () => (await import('./sbom.ts')).sbomCommand(),
  statement: async () => (await import('./statement.ts')).statementCommand(),
  sign: async () => (await import('./sign.ts')).signCommand(),
  verify: async () => (await import('./verify.ts')).verifyCommand(),
};

/** The subcommands that a command line needs: the one that it begins with, else all. */
function neededCommands(first: string | undefined): (() => Promise<Command>)[] {
  return first !== undefined && Object.hasOwn(commands, first) ? [commands[first]!] : Object.values(commands);
}

/** Commands made in their own files take over what the program sets up for all. */
function adopt(parent: Command, child: Command): void {
  child.copyInheritedSettings(parent);
  parent.addCommand(child);
  for (const grandchild of child.commands) grandchild.copyInheritedSettings(parent);
}

async function program(argv: readonly string[]): Promise<Command> {
  const casemate = new Command('casemate')
    .description('Builds unikernels whose protections can be proven.')
    .version(version, '--version', 'print the version')
    .addHelpText('after', help)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: print, outputError: (text, write) => write(`casemate: ${text}`) });
  for (const load of neededCommands(argv[2])) adopt(casemate, await load());
  return casemate;
}

async function main(): Promise<number> {
  try {
    await (await program(process.argv)).parseAsync(process.argv);
    // A command that ran and has a verdict of its own has set the status.
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // commander has printed its message: help and --version have status 0, everything else is wrong usage.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(failureText(error));
    return failureStatus(error);
  }
}

void main().then((status) => {
  process.exitCode = status;
  // Nothing waits to be written, and all else that ends by itself would be waited for: compilers on other threads.
  if (status === 0 && !hasPrinted()) process.exit();
});
