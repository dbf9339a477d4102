/**
 * Verifying what was built for riscv64 and for seL4: what only these targets have — start-up code that draws addresses, a
 * kernel that the claims are about — is found out again, and not so when it is forged under the right signature.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { packBundle } from '../../evidence/bundle.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { signBundle } from '../../evidence/envelope.ts';
import type { Evidence } from '../../evidence/evidence.ts';
import { measure } from '../../evidence/thresholds.ts';
import { buildWithEvidence } from '../../pipeline/build-evidence.ts';
import { type ReadBundle, readBundle } from '../../pipeline/bundle-file.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { type VerifyRequest, verifyBundle } from '../../pipeline/verify.ts';
import type { Kernel } from '../../targets/sel4/kernel.ts';
import { readKernel } from '../../targets/sel4/kernel-files.ts';
import { makeKey } from '../support/keys.ts';
import { kernelFiles } from '../support/sel4-kernel.ts';
import { project } from './support.ts';

const key = makeKey();
const quiet = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 1e6 });
const main = '#include "solo5.h"\nint solo5_app_main(const struct solo5_start_info *i) { return i == 0; }\n';

interface Built extends ReadBundle {
  /** The kernel that an image is for, and one that it is not for; folders last as long as a test. */
  readonly kernels: readonly [own: Kernel, other: Kernel];
}

/** A kernel's files, named as Microkit's and the kernel's own builds name them. */
function kernelAt(folder: string, machine: Parameters<typeof kernelFiles>[0]): Record<string, string | Uint8Array> {
  const files = kernelFiles(machine);
  return {
    [`${folder}/kernel.elf`]: files.elf,
    [`${folder}/gen_config.json`]: files.genConfig.text,
    [`${folder}/invocations_all.json`]: files.invocations.text,
  };
}

async function build(manifest: object): Promise<Built> {
  const folder = project({
    'casemate.json': JSON.stringify({ name: 'app', sources: ['main.c'], ...manifest }),
    'main.c': main,
    ...kernelAt('kernel', 'riscv64'),
    ...kernelAt('other', 'x86-64'),
  });
  const path = join(folder, 'app.evidence');
  await buildWithEvidence(
    { folder, lock: 'verify', progress: quiet },
    { path, keys: [], predicate: {}, measure: false },
  );
  const [own, other] = ['kernel', 'other'].map((name) => readKernel(join(folder, name, 'kernel.elf'), {}));
  return { ...readBundle(path), kernels: [own!, other!] };
}

/** What verify says of a bundle with this evidence, signed by the right key. */
async function verified({ files }: Built, evidence: Evidence, more: Partial<VerifyRequest> = {}) {
  const path = join(project({}), 'changed.evidence');
  const all = new Map([...files, ['evidence.json', canonicalBytes(evidence)]]);
  writeFileSync(path, Buffer.concat([...packBundle(signBundle(all, [key.signing]))]));
  return verifyBundle({ path, keys: [key.judging], prove: false, step: () => {}, ...more });
}

const bitsOf = (evidence: Evidence): number | undefined => measure({ entropyBits: 1 }, evidence, [])[0]!.found;

describe('an image for riscv64', () => {
  let built: Built;
  beforeAll(async () => {
    built = await build({ target: 'riscv64', harden: { require: ['entropy'] } });
  }, 120_000);

  it('is found to be as its evidence says', async () => {
    const { untrue, undecided, checked } = await verified(built, built.evidence);
    expect([...untrue, ...undecided]).toEqual([]);
    expect(checked.join('\n')).toContain(`${built.evidence.findings.length} findings of`);
  });

  it('has the bits of the poorest paging mode that it may start in, and verify knows them', async () => {
    expect(bitsOf(built.evidence)).toBe(25);
    const image = { ...built.evidence.image, addressBits: 43 };
    const { untrue } = await verified(built, { ...built.evidence, image });
    expect(untrue.join('\n')).toContain('addressBits is 25; the evidence says 43');
  });

  it('has no bits that anybody could count on where it starts without entropy, and none when it is plain', async () => {
    expect(bitsOf((await build({ target: 'riscv64', harden: {} })).evidence)).toBeUndefined();
    expect(bitsOf((await build({ target: 'riscv64' })).evidence)).toBe(0);
  }, 120_000);
});

describe('an image for hvt', () => {
  it('has the bits of its slides, and none where it cannot be slid', async () => {
    expect(bitsOf((await build({ target: 'hvt', harden: {} })).evidence)).toBeGreaterThan(12);
    expect(bitsOf((await build({ target: 'hvt' })).evidence)).toBe(0);
  }, 120_000);
});

describe('an image for seL4', () => {
  let built: Built;
  beforeAll(async () => {
    built = await build({ target: 'sel4', sel4: { kernel: 'kernel/kernel.elf', seed: 'kept to ourselves' } });
  }, 120_000);

  it('is found to be as its evidence says of it and the kernel, and without the kernel no more than the image', async () => {
    const whole = await verified(built, built.evidence, { kernel: built.kernels[0] });
    expect([...whole.untrue, ...whole.undecided]).toEqual([]);
    expect(whole.checked.join('\n')).toMatch(/kernel kernel\.elf: SHA-256 [0-9a-f]{64}/);
    expect(whole.trusted.join('\n')).not.toContain('--kernel');
    const alone = await verified(built, built.evidence);
    expect([...alone.untrue, ...alone.undecided]).toEqual([]);
    expect(alone.trusted.join('\n')).toContain('what is said of the kernel; give --kernel');
  });

  it('is not as it says on another kernel', async () => {
    const { untrue } = await verified(built, built.evidence, { kernel: built.kernels[1] });
    expect(untrue.join('\n')).toContain('kernel:');
  });

  it('has the bits of a seed that is its own, and none by the default', async () => {
    expect(bitsOf(built.evidence)).toBeGreaterThan(20);
    const plain = await build({ target: 'sel4', sel4: { kernel: 'kernel/kernel.elf' } });
    expect(bitsOf(plain.evidence)).toBe(0);
    const layout = { ...plain.evidence.layout!, bits: 25 };
    const { untrue } = await verified(plain, { ...plain.evidence, layout });
    expect(untrue.join('\n')).toContain('the default seed is no secret');
  }, 120_000);

  it.each<[string, (evidence: Evidence) => Partial<Evidence>]>([
    ['more bits', ({ layout }) => ({ layout: { ...layout!, bits: layout!.bits! + 1 } })],
    ['another kernel', ({ kernel }) => ({ kernel: { ...kernel!, sha256: kernel!.sha256.replace(/^./, 'f') } })],
    ['something more proved', ({ kernel }) => ({ kernel: { ...kernel!, proved: [...kernel!.proved, 'all'] } })],
    ['nothing that is not covered', ({ kernel }) => ({ kernel: { ...kernel!, notCovered: [] } })],
    [
      'something else of the kernel',
      ({ findings }) => ({
        findings: findings.map((one) => (one.rule.startsWith('sel4-') ? { ...one, message: 'all is well' } : one)),
      }),
    ],
    ['no kernel', () => ({ kernel: undefined as never })],
  ])('is caught when it claims %s', async (_what, change) => {
    const { kernel: _, ...rest } = { ...built.evidence, ...change(built.evidence) };
    const forged = _ === undefined ? rest : { ...rest, kernel: _ };
    const { untrue } = await verified(built, forged as Evidence, { kernel: built.kernels[0] });
    expect(untrue).not.toEqual([]);
  });
});
