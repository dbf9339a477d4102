/**
 * What may not share memory: sections that lie on one another are refused, segments of different permissions on one
 * page are warned of.
 *
 * A loader maps whole pages. Where a script puts code and data on one page, either the code can be written or, as with
 * Linux, the later segment takes the page and the code before it cannot run. The built-in layout never does that.
 */
import { overlap } from '../base/arithmetic.ts';
import { fail, hex, printable } from '../base/errors.ts';
import type { AddressState } from './address-state.ts';
import * as elf from './elf.ts';
import type { OutputSection, Segment } from './image.ts';
import { placeText } from './program.ts';
import { describeOutput, hasNoBits, isAlloc, isTbss, keptOutputs } from './segments.ts';
import { layoutScript } from './statements.ts';

/** Most bytes of memory a program may span: half of a 48-bit address space. */
const MAX_MEMORY = 2 ** 47;

/**
 * Refuses sections that share addresses, in memory or where they are loaded, and programs larger than any memory.
 * Errors: 'layout', 'limit'.
 */
export function checkOverlaps(state: AddressState): void {
  const sections = keptOutputs(state).filter((output) => isAlloc(output) && output.size > 0 && !isTbss(output));
  const total = sections.reduce((sum, output) => sum + output.size, 0);
  if (total > MAX_MEMORY) {
    const what = `${total} bytes of memory, more than ${MAX_MEMORY}`;
    fail('limit', `${largestInput(state)}: with sections like this the program would take ${what}`);
  }
  checkDisjoint(state, sections, 'addresses', (output) => output.address);
  checkDisjoint(
    state,
    sections.filter((output) => !hasNoBits(output)),
    'load addresses',
    (output) => output.loadAddress,
  );
}

/** The largest loaded input section, as messages name it. */
function largestInput(state: AddressState): string {
  const t = state.program.sections;
  let largest = -1;
  for (let s = 0; s < t.count; s++) {
    if (t.output[s]! >= 0 && (t.flags[s]! & elf.SHF_ALLOC) !== 0 && t.size[s]! > (t.size[largest] ?? -1)) largest = s;
  }
  return largest < 0 ? 'the layout' : placeText(state.program, largest);
}

function checkDisjoint(
  state: AddressState,
  sections: readonly OutputSection[],
  what: string,
  start: (output: OutputSection) => number,
): void {
  const sorted = [...sections].sort((a, b) => start(a) - start(b));
  for (let i = 1; i < sorted.length; i++) {
    const [a, b] = [sorted[i - 1]!, sorted[i]!];
    if (!overlap(start(a), start(a) + a.size, start(b), start(b) + b.size)) continue;
    fail(
      'layout',
      `${describeOutput(state, b)}: its ${what} from ${hex(start(b))} overlap ${printable(a.name)}, ` +
        `which takes [${hex(start(a))}, ${hex(start(a) + a.size)}); move one of them`,
    );
  }
}

/** Permissions in letters: RX, RW. */
function permissions(segment: Segment): string {
  const letters = [
    [elf.PF_R, 'R'],
    [elf.PF_W, 'W'],
    [elf.PF_X, 'X'],
  ] as const;
  return letters.map(([flag, letter]) => ((segment.flags & flag) !== 0 ? letter : '')).join('');
}

/**
 * Warns of pages that segments of different permissions share. Not where the script says what it wants: PHDRS fixes the
 * segments, MEMORY describes a machine's memory, for which nobody maps pages.
 */
export function warnOfSharedPages(state: AddressState, segments: readonly Segment[]): void {
  const { options, architecture, program } = state;
  const { scripts } = options;
  const page = options.maxPageSize ?? architecture.maxPageSize;
  if (!layoutScript(scripts) || page <= 1 || scripts.some(({ segments, regions }) => segments || regions.length > 0))
    return;
  const loads = segments
    .filter((segment) => segment.type === elf.PT_LOAD && segment.memorySize > 0)
    .sort((a, b) => a.address - b.address);
  const sharing = loads.slice(1).flatMap((later, i) => {
    const earlier = loads[i]!;
    const shared = Math.floor(later.address / page) * page;
    return earlier.flags !== later.flags && earlier.address + earlier.memorySize > shared ? [{ earlier, later }] : [];
  });
  const first = sharing[0];
  if (!first) return;
  const { earlier, later } = first;
  const [before, behind] = [earlier.sections.at(-1), later.sections[0]];
  if (!before || !behind) return;
  const others = sharing.length - 1;
  const more = others > 0 ? `; ${others} more ${others === 1 ? 'page is' : 'pages are'} shared so` : '';
  program.warnings.push(
    `${describeOutput(state, behind)}: shares the page at ${hex(Math.floor(later.address / page) * page)} with ` +
      `${printable(before.name)}, but is ${permissions(later)} and not ${permissions(earlier)}; ` +
      `write . = ALIGN(CONSTANT(MAXPAGESIZE)) before it${more}`,
  );
}
