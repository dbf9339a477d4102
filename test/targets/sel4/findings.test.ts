/**
 * What is said of a root image that somebody may have changed: its settings, its segments and its binding are held against
 * one another before anything is reported, and of an image that does not start on a kernel nothing passes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import { readElfFile, viewOf } from '../../../linker/elf-file.ts';
import { drawAddresses, LARGE_PAGE, MOST_HEAP } from '../../../targets/sel4/addresses.ts';
import { kernelFindings } from '../../../targets/sel4/findings.ts';
import { readSeL4Image, rootImage } from '../../../targets/sel4/image.ts';
import type { Kernel, SeL4Machine } from '../../../targets/sel4/kernel.ts';
import { checkPlatform } from '../../../targets/sel4/platform.ts';
import { SETTINGS_SECTION } from '../../../targets/sel4/settings.ts';
import { errorOf } from '../../pipeline/support.ts';
import { buildImage, PF } from '../../support/elf-image.ts';
import { kernelOf, machines } from '../../support/sel4-kernel.ts';

const machineNumbers = { 'x86-64': 62, riscv64: 243, aarch64: 183 } as const;
const magic = 0x31305345344c4553n;

/** Finished as a build does it, of nothing but zeros. */
function imageFor(kernel: Kernel): Buffer {
  const addresses = drawAddresses(Buffer.alloc(32, 7), kernel.userTop);
  const read = addresses.image + 0x2000n;
  const settings = Buffer.alloc(40);
  settings.writeBigUInt64LE(magic);
  const linked = buildImage({
    machine: machineNumbers[kernel.machine],
    entry: addresses.image,
    segments: [
      { flags: PF.R | PF.X, address: addresses.image, bytes: Buffer.alloc(4096, 0x13) },
      { flags: PF.R, address: read, bytes: settings },
      { flags: PF.R | PF.W, address: addresses.image + 0x4000n, memorySize: 0x2000 },
    ],
    sections: [{ name: SETTINGS_SECTION, type: 1, flags: 2, address: read, offset: 0x2000, size: 40 }],
  });
  const request = { kernel, addresses, heapSize: 8 * LARGE_PAGE, executeOnly: 'always', aslr: 'build' } as const;
  return Buffer.from(rootImage(linked, 'root', request).bytes);
}

/** The image with one word of its settings changed. */
function withWord(image: Buffer, word: number, value: bigint): Buffer {
  const bytes = Buffer.from(image);
  const { data } = readElfFile(bytes, 'root').sections.find(({ name }) => name === SETTINGS_SECTION)!;
  viewOf(data).setBigUint64(8 * word, value, true); // a view of the file's bytes
  return bytes;
}

const messageOf = (bytes: Buffer): string => {
  const { code, message } = errorOf(() => readSeL4Image(bytes, 'root'));
  expect(code).toBe('image');
  return message;
};

const findings = (bytes: Buffer, kernel: Kernel) => kernelFindings(readSeL4Image(bytes, 'root'), kernel, 'root');
const protections = (bytes: Buffer, kernel: Kernel) =>
  findings(bytes, kernel).filter(({ rule }) => rule === 'sel4-protection');

describe.each(machines)('a root image for %s', (machine: SeL4Machine) => {
  const kernel = kernelOf(machine);
  const image = imageFor(kernel);

  it('is reported as it declares itself, which is no proof that anything is enforced', () => {
    const all = findings(image, kernel);
    expect(all.filter(({ state }) => state !== 'declared')).toEqual([]);
    const failed = all.flatMap(({ outcome, message }) => (outcome === 'pass' ? [] : [message.split(':')[0]]));
    expect(failed).toEqual(machine === 'x86-64' ? ['execute-only text', 'data never executed'] : []);
  });

  it('passes for nothing on a kernel that it was not made for', () => {
    const other = { ...kernel, sha256: '0'.repeat(64) };
    expect(findings(image, other)[0]).toMatchObject({ rule: 'sel4-kernel', outcome: 'fail' });
    expect(protections(image, other).map(({ outcome }) => outcome)).not.toContain('pass');
    expect(protections(image, other)[0]).toMatchObject({
      outcome: 'unknown',
      message: 'text and read-only data not writable: the image does not start on this kernel',
    });
  });

  it('passes for nothing when the kernel does not load it', () => {
    const small = { ...kernel, cnodeBits: 4 };
    expect(findings(image, small).find(({ rule }) => rule === 'sel4-loading')).toMatchObject({ outcome: 'fail' });
    expect(protections(image, small).map(({ outcome }) => outcome)).not.toContain('pass');
  });

  it('is refused when its settings and its segments say different things of text', () => {
    const other = machine === 'x86-64' ? 0n : 2n;
    expect(messageOf(withWord(image, 1, other))).toMatch(
      machine === 'x86-64'
        ? 'root: its settings say that text cannot be read, which x86-64 has no pages for'
        : /^root: its settings say that text can be read; the segment at 0x[0-9a-f]+ says otherwise$/,
    );
  });

  it('is refused when its heap or devices would lie in a guard page, or on one another', () => {
    const { heap, devices } = readSeL4Image(image, 'root').settings;
    const start = readElfFile(image, 'root').segments[0]!.address;
    const around = start - (start % BigInt(LARGE_PAGE));
    expect(messageOf(withWord(image, 4, around))).toMatch(/^root: devices at .*, the image at /);
    expect(messageOf(withWord(image, 2, around + BigInt(LARGE_PAGE)))).toMatch(/^root: the heap at .*, the image at /);
    expect(messageOf(withWord(image, 2, devices))).toMatch(/^root: the heap at .*, devices at /);
    expect(messageOf(withWord(image, 4, heap - BigInt(MOST_HEAP)))).toMatch(/must be 0x200000 bytes apart$/);
  });

  it('is judged or refused in one line, whatever has become of it', () => {
    const change = fc.tuple(fc.nat(image.length - 1), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(image.length), (changes, length) => {
        const bytes = Buffer.from(image.subarray(0, length % 3 === 0 ? length : image.length));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          for (const { message } of findings(bytes, kernel)) expect(message).toMatch(/^[^\n]+$/);
        } catch (error) {
          if (!(error instanceof CasemateError)) throw error;
          expect(error.message).toMatch(/^[^\n]+$/);
        }
      }),
      { seed: 8, numRuns: 300 },
    );
  });
});

describe('a kernel with a call that gives any thread the processor', () => {
  it.each([
    ['riscv64', 'DANGEROUS_CODE_INJECTION', 'DebugRun'],
    ['x86-64', 'KERNEL_X86_DANGEROUS_MSR', 'X86DangerousWRMSR'],
  ] as const)('protects nothing, and is refused at the build (%s, %s)', (machine, key, call) => {
    const kernel = kernelOf(machine, { [key]: true });
    expect(errorOf(() => checkPlatform(kernel, [], 'web'))).toMatchObject({
      code: 'kernel',
      message: expect.stringMatching(
        `^kernel\\.elf: gen_config\\.json sets ${key}: this kernel .*\\(${call}\\); build it without`,
      ),
    });
    const all = protections(imageFor(kernel), kernel);
    expect(all.length).toBeGreaterThan(5);
    expect(all.map(({ outcome }) => outcome)).toEqual(all.map(() => 'fail'));
    expect(all[0]!.message).toContain(call);
  });

  it('is none when the key is off', () => {
    const kernel = kernelOf('riscv64', { DANGEROUS_CODE_INJECTION: false });
    expect(() => checkPlatform(kernel, [], 'web')).not.toThrow();
  });
});

describe('addresses and canaries', () => {
  const details = (changes: Record<string, string>, machine: SeL4Machine = 'riscv64'): string[] => {
    const kernel = kernelOf(machine, changes);
    return protections(imageFor(kernel), kernel).flatMap(({ message }) =>
      /canary|addresses/.test(message) ? [message] : [],
    );
  };

  it('are said to be weak where a start has no entropy, or where nobody knows', () => {
    expect(details({ PLAT: 'hifive' })[1]).toContain('weak: this machine has no entropy at start');
    expect(details({ PLAT: 'some-board' })[1]).toContain('rng-seed; weak on a machine whose tree has none');
    expect(details({}, 'x86-64')[1]).toContain('RDRAND; weak on a processor without');
  });

  it('of a build are said to be known to whoever knows their seed', () => {
    expect(details({})[0]).toMatch(
      /^addresses of its own: image base of \d+ bits, drawn by the build, from a seed that anyone can compute/,
    );
  });
});
