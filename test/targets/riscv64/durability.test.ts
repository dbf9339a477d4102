/**
 * What a hardened guest's solo5_block_write has written is on the disk, whenever QEMU is killed.
 *
 * A guest writes numbered sectors at random places and says after each batch that it is durable (guests/sectors). QEMU
 * is killed by SIGKILL at a moment of the test's choosing, which neither asks the guest nor lets QEMU write anything
 * out; the next boot reads every sector back. All that was announced must be there, in the announced version or, where
 * a batch was under way that had not been announced, in that one. No sector may be half of one and half of the other:
 * the kernel stops a killed process's write between pages only.
 *
 * What this can show: that the driver reports success only once the device has answered, and that nothing is left in
 * the guest's memory or QEMU's. What it cannot: that the host's disk has it. The host's page cache outlives QEMU, so a
 * write without a flush would look the same here; power-failure.test.ts tells the two apart.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { isLong as long } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { createRandom } from '../../support/random.ts';
import { requireTools } from '../../support/tools.ts';
import { hardenedGuest } from './campaigns.ts';
import { missing, readBack, type Versions, writeUntilKilled } from './sectors.ts';

requireTools('clang', 'qemu-system-riscv64');

const kills = long ? 100 : 3;
const capacity = 2 << 20;

let image: string;
beforeAll(async () => {
  image = await hardenedGuest('sectors');
});

describe.each([{ legacy: false }, { legacy: true }])('virtio-mmio (legacy: $legacy)', ({ legacy }) => {
  test(`keeps every announced sector over ${kills} kills`, { timeout: 1_800_000 }, async () => {
    const disk = join(temporaryFolder('durability'), 'disk.img');
    writeFileSync(disk, new Uint8Array(capacity));
    const random = createRandom(legacy ? 7 : 6, 0);
    const announced: Versions = new Map();
    let [next, batches, sectors, unannounced] = [1, 0, 0, 0];
    for (let i = 0; i < kills; i++) {
      const said = await writeUntilKilled(image, disk, {
        first: next,
        seed: random.below(2 ** 31),
        delay: random.below(300),
        legacy,
      });
      for (const { number, places } of said) {
        expect(number).toBe(next++);
        for (const place of places) announced.set(place, number);
        sectors += places.length;
      }
      batches += said.length;
      const { versions, damaged } = await readBack(image, disk, legacy);
      expect(damaged, `after kill ${i}`).toEqual([]);
      expect(missing(announced, versions, next - 1), `after kill ${i}`).toEqual([]);
      // At most what was under way: the batch that was not announced, and one whose line was cut.
      const late = [...versions].filter(([, batch]) => batch >= next);
      unannounced += late.length;
      for (const [place, batch] of late) {
        expect(batch, `sector ${place} after kill ${i}`).toBeLessThanOrEqual(next + 1);
        announced.set(place, batch);
      }
      next += 2;
    }
    console.log(
      `legacy ${legacy}: ${kills} kills, ${batches} batches of ${sectors} sectors announced, ${unannounced} unannounced`,
    );
    expect(sectors).toBeGreaterThan(100);
    expect(readFileSync(disk).length).toBe(capacity);
  });
});

test('a sector that goes back to an older version is noticed', () => {
  const announced: Versions = new Map([
    [1, 5],
    [2, 6],
    [3, 6],
    [4, 2],
  ]);
  const found: Versions = new Map([
    [1, 5],
    [2, 4],
    [4, 8],
  ]);
  expect(missing(announced, found, 6)).toEqual([
    'sector 2: batch 6 announced, 4 there',
    'sector 3: batch 6 announced, nothing there',
  ]);
});
