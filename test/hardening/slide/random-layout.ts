/**
 * Layouts for tests: random, but with no thought of security. What a launch uses is chosen in hardening/slide/layout.ts.
 */
import { codeStart, type Layout, type SlideInfo } from '../../../hardening/slide/slide-info.ts';
import type { Random } from '../../support/random.ts';

const alignUp = (value: number, align: number): number => Math.ceil(value / align) * align;

/** A random order of the units, with random gaps, and random distances between the segments. */
export function randomLayout(info: SlideInfo, random: Random): Layout {
  const { offset, size, align, pinned, trailing } = info.units;
  const unitOffset = offset.slice();
  const order = Array.from({ length: offset.length - pinned - trailing }, (_, i) => i + pinned);
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  for (let i = offset.length - trailing; i < offset.length; i++) order.push(i);
  let at = codeStart(info.units);
  for (const i of order) {
    at = alignUp(at + (random.oneIn(8) ? random.below(100) : 0), align[i]!);
    unitOffset[i] = at;
    at += size[i]!;
  }
  const textSize = at + random.below(3);
  // Below 1 GiB, in the order that the image has: a kernel finds the program headers through the first segment.
  let address = 0x10000 + random.below(0x30000) * 0x1000;
  const segmentAddress = info.segments.map((segment, i) => {
    const start = alignUp(address, segment.align) + (segment.address % segment.align);
    address = start + (i === info.text ? textSize : segment.memorySize) + random.below(64) * 0x1000;
    return start;
  });
  return { segmentAddress, unitOffset, textSize };
}
