/**
 * Gathers fields into groups: what from-link.ts and from-relocs.ts find, in the form of slide-info.ts.
 *
 * Whoever finds a field says what it means; here is decided whether it must be kept at all, and whether looking its
 * target up would give the right unit or the unit must be named.
 */
import {
  CODE_BIAS,
  type Encoding,
  type FieldGroup,
  isDistance,
  type SlideSegment,
  type Target,
  unitAt,
} from './slide-info.ts';

/** What a field means. Segments and units by index. */
export type Meaning =
  | { readonly kind: 'segment'; readonly segment: number }
  | { readonly kind: 'end'; readonly align: number }
  | { readonly kind: 'unit'; readonly unit: number }
  | { readonly kind: 'fixed' };

export interface Collector {
  readonly segments: readonly SlideSegment[];
  readonly text: number;
  /** Offsets of the units. */
  readonly units: Uint32Array;
  readonly open: Map<string, OpenGroup>;
}

interface OpenGroup {
  readonly encoding: Encoding;
  readonly segment: number;
  readonly meaning: Exclude<Meaning, { kind: 'unit' }> | { readonly kind: 'nearest' } | { readonly kind: 'units' };
  readonly offsets: number[];
  readonly units: number[];
}

export function createCollector(segments: readonly SlideSegment[], text: number, units: Uint32Array): Collector {
  return { segments, text, units, open: new Map() };
}

/** Index of the segment whose file contents hold `size` bytes at `address`; -1: none. */
export function segmentAt(segments: readonly SlideSegment[], address: number, size: number): number {
  return segments.findIndex(
    (segment) => address >= segment.address && address + size <= segment.address + segment.fileSize,
  );
}

/** Adds the field at `offset` of segment `segment`; `target` is S + A, which its value says. */
export function addField(
  collector: Collector,
  encoding: Encoding,
  segment: number,
  offset: number,
  target: number,
  meaning: Meaning,
): void {
  const { segments, text, units } = collector;
  const distance = isDistance(encoding);
  if (meaning.kind === 'fixed' && !distance) return;
  if (meaning.kind === 'segment' && distance && meaning.segment === segment && segment !== text) return;
  if (meaning.kind !== 'unit') {
    const detail = meaning.kind === 'segment' ? meaning.segment : meaning.kind === 'end' ? meaning.align : 0;
    push(collector, `${encoding} ${segment} ${meaning.kind} ${detail}`, encoding, segment, meaning, offset, 0);
    return;
  }
  if (distance && segment === text && unitAt(units, offset) === meaning.unit) return;
  const bias = distance && segment === text ? CODE_BIAS : 0;
  const found = unitAt(units, target + bias - segments[text]!.address);
  const how = found === meaning.unit ? ({ kind: 'nearest' } as const) : ({ kind: 'units' } as const);
  push(collector, `${encoding} ${segment} ${how.kind}`, encoding, segment, how, offset, meaning.unit);
}

function push(
  { open }: Collector,
  key: string,
  encoding: Encoding,
  segment: number,
  meaning: OpenGroup['meaning'],
  offset: number,
  unit: number,
): void {
  let group = open.get(key);
  if (!group) {
    group = { encoding, segment, meaning, offsets: [], units: [] };
    open.set(key, group);
  }
  group.offsets.push(offset);
  if (meaning.kind === 'units') group.units.push(unit);
}

/** The groups, in an order that depends on the image alone. */
export function finishGroups({ open }: Collector): FieldGroup[] {
  return [...open.keys()].sort().map((key) => {
    const { encoding, segment, meaning, offsets, units } = open.get(key)!;
    const order = Uint32Array.from(offsets, (_, i) => i).sort((a, b) => offsets[a]! - offsets[b]!);
    const sorted = Uint32Array.from(order, (i) => offsets[i]!);
    const named = (): Target => ({ kind: 'units', units: Uint32Array.from(order, (i) => units[i]!) });
    const target = meaning.kind === 'units' ? named() : meaning;
    return { encoding, segment, target, offsets: sorted };
  });
}
