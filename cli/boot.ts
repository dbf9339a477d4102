/** `casemate boot IMAGE`: flags in, the guest's console out, its exit status passed through. */
import { once } from 'node:events';
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { readFile } from '../base/files.ts';
import { bootSeL4Image, type SeL4BootOptions } from '../pipeline/boot-sel4.ts';
import { probeImage } from '../pipeline/probe-image.ts';
import { parseBlock, parseBlockSize, parseMac, parseNet, withBlockSizes, withMacs } from '../targets/hvt/attach.ts';
import { type BootResult, bootHvt, type Tender } from '../targets/hvt/boot.ts';
import { DEFAULT_CPU } from '../targets/hvt/qemu.ts';
import { bootRiscv } from '../targets/riscv64/boot.ts';
import { isRiscvImage } from '../targets/riscv64/image.ts';
import { isSeL4Image } from '../targets/sel4/image.ts';
import { collect } from './budget.ts';
import { findingsStatus, findingTable } from './check.ts';
import { host } from './host.ts';
import { type KernelFlags, kernelOptions, kernelPaths } from './kernel-options.ts';
import { print, standardOutput } from './output.ts';
import { terminalProgress } from './progress.ts';

const examples = `
Networks (--net NAME=BACKEND[,OPTIONS], options as in qemu-system-x86_64 -netdev):
  --net service=user,hostfwd=tcp:127.0.0.1:8080-:80   behind a NAT of QEMU's; no privileges needed
  --net service=socket,listen=127.0.0.1:9000          a wire to another QEMU
  --net service=tap,ifname=tap100                     a tap interface of the host

Probes (--probe): the image's protections are given to a program that tries to break them, on the processor model of
--cpu, and for riscv64 the machine of --machine. Exit status: 0 every attempt ended as it has to; 1 one got through; 3 one could not be judged.

Exit status: the guest's own (0 to 255; 255 when it aborted). Besides: 124 still running at --timeout;
125 the tender refuses the image; 126 the guest did what kills the tender; 2 wrong usage; 3 a program is missing
or failed. The last five come with a line on standard error.

Examples:
  casemate boot build/hello.hvt -- Ada
  casemate boot build/kv.hvt --block store=disk.img -- get greeting
  casemate boot build/hello.riscv64 --machine virt,aia=aplic-imsic
  casemate boot build/hello.sel4 --kernel kernel.elf
  casemate boot build/hello.hvt --probe --cpu EPYC
  casemate boot hardened.riscv64 --probe --machine sifive_u
  casemate boot build/echo.hvt --net net0=user,hostfwd=udp::7007-:7`;

interface Flags extends KernelFlags {
  readonly mem?: string;
  readonly net?: readonly string[];
  readonly mac?: readonly string[];
  readonly block?: readonly string[];
  readonly blockSize?: readonly string[];
  readonly cpu?: string;
  readonly machine?: string;
  readonly timeout?: string;
  readonly tender: string;
  readonly probe?: boolean;
}

function numberOf(text: string, option: string): number {
  if (!/^[0-9]{1,9}(\.[0-9]{1,9})?$/.test(text)) fail('usage', `${option} ${printable(text)}: must be a number`);
  return Number(text);
}

function tenderOf(text: string): Tender | 'auto' {
  if (text === 'auto' || text === 'solo5-hvt' || text === 'emulator') return text;
  return fail('usage', `--tender ${printable(text)}: must be auto, solo5-hvt or emulator`);
}

/** The line for standard error, and the exit status. */
function verdictOf(result: Omit<BootResult, 'tender'>, image: string): [line: string, status: number] {
  const name = printable(image);
  switch (result.outcome) {
    case 'halted':
      return [result.status === 255 ? 'the guest aborted' : '', result.status & 0xff];
    case 'refused':
      return [`error: ${result.reason.startsWith(name) ? '' : `${name}: `}${result.reason}`, 125];
    case 'killed':
      return [`error: ${name}: the guest was killed: ${result.reason}`, 126];
    case 'timeout':
      return [`error: ${name}: ${result.reason}`, 124];
  }
}

/** What becomes of programs that try what this image's protections forbid. */
async function probe(image: string, flags: Flags): Promise<void> {
  const boot = {
    memory: numberOf(flags.mem ?? '512', '--mem'),
    tender: tenderOf(flags.tender),
    ...(flags.cpu === undefined ? {} : { cpu: flags.cpu }),
    ...(flags.timeout === undefined ? {} : { timeout: numberOf(flags.timeout, '--timeout') }),
  };
  const machine = flags.machine === undefined ? {} : { machine: flags.machine };
  const progress = terminalProgress(false);
  const findings = await probeImage({ image, boot, ...machine, host, progress });
  print(findingTable(image, findings));
  process.exitCode = findingsStatus(findings);
}

/** The kernel of a root image for seL4, which must be named; nothing else has one. */
function kernelOf(image: string, flags: Flags, sel4: boolean): SeL4BootOptions['sel4'] | undefined {
  const { kernel, genConfig, invocations } = flags;
  if (!sel4) {
    for (const [option, value] of Object.entries({ kernel, 'gen-config': genConfig, invocations }))
      if (value !== undefined)
        fail('usage', `--${option}: ${printable(image)} is no root image for seL4 of casemate's`);
    return undefined;
  }
  if (kernel === undefined)
    return fail('usage', `${printable(image)}: is a root image for seL4; name its kernel with --kernel`);
  return { kernel, ...kernelPaths(flags) };
}

/** The same for a root image for seL4. */
async function probeKernel(image: string, sel4: SeL4BootOptions['sel4'], flags: Flags): Promise<void> {
  const { probeSeL4Image } = await import('../pipeline/probe-sel4.ts');
  const boot = {
    ...(flags.mem === undefined ? {} : { memory: numberOf(flags.mem, '--mem') }),
    ...(flags.cpu === undefined ? {} : { cpu: flags.cpu }),
  };
  const findings = await probeSeL4Image({ image, sel4, boot, host, progress: terminalProgress(false) });
  print(findingTable(image, findings));
  process.exitCode = findingsStatus(findings);
}

async function run(image: string, args: readonly string[], flags: Flags): Promise<void> {
  const bytes = readFile(image);
  const sel4 = isSeL4Image(bytes);
  const riscv = !sel4 && isRiscvImage(bytes);
  const kernel = kernelOf(image, flags, sel4);
  if (flags.machine !== undefined && !riscv) fail('usage', '--machine: for images for riscv64 only');
  if (flags.tender !== 'auto' && (riscv || sel4))
    fail('usage', `--tender ${printable(flags.tender)}: for hvt images only`);
  if (flags.probe) return kernel === undefined ? probe(image, flags) : probeKernel(image, kernel, flags);
  const options = {
    image,
    args,
    blocks: withBlockSizes((flags.block ?? []).map(parseBlock), (flags.blockSize ?? []).map(parseBlockSize)),
    nets: withMacs((flags.net ?? []).map(parseNet), (flags.mac ?? []).map(parseMac)),
    ...(flags.cpu === undefined ? {} : { cpu: flags.cpu }),
    ...(flags.timeout === undefined ? {} : { timeout: numberOf(flags.timeout, '--timeout') }),
    onConsole: (chunk: Uint8Array) => (standardOutput().write(chunk) ? undefined : once(standardOutput(), 'drain')),
    keepConsole: false,
  };
  const memory = flags.mem === undefined ? {} : { memory: numberOf(flags.mem, '--mem') };
  const result = await (kernel
    ? bootSeL4Image({ ...options, ...memory, sel4: kernel }, host)
    : riscv
      ? bootRiscv({ ...options, ...memory, ...(flags.machine === undefined ? {} : { machine: flags.machine }) }, host)
      : bootHvt({ ...options, memory: 512, ...memory, tender: tenderOf(flags.tender) }, host));
  const [line, status] = verdictOf(result, image);
  if (line !== '') process.stderr.write(`casemate: ${line}\n`);
  process.exitCode = status;
}

export function bootCommand(): Command {
  return kernelOptions(
    new Command('boot')
      .summary('run an image: hvt, with or without KVM, riscv64, or seL4')
      .description(
        'Runs IMAGE with ARGS. An hvt image: by solo5-hvt where it and /dev/kvm can be used, else in QEMU by an emulator of ' +
          'the tender. An image for riscv64: in a machine of QEMU. A root image for seL4: on its kernel, in the machine that that was built for.',
      )
      .argument('<IMAGE>', 'an hvt image, ours or any other, or an image for riscv64')
      .argument('[ARGS...]', "the guest's arguments, after --")
      .option('--mem <MB>', 'memory of the guest (default: 512; for seL4 what the kernel was built for)')
      .option('--net <NAME=BACKEND>', 'attach a network to the device NAME', collect)
      .option('--mac <NAME=ADDRESS>', 'hardware address of the device NAME (default: random)', collect)
      .option('--block <NAME=FILE>', 'attach a file to the block device NAME', collect)
      .option('--block-size <NAME=BYTES>', 'block size of the device NAME (default: 512)', collect)
      .option(
        '--cpu <MODEL>',
        `processor model, for the emulator and for riscv64 (default: ${DEFAULT_CPU}, and QEMU's)`,
      )
      .option('--machine <MODEL>', 'machine for riscv64: virt or sifive_u, with options (default: virt)')
      .option('--timeout <SECONDS>', 'kill the guest after this time')
      .option('--probe', 'do not run IMAGE: try what its protections forbid, one boot an attempt')
      .option('--tender <NAME>', 'auto, solo5-hvt or emulator', 'auto')
      .addHelpText('after', examples)
      .action(run),
    'for a root image for seL4: the kernel that it was made for',
  );
}
