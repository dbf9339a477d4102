/**
 * The units of a linked image's text segment: which input sections may change places.
 *
 * Compilers never let code run from one section into the next, so the input sections of the main code section (the
 * largest executable one) can be put in any order. What assembly code does with whole sections is left alone: .init and
 * .fini are put together from pieces that do fall through, so every other output section of the segment is one unit:
 * those before the main one keep their place, those after it stay behind it. Where a script mixes data into the main
 * section or marks a place in the middle of it, all of it is one unit.
 */
import { fail, printable } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import type { LinkedImage, OutputSection, Segment } from '../../linker/image.ts';
import { Role } from '../../linker/program.ts';
import type { SlideSegment, Units } from './slide-info.ts';

export interface LinkUnits {
  readonly segments: readonly SlideSegment[];
  readonly text: number;
  readonly units: Units;
  /** By output section: index of its segment; of what is not loaded there is none. */
  readonly segmentOf: ReadonlyMap<OutputSection, number>;
  /** By input section: unit + 1; 0 for those that are no unit of their own. */
  readonly unitOfInput: Uint32Array;
  /** Output sections of the text segment that are one unit. */
  readonly unitOfOutput: ReadonlyMap<OutputSection, number>;
  readonly main: OutputSection;
  /** Where the contents of the main section begin and end, script's padding left out. */
  readonly mainStart: number;
  readonly mainEnd: number;
}

interface Draft {
  readonly offset: number[];
  readonly size: number[];
  readonly align: number[];
}

/** Units of the image. `marks`: addresses that symbols of the script have. Errors: 'layout' for an image without code. */
export function linkUnits(image: LinkedImage, marks: readonly number[]): LinkUnits {
  const loads = image.segments.flatMap((segment, index) =>
    segment.type === elf.PT_LOAD && segment.memorySize > 0 ? [{ segment, index }] : [],
  );
  const main = mainSection(loads.map(({ segment }) => segment));
  if (!main) return fail('layout', 'the image has no code, so there is nothing to slide');
  const segmentOf = new Map<OutputSection, number>();
  loads.forEach(({ segment }, i) => {
    for (const output of segment.sections) segmentOf.set(output, i);
  });
  const text = segmentOf.get(main)!;
  const { segment } = loads[text]!;
  const segments = loads.map(({ segment, index }) => ({
    index,
    address: segment.address,
    fileSize: segment.fileSize,
    memorySize: segment.memorySize,
    align: Math.max(1, segment.align),
    flags: segment.flags,
  }));
  const start = main.address - segment.address;
  const draft: Draft = { offset: [], size: [], align: [] };
  const add = (offset: number, size: number, align: number): number => {
    let fits = Math.min(align, segment.align);
    while (offset % fits !== 0) fits /= 2;
    draft.size.push(size);
    draft.align.push(fits);
    return draft.offset.push(offset) - 1;
  };
  const unitOfOutput = new Map<OutputSection, number>();
  const pinned = start > 0 ? 1 : 0;
  if (pinned) add(0, start, 1);
  for (const output of segment.sections) if (output.address < main.address) unitOfOutput.set(output, 0);
  const unitOfInput = new Uint32Array(image.program.sections.count);
  const { sections: t } = image.program;
  const inputs = main.body
    .flatMap((item) => (item.kind === 'inputs' ? [...item.sections] : []))
    .filter((s) => t.size[s]! > 0)
    .sort((a, b) => t.address[a]! - t.address[b]!);
  const last = inputs.at(-1);
  const mainEnd = last === undefined ? main.address + main.size : t.address[last]! + t.size[last]!;
  const whole =
    main.body.some((item) => item.kind === 'data') ||
    inputs.some((s) => (t.flags[s]! & elf.SHF_EXECINSTR) === 0 || t.role[s] === Role.Merge) ||
    marks.some((mark) => mark > main.address && mark < mainEnd) ||
    segment.fileSize !== segment.memorySize;
  if (whole) unitOfOutput.set(main, add(start, main.size, main.align));
  else for (const s of inputs) unitOfInput[s] = add(t.address[s]! - segment.address, t.size[s]!, t.align[s]!) + 1;
  const behind = segment.sections.filter((output) => output.address > main.address && output.size > 0);
  for (const output of behind) {
    unitOfOutput.set(output, add(output.address - segment.address, output.size, output.align));
  }
  const units = {
    offset: Uint32Array.from(draft.offset),
    size: Uint32Array.from(draft.size),
    align: Uint32Array.from(draft.align),
    pinned,
    trailing: behind.length,
  };
  const mainStart = main.address;
  return { segments, text, units, segmentOf, unitOfInput, unitOfOutput, main, mainStart, mainEnd };
}

/** The largest section of code. Errors: 'layout' where a segment is too large for offsets of 32 bits. */
function mainSection(loads: readonly Segment[]): OutputSection | undefined {
  let main: OutputSection | undefined;
  for (const segment of loads) {
    if (segment.memorySize >= 2 ** 32) fail('layout', `a segment of ${segment.memorySize} bytes is too large to slide`);
    for (const output of segment.sections) {
      if ((output.flags & elf.SHF_EXECINSTR) === 0 || output.size === 0) continue;
      if (output.loadAddress - output.address !== segment.loadAddress - segment.address) {
        fail('layout', `section ${printable(output.name)} is not loaded where its segment is`);
      }
      if (!main || output.size > main.size) main = output;
    }
  }
  return main;
}
