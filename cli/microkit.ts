/**
 * `casemate microkit IMAGE -o DIR`: the system description and the files with which Microkit's tool makes a bootable
 * system of an image, as a protection domain of its own or as the guest of a virtual machine monitor.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { readFile, reasonOf, writeFileAtomic } from '../base/files.ts';
import { readSeL4Image, requireKernel } from '../targets/sel4/image.ts';
import type { Kernel } from '../targets/sel4/kernel.ts';
import { readKernel } from '../targets/sel4/kernel-files.ts';
import { type GuestSystem, guestSystem, plainName } from '../targets/sel4/microkit/guest.ts';
import { type MicrokitMachine, microkitMachine } from '../targets/sel4/microkit/machine.ts';
import { checkProgram, takenByProgram } from '../targets/sel4/microkit/pd-image.ts';
import { isProgram, programSystem, type Window } from '../targets/sel4/microkit/program-system.ts';
import { checkSystem, symbolsSet } from '../targets/sel4/microkit/rules.ts';
import { renderSystem } from '../targets/sel4/microkit/system.ts';
import { type KernelFlags, kernelOptions, kernelPaths } from './kernel-options.ts';
import { print } from './output.ts';

const examples = `
An image that was built with "form": "protection-domain" (docs/manifest.md) becomes a protection domain. Any other is
taken for a guest: --monitor names the program that runs it.

Nothing is written unless every rule of Microkit's tool holds, and no memory is writable and executable anywhere.

Examples:
  casemate microkit build/hello.pd -o system --kernel SDK/board/qemu_virt_riscv64/debug/elf/sel4.elf --device-tree virt.dtb
  casemate microkit hello.hvt -o system --kernel SDK/board/qemu_virt_aarch64/release/elf/sel4.elf --monitor vmm.elf`;

interface Flags extends KernelFlags {
  readonly output?: string;
  readonly name?: string;
  readonly priority: string;
  readonly deviceTree?: string;
  readonly registers: readonly string[];
  readonly monitor?: string;
  readonly monitorBase: string;
  readonly monitorStack: string;
  readonly monitorSymbol?: string;
  readonly memory: string;
}

/** A number, decimal or hexadecimal, of at most 64 bits. */
function numberOf(text: string, option: string): bigint {
  if (!/^(0x[0-9a-f]{1,16}|[0-9]{1,19})$/i.test(text)) fail('usage', `${option} ${printable(text)}: must be a number`);
  return BigInt(text);
}

function smallNumberOf(text: string, option: string): number {
  const value = numberOf(text, option);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) fail('usage', `${option} ${printable(text)}: is too large`);
  return Number(value);
}

/** ADDRESS or ADDRESS:SIZE. */
function windowOf(text: string): Window {
  const [address, size = '0x1000', ...rest] = text.split(':');
  if (rest.length > 0) fail('usage', `--registers ${printable(text)}: must be ADDRESS or ADDRESS:SIZE`);
  return { physicalAddress: numberOf(address!, '--registers'), size: smallNumberOf(size, '--registers') };
}

/** The base name of a path. */
const baseOf = (path: string): string => path.replace(/^.*\//, '');

interface Program {
  /** Its file in the folder of the system. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** Judges everything, then gives what is to be written. */
function judge(made: GuestSystem, program: Program, path: string, machine: MicrokitMachine): Map<string, Uint8Array> {
  const [domain] = made.system.domains;
  const set = symbolsSet(domain!);
  checkProgram(program.bytes, path, { machine, stackSize: domain!.stackSize, set });
  checkSystem(made.system, machine, new Map([[domain!.name, takenByProgram(program.bytes, path)]]));
  return new Map([
    ...made.files.map(({ name, bytes }): [string, Uint8Array] => [name, bytes]),
    [program.file, program.bytes],
  ]);
}

function programOf(
  image: Uint8Array,
  path: string,
  name: string,
  kernel: Kernel,
  flags: Flags,
): [GuestSystem, Program] {
  if (flags.monitor !== undefined)
    fail('usage', `${printable(path)}: a protection domain of its own; --monitor belongs to guests`);
  requireKernel(readSeL4Image(image, path), kernel, printable(path));
  const file = `${name}.elf`;
  const tree = flags.deviceTree === undefined ? {} : { deviceTree: readFile(flags.deviceTree) };
  const made = programSystem({
    ...{ image, name, path: file, kernel, ...tree },
    priority: smallNumberOf(flags.priority, '--priority'),
    windows: flags.registers.map(windowOf),
  });
  return [made, { file, bytes: image }];
}

function guestOf(
  image: Uint8Array,
  path: string,
  name: string,
  machine: MicrokitMachine,
  flags: Flags,
): [GuestSystem, Program] {
  const { monitor } = flags;
  if (monitor === undefined)
    return fail(
      'usage',
      `${printable(path)}: not built as a protection domain, so a guest, and --monitor is missing: the program that runs it`,
    );
  if (flags.deviceTree !== undefined || flags.registers.length > 0)
    fail('usage', '--device-tree and --registers belong to protection domains; a guest has what its monitor gives it');
  const made = guestSystem({
    ...{ image, name, machine },
    memory: smallNumberOf(flags.memory, '--memory') * 2 ** 20,
    monitor: {
      path: baseOf(monitor),
      priority: smallNumberOf(flags.priority, '--priority'),
      stackSize: smallNumberOf(flags.monitorStack, '--monitor-stack'),
      base: numberOf(flags.monitorBase, '--monitor-base'),
      ...(flags.monitorSymbol === undefined ? {} : { baseSymbol: flags.monitorSymbol }),
    },
  });
  return [made, { file: baseOf(monitor), bytes: readFile(monitor) }];
}

function run(input: string, flags: Flags): void {
  if (flags.output === undefined) fail('usage', '-o DIR is missing: where the system goes');
  if (flags.kernel === undefined)
    fail(
      'usage',
      "--kernel is missing: the board's elf/sel4.elf in the Microkit SDK; its configuration is found by it",
    );
  const kernel = readKernel(flags.kernel, kernelPaths(flags));
  const machine = microkitMachine(kernel);
  const image = readFile(input);
  const name = plainName(flags.name ?? input);
  const domain = isProgram(image, input);
  const [made, program] = domain
    ? programOf(image, input, name, kernel, flags)
    : guestOf(image, input, name, machine, flags);
  const files = judge(made, program, domain ? input : flags.monitor!, machine);
  files.set(`${name}.system`, Buffer.from(renderSystem(made.system)));
  try {
    mkdirSync(flags.output, { recursive: true });
  } catch (error) {
    fail('io', `${printable(flags.output)}: cannot make the folder: ${reasonOf(error)}`);
  }
  for (const [file, bytes] of files) writeFileAtomic(join(flags.output, file), bytes);
  const { regions } = made.system;
  const what = domain ? 'a protection domain' : 'a guest and its monitor';
  print(`${printable(join(flags.output, `${name}.system`))}: ${what}, ${regions.length} memory regions\n`);
  for (const { region, address, rights } of made.system.domains[0]!.machine?.mappings ??
    made.system.domains[0]!.mappings)
    print(`  ${rights.padEnd(3)} 0x${address.toString(16)}  ${printable(region)}\n`);
}

export function microkitCommand(): Command {
  return kernelOptions(
    new Command('microkit')
      .summary('describe an image as a Microkit system')
      .description("Writes a .system file and its regions' files, with which Microkit's tool makes a system of IMAGE.")
      .argument('<IMAGE>', 'a protection domain that casemate has built, or an image for a guest')
      .option('-o, --output <DIR>', 'where the system goes')
      .option('--name <NAME>', "what the domain and its regions are called (default: the image's name)")
      .option('--priority <N>', 'of the domain, 0 to 254', '100')
      .option('--device-tree <DTB>', 'for a protection domain: what describes its devices and clock')
      .option(
        '--registers <ADDRESS[:SIZE]>',
        'for a protection domain: registers that it gets, up to 8 times',
        (value: string, before: readonly string[]) => [...before, value],
        [] as readonly string[],
      )
      .option('--monitor <ELF>', 'for a guest: the program that runs it')
      .option(
        '--monitor-base <ADDRESS>',
        "for a guest: where its memory is in the monitor's address space",
        '0x40000000',
      )
      .option('--monitor-stack <BYTES>', "for a guest: the monitor's stack", '0x10000')
      .option('--monitor-symbol <NAME>', 'for a guest: a word of the monitor that gets that address')
      .option('--memory <MiB>', 'for a guest: its memory, from address 0 on', '64')
      .addHelpText('after', examples)
      .action(run),
    "the kernel of the board: the SDK's elf/sel4.elf",
  );
}
