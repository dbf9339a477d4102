/**
 * The probes on a hardened image: each is stopped, where it went for and with the right error code. And they can fail:
 * an image with one protection taken out of its stub's configuration does not pass.
 */
import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { FIELD, KINDS } from '../../targets/hvt/stage0/config.ts';
import { type HardenedProbes, hardenedProbes, probesFor, processors, run } from './support.ts';

let image: HardenedProbes;
beforeAll(async () => {
  image = await hardenedProbes();
});

test.each(processors)('on %s every probe is stopped as it has to be', { timeout: 300_000 }, async (cpu, guard) => {
  const report = await run(image.path, cpu, probesFor(cpu), image.stub);
  expect(report.guard).toBe(guard);
  expect(report.verdicts.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
  expect(report.verdicts.map(({ probe }) => probe)).toEqual(probesFor(cpu));
});

describe('an image whose stub gives away', () => {
  /** The image with other bits in the page-table entries of one kind of page. */
  function withBits(kind: (typeof KINDS)[number], change: (bits: bigint) => bigint): string {
    const bytes = image.bytes.slice();
    const view = new DataView(bytes.buffer);
    const at = image.configuration + FIELD.kinds + 8 * KINDS.indexOf(kind);
    view.setBigUint64(at, change(view.getBigUint64(at, true)), true);
    const path = `${image.path}.${kind}`;
    writeFileSync(path, bytes);
    return path;
  }

  async function failures(path: string, probes: readonly string[]): Promise<string[]> {
    const { verdicts } = await run(path, 'EPYC-Milan', probes, image.stub);
    return verdicts.filter(({ outcome }) => outcome === 'fail').map(({ probe }) => probe);
  }

  const noExecute = 1n << 63n;
  const writable = 2n;
  const user = 4n;

  test('no-execute data fails the probes that execute it, and no others', async () => {
    const path = withBits('write', (bits) => bits & ~noExecute);
    const probes = ['execute-data', 'execute-stack', 'execute-heap', 'execute-rodata', 'write-rodata'];
    expect(await failures(path, probes)).toEqual(['execute-data', 'execute-stack', 'execute-heap']);
  });

  test('read-only data fails the probe that writes to RELRO; rodata is still the host’s', async () => {
    const path = withBits('read', (bits) => bits | writable);
    // The tender's own protection stops the write to rodata: not the clean fault that is promised.
    expect(await failures(path, ['write-relro', 'write-rodata', 'read-text'])).toEqual(['write-rodata', 'write-relro']);
  });

  test('execute-only text fails the probe that reads it', async () => {
    const path = withBits('execute', (bits) => bits & ~user);
    expect(await failures(path, ['read-text', 'write-text'])).toContain('read-text');
  });
});
