/**
 * The probes through a boot loader: Debian's U-Boot, not firmware, unpacks the hardened image from each form that is
 * made for it, hands over a device tree that it has changed, and each probe ends as it has to there too.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { consoleFilter, consoleWord } from '../../targets/riscv64/console.ts';
import { rawImage } from '../../targets/riscv64/harden.ts';
import { judgeProbe, machineOf, type ProbeVerdict } from '../../targets/riscv64/judge-probe.ts';
import { DEFAULT_LOAD, type PackFormat, packFormats, packImage } from '../../targets/riscv64/pack/pack.ts';
import { probes } from '../../targets/riscv64/probes.ts';
import type { Mode } from '../../targets/riscv64/stage0/config.ts';
import { bootByUBoot } from '../targets/riscv64/u-boot.ts';
import { all, hardenedProbes, long, modes } from './riscv64-support.ts';

const SECONDS = 120;
const slow = { timeout: 2 * SECONDS * 1000 };

interface Start {
  readonly format: PackFormat;
  readonly mode: Mode;
}

/** Each form in each mode; in quick runs once, each in another. */
const starts: readonly Start[] = packFormats.flatMap((format, i) =>
  modes.filter((_, j) => long || i === j).map((mode) => ({ format, mode })),
);

/** The probes, hardened for a mode and packed; the file's path. */
async function packedProbes({ format, mode }: Start): Promise<string> {
  const image = await hardenedProbes({ mode });
  const path = `${image}.${format}`;
  const raw = rawImage(readFileSync(image), image);
  writeFileSync(path, packImage(raw, { format, load: DEFAULT_LOAD, name: 'probes' }));
  return path;
}

async function bootProbe(path: string, name: string): Promise<{ verdict: ProbeVerdict; console: string }> {
  const filter = consoleFilter('probe');
  const text = await bootByUBoot(path, path.endsWith('.raw') ? 'booti' : 'bootm', undefined, {
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

describe.each(starts)('a hardened image through U-Boot, packed as $format, in $mode', ({ format, mode }) => {
  let path: string;
  beforeAll(async () => {
    path = await packedProbes({ format, mode });
  });

  test('starts, and has entropy from the device tree', slow, async () => {
    const { verdict, console } = await bootProbe(path, 'control');
    expect([verdict.outcome, machineOf(console)], console).toEqual(['pass', { mode, entropy: true }]);
  });

  test.each(probesOf[format])('and %s ends as it has to', slow, async (name) => {
    const { verdict, console } = await bootProbe(path, name);
    expect([verdict.outcome, verdict.found], console).toEqual(['pass', verdict.found]);
  });
});
