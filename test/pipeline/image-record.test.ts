/** What evidence says of an image, for every target: devices and functions are those of the bytes, and all code is known. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { partsOfEvidence } from '../../evidence/advisories/parts.ts';
import { buildWithEvidence } from '../../pipeline/build-evidence.ts';
import { readBundle } from '../../pipeline/bundle-file.ts';
import { imageRecord } from '../../pipeline/image-record.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { kernelFiles } from '../support/sel4-kernel.ts';
import { errorOf, project } from './support.ts';

const quiet = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 1e6 });
const main =
  '#include "solo5.h"\nstatic int twice(int n) { return n + n; }\nint solo5_app_main(const struct solo5_start_info *i) { return twice(i != 0); }\n';
const devices = [
  { name: 'net0', type: 'net' },
  { name: 'store', type: 'block' },
] as const;

// For hvt see verify.test.ts.
describe.each(['riscv64', 'sel4'] as const)('evidence of an image for %s', (target) => {
  it('has its devices and functions, and knows where all of its code is from', async () => {
    const files = kernelFiles('riscv64');
    const folder = project({
      'casemate.json': JSON.stringify({ name: 'app', target, sources: ['main.c'], devices }),
      ...{ 'main.c': main, 'kernel/kernel.elf': files.elf, 'kernel/gen_config.json': files.genConfig.text },
      'kernel/invocations_all.json': files.invocations.text,
    });
    const path = join(folder, 'app.evidence');
    const sel4 = target === 'sel4' ? { sel4: { kernel: join(folder, 'kernel/kernel.elf') } } : {};
    await buildWithEvidence(
      { folder, lock: 'verify', progress: quiet, ...sel4 },
      { path, keys: [], predicate: {}, measure: false },
    );
    const { evidence, image } = readBundle(path);
    expect(evidence.image.devices).toEqual(devices);
    const names = evidence.image.functions!.map(({ name }) => name);
    expect(names).toContain('solo5_app_main');
    expect(names).toEqual([...names].sort());
    expect(imageRecord(image, 'app', target).devices).toEqual(devices);
    expect(partsOfEvidence(evidence).unknown).toEqual([]);
    // A manifest that no tender would take is no list of devices.
    const broken = Uint8Array.from(image);
    broken[Buffer.from(image).indexOf('store\0')] = 0x2f;
    expect(errorOf(() => imageRecord(broken, 'app', target)).message).toMatch(/name is "\/tore"/);
  }, 60_000);
});
