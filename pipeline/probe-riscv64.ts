/**
 * `casemate boot --probe` for bare RISC-V: the probes' unikernel with the image's own protections, on the machine that the
 * image would be booted on. Beside every probe stands what addresses were worth there: in which paging mode, and whether
 * the machine had the entropy to draw them from.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../base/errors.ts';
import { readFile } from '../base/files.ts';
import type { Finding } from '../hardening/finding.ts';
import { readElfFile } from '../linker/elf-file.ts';
import { entropyBits } from '../targets/riscv64/entropy-bits.ts';
import { type HardenOptions, hardenRiscv } from '../targets/riscv64/harden.ts';
import { readRiscvImage } from '../targets/riscv64/image.ts';
import type { ProbedMachine } from '../targets/riscv64/judge-probe.ts';
import { probes } from '../targets/riscv64/probes.ts';
import { runProbes } from '../targets/riscv64/run-probes.ts';
import { type FoundStub, findStub } from '../targets/riscv64/stage0/stub.ts';
import { exercised, probeFinding } from './probe-finding.ts';
import type { ProbeRequest } from './probe-image.ts';
import { buildProbes } from './probes.ts';
import { withScratch } from './scratch.ts';

/** Options that give another image the same protections. */
function optionsOf({ config: { require, stack, regions, mode } }: FoundStub): HardenOptions {
  const executeOnly = regions.some(({ kind }) => kind === 'read-execute') ? 'never' : 'always';
  return { require, stack, executeOnly, ...(mode === undefined ? {} : { mode }) };
}

/** How hard the addresses of a boot on this machine are to guess. */
function addressFinding(subject: string, machine: ProbedMachine): Finding {
  if (machine.mode === 'bare')
    return exercised(subject, 'fail', 'new addresses at every start: none, the image is where it was loaded');
  const bits = `image base of ${entropyBits(machine.mode).image} bits (${machine.mode})`;
  if (machine.entropy) return exercised(subject, 'pass', `new addresses at every start: ${bits}`);
  const remedy = 'harden with --require entropy to halt there';
  return exercised(subject, 'fail', `new addresses at every start: ${bits}; weak: no entropy source; ${remedy}`);
}

/** Every probe's finding, and that of addresses last. Errors: 'image', 'tool', 'compile', 'usage'. */
export async function probeRiscvImage(
  { image, boot, machine, host, progress }: ProbeRequest,
  bytes: Uint8Array,
): Promise<Finding[]> {
  const subject = printable(image);
  readRiscvImage(bytes, image);
  const stub = findStub(readElfFile(bytes, image), bytes, subject);
  const { tender: _, ...options } = boot;
  return withScratch(async (folder) => {
    const plain = await progress.phase('building the probes', () => buildProbes(folder, progress, 'riscv64'));
    const path = join(folder, 'hardened.riscv64');
    if (stub !== undefined) writeFileSync(path, hardenRiscv(readFile(plain), 'probes', optionsOf(stub)).bytes);
    let done = 0;
    const report = await progress.phase('probing', (step) =>
      runProbes(
        {
          image: stub === undefined ? plain : path,
          state: stub === undefined ? 'plain' : 'hardened',
          boot: { ...options, ...(machine === undefined ? {} : { machine }) },
          step: () => step(`${++done}/${probes.length}`),
        },
        host,
      ),
    );
    const findings = report.verdicts.map(({ probe, outcome, found, observed }) => {
      const { tries, limit } = probes.find(({ name }) => name === probe)!;
      const got = outcome === 'pass' && observed.kind === 'succeeds';
      return probeFinding(subject, { tries, outcome, found, limit: got && limit === true });
    });
    return report.machine === undefined ? findings : [...findings, addressFinding(subject, report.machine)];
  });
}
