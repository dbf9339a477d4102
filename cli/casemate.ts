/** The `casemate` command: subcommands, help, and one place where every failure becomes a line and an exit status. */
import { Command, CommanderError } from 'commander';
import { version } from '../package.json';
import { bootCommand } from './boot.ts';
import { buildCommand } from './build.ts';
import { checkCommand } from './check.ts';
import { failureStatus, failureText } from './failure.ts';
import { hardenCommand } from './harden.ts';
import { slideCommand } from './slide.ts';

const help = `
Exit status: 0 passed; 1 a check failed; 2 wrong usage, manifest or input; 3 could not decide.

Examples:
  casemate build examples/hello
  casemate boot examples/hello/build/hello.hvt
  casemate check examples/hello/build/hello.hvt
  casemate help build`;

/** Commands made in their own files take over what the program sets up for all. */
function adopt(parent: Command, child: Command): void {
  child.copyInheritedSettings(parent);
  parent.addCommand(child);
  for (const grandchild of child.commands) grandchild.copyInheritedSettings(parent);
}

function program(): Command {
  const casemate = new Command('casemate')
    .description('Builds unikernels whose protections can be proven.')
    .version(version, '--version', 'print the version')
    .addHelpText('after', help)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`casemate: ${text}`) });
  adopt(casemate, buildCommand());
  adopt(casemate, bootCommand());
  adopt(casemate, hardenCommand());
  adopt(casemate, checkCommand());
  adopt(casemate, slideCommand());
  return casemate;
}

async function main(): Promise<number> {
  // A reader that goes away early (`casemate ... | head`) is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    await program().parseAsync(process.argv);
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
});
