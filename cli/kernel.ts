/** `casemate kernel KERNEL`: what a seL4 kernel's files say of it, and which proofs apply to its configuration. */
import { Command } from 'commander';
import { claimLines, claimsOf } from '../targets/sel4/claims.ts';
import type { Kernel } from '../targets/sel4/kernel.ts';
import { readKernel } from '../targets/sel4/kernel-files.ts';
import { type KernelFlags, kernelFileOptions, kernelPaths } from './kernel-options.ts';
import { print } from './output.ts';

const examples = `
A configuration is held against every one that has proofs, key by key; with one key that differs, no proof applies.

Examples:
  casemate kernel kernel.elf
  casemate kernel SDK/board/zcu102/release/elf/sel4.elf --json`;

interface Flags extends KernelFlags {
  readonly json?: true;
}

/** What an image can rely on, in a line. */
function factsOf({ machine, isMcs, isDebug, hasPrinting, hasFpu, cnodeBits }: Kernel): string {
  const yesOrNo = (value: boolean): string => (value ? 'yes' : 'no');
  return [
    `${machine}${isMcs ? ', MCS' : ''}; root CNode of 2^${cnodeBits} slots`,
    `floating point: ${yesOrNo(hasFpu)}, debugging: ${yesOrNo(isDebug)}, printing: ${yesOrNo(hasPrinting)}`,
  ].join('; ');
}

function run(path: string, { json, ...files }: Flags): void {
  const kernel = readKernel(path, kernelPaths({ kernel: path, ...files }));
  const claims = claimsOf(kernel);
  if (json === undefined) {
    const [name, ...rest] = claimLines(claims);
    print(`${[name, `It is for ${factsOf(kernel)}.`, ...rest].join('\n')}\n`);
    return;
  }
  const { isMcs, isDebug, hasPrinting, hasFpu, cnodeBits, labels } = kernel;
  const facts = { isMcs, isDebug, hasPrinting, hasFpu, cnodeBits, labels: Object.fromEntries(labels) };
  print(`${JSON.stringify({ ...claims, ...facts }, null, 2)}\n`);
}

export function kernelCommand(): Command {
  return kernelFileOptions(
    new Command('kernel')
      .summary('say what a seL4 kernel is, and what is proved of it')
      .description('Reads a seL4 kernel with its configuration and labels, and says which proofs apply to it.')
      .argument('<KERNEL>', 'kernel.elf, with gen_config and invocations_all.json where a build or an SDK has them')
      .option('--json', 'as JSON')
      .addHelpText('after', examples)
      .action(run),
  );
}
