/**
 * The probes on bare RISC-V. On a plain image each one gets through that nothing stops; on a hardened one each is stopped,
 * where it went for and with the right scause, on every machine and in every paging mode. And they can fail: an image
 * whose stub gives one protection away does not pass.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readElfFile } from '../../linker/elf-file.ts';
import { entryBits, FIELD, REGION_SIZE } from '../../targets/riscv64/stage0/config.ts';
import { findStub } from '../../targets/riscv64/stage0/stub.ts';
import { hardenedProbes, long, machines, modes, most, plainProbes, probesFor, run } from './riscv64-support.ts';

/** What did not end as it has to. */
async function notPassed(report: ReturnType<typeof run>): Promise<unknown[]> {
  return (await report).verdicts.filter(({ outcome }) => outcome !== 'pass');
}

/** Many boots, on a machine that others use too. */
const slow = { timeout: 600_000 };

describe('on a plain image', () => {
  test.each(long ? machines : machines.slice(0, 1))(
    'on %s every probe gets through that nothing stops',
    slow,
    async (machine) => {
      const report = run({ image: await plainProbes(), state: 'plain', only: most, boot: { machine } });
      expect(await notPassed(report)).toEqual([]);
      expect((await report).machine).toEqual({ mode: 'bare', entropy: machine !== 'sifive_u' });
      expect((await report).verdicts.map(({ probe }) => probe)).toEqual(most);
    },
  );
});

const matrix = machines.flatMap((machine) => modes.map((mode) => [machine, mode] as const));
/** Every machine once, and every mode. */
const quick = matrix.filter(([machine, mode]) => machine === 'virt' || mode === 'sv48');

describe('on a hardened image', () => {
  test.each(long ? matrix : quick)(
    'on %s in %s every probe is stopped as it has to be',
    slow,
    async (machine, mode) => {
      const only = probesFor(mode, machine);
      const report = run({ image: await hardenedProbes({ mode }), state: 'hardened', only, boot: { machine } });
      expect(await notPassed(report)).toEqual([]);
      expect((await report).machine).toEqual({ mode, entropy: machine !== 'sifive_u' });
      expect((await report).verdicts.map(({ probe }) => probe)).toEqual(only);
    },
  );
});

describe('an image whose stub gives away', () => {
  /** The hardened image with other permissions for regions of one kind. */
  async function withBits(from: keyof typeof entryBits, to: number): Promise<string> {
    const image = await hardenedProbes({ mode: 'sv39' });
    const bytes = new Uint8Array(readFileSync(image));
    const file = readElfFile(bytes, image);
    const stub = findStub(file, bytes, image)!;
    const page = file.segments[stub.indices[0]!]!.offset;
    const view = new DataView(bytes.buffer);
    stub.config.regions.forEach(({ kind }, i) => {
      if (kind === from) view.setUint32(page + FIELD.regions + i * REGION_SIZE + 8, to, true);
    });
    const path = `${image}.${from}-${to}`;
    writeFileSync(path, bytes);
    return path;
  }

  /** The product refuses such an image, so QEMU is given it in place of the good one. */
  async function failures(kernel: string, only: readonly string[]): Promise<string[]> {
    const image = await hardenedProbes({ mode: 'sv39' });
    const { verdicts } = await run({ image, kernel, state: 'hardened', only });
    return verdicts.filter(({ outcome }) => outcome === 'fail').map(({ probe }) => probe);
  }

  const executable = 8;
  const writable = 4;
  const readable = 2;

  test('no-execute data fails the probes that execute it, and no others', async () => {
    const image = await withBits('write', entryBits.write | executable);
    const probes = ['execute-data', 'execute-heap', 'execute-rodata', 'write-rodata', 'sweep-pages'];
    expect(await failures(image, probes)).toEqual(['execute-data', 'sweep-pages']);
  });

  test('read-only data fails the probes that write to it', async () => {
    const image = await withBits('read', entryBits.read | writable);
    const probes = ['write-rodata', 'write-relro', 'write-text', 'write-boot-block', 'sweep-pages'];
    expect(await failures(image, probes)).toEqual(['write-rodata', 'write-relro', 'sweep-pages']);
  });

  test('execute-only text fails the probes that read it', async () => {
    const image = await withBits('execute', entryBits.execute | readable);
    const probes = ['read-text', 'write-text', 'read-text-with-sum', 'sweep-pages'];
    expect(await failures(image, probes)).toEqual(['read-text', 'sweep-pages', 'read-text-with-sum']);
  });
});
