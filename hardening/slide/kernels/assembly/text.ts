/**
 * Text in its new order: the start as it was, then thousands of units of a few hundred bytes each, traps between them.
 */
import { getU32 } from '../../../../linker/kernels/assembly/words';

/**
 * Fills `target` with bytes [from, until) of the new text. `code` is the old one, whose first `head` bytes stay; from there
 * on it is `trap` where no unit goes. `order` lists `count` units by their new offset, in `to`; `next` is the first of them
 * that ends behind `from`. Returns the first that ends behind `until`.
 *
 * All units lie in both texts and do not overlap; see orderUnits.
 */
export function arrangeText(
  target: usize,
  from: u32,
  until: u32,
  code: usize,
  head: u32,
  trap: u32,
  order: usize,
  count: u32,
  next: u32,
  offset: usize,
  size: usize,
  to: usize,
): u32 {
  const kept = min(max(head, from), until);
  memory.copy(target, code + from, kept - from);
  memory.fill(target + (kept - from), <u8>trap, until - kept);
  for (; next < count; next++) {
    const unit = getU32(order, next);
    const start = getU32(to, unit);
    if (start >= until) break;
    const end = start + getU32(size, unit);
    const first = max(start, from);
    const last = min(end, until);
    if (first < last) memory.copy(target + (first - from), code + getU32(offset, unit) + (first - start), last - first);
    if (end > until) break;
  }
  return next;
}
