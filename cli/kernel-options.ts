/** The options by which commands are told of a seL4 kernel: its file, and the files that belong to it. */
import type { Command } from 'commander';
import { fail } from '../base/errors.ts';
import type { KernelPaths } from '../targets/sel4/kernel-files.ts';

export interface KernelFlags {
  readonly kernel?: string;
  readonly genConfig?: string;
  readonly invocations?: string;
}

/** Adds the options for the files that belong to a kernel. */
export function kernelFileOptions(command: Command): Command {
  return command
    .option('--gen-config <FILE>', "the kernel's gen_config.json or gen_config.h (default: found beside it)")
    .option('--invocations <FILE>', "the kernel's invocations_all.json (default: found beside it)");
}

/** Adds --kernel, which is for `use`, and those. */
export function kernelOptions(command: Command, use: string): Command {
  return kernelFileOptions(command.option('--kernel <ELF>', use));
}

/** The files that belong to a kernel, where they are named. Errors: 'usage' when no kernel is. */
export function kernelPaths({ kernel, genConfig, invocations }: KernelFlags): KernelPaths {
  if (kernel === undefined && (genConfig !== undefined || invocations !== undefined))
    fail('usage', '--gen-config and --invocations belong to --kernel, which is missing');
  return { ...(genConfig !== undefined && { genConfig }), ...(invocations !== undefined && { invocations }) };
}
