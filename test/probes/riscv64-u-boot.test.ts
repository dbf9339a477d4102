/**
 * The probes through a boot loader: Debian's U-Boot starts the hardened image from each form that is packed for it, from
 * another place of memory and with other registers than firmware does, and each probe ends as it has to there too.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { consoleFilter, consoleWord } from '../../targets/riscv64/console.ts';
import { rawImage } from '../../targets/riscv64/harden.ts';
import { judgeProbe, machineOf, type ProbeVerdict } from '../../targets/riscv64/judge-probe.ts';
import { DEFAULT_LOAD, type PackFormat, packFormats, packImage } from '../../targets/riscv64/pack/pack.ts';
import { probes } from '../../targets/riscv64/probes.ts';
import { bootByUBoot } from '../targets/riscv64/u-boot.ts';
import { all, hardenedProbes, long } from './riscv64-support.ts';

const SECONDS = 120;
const slow = { timeout: 2 * SECONDS * 1000 };

/** Packed in each form; the files' paths. */
let packed: Readonly<Record<PackFormat, string>>;
beforeAll(async () => {
  const image = await hardenedProbes();
  const raw = rawImage(readFileSync(image), image);
  const paths = packFormats.map((format) => {
    const path = `${image}.${format}`;
    writeFileSync(path, packImage(raw, { format, load: DEFAULT_LOAD, name: 'probes' }));
    return [format, path];
  });
  packed = Object.fromEntries(paths);
});

async function bootProbe(format: PackFormat, name: string): Promise<{ verdict: ProbeVerdict; console: string }> {
  const filter = consoleFilter('probe');
  const text = await bootByUBoot(packed[format], format === 'raw' ? 'booti' : 'bootm', undefined, {
    arguments: `${consoleWord('probe')} ${name}`,
    seconds: SECONDS,
  });
  const shown = Buffer.concat([filter.feed(Buffer.from(text, 'latin1')), filter.end()]).toString();
  const status = filter.status();
  const probe = probes.find((each) => each.name === name)!;
  const verdict = judgeProbe(probe, 'hardened', {
    outcome: status === undefined ? 'killed' : 'halted',
    status: status ?? -1,
    reason: status === undefined ? `no exit status in ${SECONDS} s` : '',
    console: shown,
  });
  return { verdict, console: shown };
}

/** All of them in long runs, else for each form one that a page fault of another cause stops, and one that ends otherwise. */
const probesOf: Readonly<Record<PackFormat, readonly string[]>> = long
  ? { raw: all, uimage: all, fit: all }
  : { raw: ['read-text', 'smash-stack'], uimage: ['write-rodata', 'sweep-pages'], fit: ['execute-heap', 'undo-mxr'] };

describe.each(packFormats)('a hardened image through U-Boot, packed as %s', (format) => {
  test('starts in the mode that it was built for, with entropy from the device tree', slow, async () => {
    const { verdict, console } = await bootProbe(format, 'control');
    expect([verdict.outcome, machineOf(console)], console).toEqual(['pass', { mode: 'sv57', entropy: true }]);
  });

  test.each(probesOf[format])('and %s ends as it has to', slow, async (name) => {
    const { verdict, console } = await bootProbe(format, name);
    expect([verdict.outcome, verdict.found], console).toEqual(['pass', verdict.found]);
  });
});
