/**
 * What a kernel demands of the root image that it is booted with.
 *
 * A kernel says little when it cannot start a root image, and nothing at all when it was built without printing: it
 * stops. So its rules are applied here to a file's bytes, each with both values, before anything boots. Most are the
 * kernel's own. Some are ours and stricter: a kernel maps a whole root image readable, writable and executable, and
 * what the image's first steps make of that depends on segments with pages and rights of their own.
 *
 * The x86-64 kernel reads an image as ELF and loads EVERY program header, whatever its type: a PT_GNU_RELRO would zero
 * data, a PT_NOTE at 0 would move the image's start. On RISC-V and AArch64 a boot image holds the root image flat, from
 * its first page to its last; the same file serves for both, so it is held to the same rules.
 *
 * Sources, seL4 16.0.0: src/arch/x86/kernel/boot_sys.c (load_boot_module) and 64/kernel/elf.c; try_init_kernel in
 * src/arch/riscv/kernel/boot.c and src/arch/arm/kernel/boot.c; src/kernel/boot.c (calculate_extra_bi_size_bits).
 */
import { fail, hex, printable } from '../../base/errors.ts';
import { codeParts, startsIn } from '../../hardening/code-parts.ts';
import { permissions, place, readSubject, type Subject } from '../../hardening/subject.ts';
import {
  EF_RISCV_FLOAT_ABI,
  ET_EXEC,
  PF_W,
  PF_X,
  PT_DYNAMIC,
  PT_INTERP,
  PT_LOAD,
  SHF_ALLOC,
  SHT_DYNAMIC,
  SHT_REL,
  SHT_RELA,
  SHT_RELR,
} from '../../linker/elf.ts';
import type { ElfSegment } from '../../linker/elf-file.ts';
import { createInstruction, decodeRiscv64 } from '../../machine/decode-riscv64.ts';
import { unitOfRiscv64 } from '../../machine/units-riscv64.ts';
import type { Kernel, SeL4Machine } from './kernel.ts';
import { machineNumbers } from './kernel-elf.ts';
import { kernelSlots, type Span, type StartUp, startUpSlots } from './slots.ts';

export type LoadingRule =
  | 'machine'
  | 'type'
  | 'program-headers'
  | 'relocations'
  | 'sizes'
  | 'alignment'
  | 'order'
  | 'rights'
  | 'entry'
  | 'null-page'
  | 'user-space'
  | 'slots'
  | 'tables'
  | 'load-addresses'
  | 'units';

export interface BrokenRule {
  readonly rule: LoadingRule;
  /** One line, printable, with both values. */
  readonly message: string;
}

const page = 4096n;
const up = (value: bigint, step: bigint): bigint => ((value + step - 1n) / step) * step;

/**
 * Bytes of extra BootInfo when nothing is known of the device tree. An x86-64 kernel puts the memory map, the RSDP, the
 * frame buffer and the clock's rate there, which are less than a page.
 */
export function extraBootInfoOf(machine: SeL4Machine, deviceTreeSize: number): number {
  if (machine === 'x86-64') return 4096;
  const header = 16;
  return deviceTreeSize === 0 ? 0 : header + deviceTreeSize;
}

function spanOf(loads: readonly ElfSegment[], extraBootInfo: number): Span {
  let [start, end] = [loads[0]!.address, 0n];
  for (const { address, memorySize } of loads) {
    if (address < start) start = address;
    if (address + BigInt(memorySize) > end) end = address + BigInt(memorySize);
  }
  end = up(end, page);
  let extra = 0n;
  if (extraBootInfo > 0) for (extra = page; extra < BigInt(extraBootInfo); ) extra *= 2n;
  return { start, end, extraPages: up(BigInt(extraBootInfo), page) / page, top: end + 2n * page + extra };
}

type Break = (rule: LoadingRule, message: string) => void;

function checkHeader({ file }: Subject, kernel: Kernel, breaks: Break): void {
  const { type, machine } = file.header;
  const expected = machineNumbers[kernel.machine];
  if (machine !== expected)
    breaks('machine', `made for machine ${machine}; the kernel is for ${expected} (${kernel.machine})`);
  if (type !== ET_EXEC)
    breaks('type', `file type ${type}; must be ${ET_EXEC} (ET_EXEC): a kernel applies no relocation`);
}

/** What becomes of a program header that is none of a segment. */
function fateOf(type: number, kernel: Kernel): string {
  if (type === PT_INTERP) return 'asks for a program interpreter, and there is none; link it statically';
  if (type === PT_DYNAMIC) return 'is PT_DYNAMIC, and nobody links it at run time; link it statically';
  const loads = kernel.machine === 'x86-64' ? 'the kernel would load it as a segment' : 'a root image has no other';
  return `has type ${hex(type)}; must be PT_LOAD (${PT_LOAD}): ${loads}`;
}

function checkHeaders({ file }: Subject, kernel: Kernel, breaks: Break): void {
  file.segments.forEach(({ type, fileSize, memorySize }, i) => {
    const what = `program header ${i}`;
    if (type !== PT_LOAD) breaks('program-headers', `${what} ${fateOf(type, kernel)}`);
    // The x86-64 kernel subtracts the two without a look, and would go on to zero all of memory.
    else if (fileSize > memorySize)
      breaks('sizes', `${what}: ${fileSize} bytes in the file, ${memorySize} in memory; there must be room for them`);
    else if (memorySize === 0) breaks('sizes', `${what}: 0 bytes in memory; leave the segment out`);
  });
  const relocating = file.sections.find(
    ({ type, flags }) =>
      (flags & SHF_ALLOC) !== 0 && (type === SHT_RELA || type === SHT_REL || type === SHT_RELR || type === SHT_DYNAMIC),
  );
  if (relocating !== undefined) {
    const name = printable(relocating.name, 60);
    breaks('relocations', `section ${name} (type ${relocating.type}) is loaded, but nobody applies its relocations`);
  }
}

function checkSegment(segment: ElfSegment, i: number, breaks: Break): void {
  const { address, loadAddress, flags } = segment;
  const what = `program header ${i}`;
  if (address % page !== 0n)
    breaks('alignment', `${what}: begins at ${hex(address)}; must begin on a page (${hex(page)}) of its own`);
  if ((loadAddress - address) % page !== 0n) {
    const both = `physical address ${hex(loadAddress)}, virtual ${hex(address)}`;
    breaks('load-addresses', `${what}: ${both}; both must lie alike within a page`);
  }
  if ((flags & PF_W) !== 0 && (flags & PF_X) !== 0)
    breaks('rights', `${what}: ${permissions(flags)}; no memory may be writable and executable`);
  if ((flags & 7) === 0) breaks('rights', `${what}: ${permissions(flags)}; a segment without rights is of no use`);
}

function checkOrder(loads: readonly (readonly [i: number, segment: ElfSegment])[], breaks: Break): void {
  for (let at = 1; at < loads.length; at++) {
    const [[before, first], [after, second]] = [loads[at - 1]!, loads[at]!];
    const end = first.address + BigInt(first.memorySize);
    const begins = `program header ${after} begins at ${hex(second.address)}`;
    if (second.address < first.address) {
      breaks('order', `${begins}, program header ${before} at ${hex(first.address)}; addresses must ascend`);
    } else if (second.address < end) {
      breaks('order', `${begins}, but program header ${before} ends at ${hex(end)}; segments must not overlap`);
    } else if (second.address / page === (end - 1n) / page) {
      breaks(
        'order',
        `${begins}, on the page that program header ${before} ends on (${hex(end)}); rights are per page`,
      );
    }
  }
}

function checkSlots(span: Span, kernel: Kernel, breaks: Break, startUp?: StartUp): void {
  const slots = 1n << BigInt(kernel.cnodeBits);
  const has = `but the root CNode has ${slots} (ROOT_CNODE_SIZE_BITS of the kernel is ${kernel.cnodeBits})`;
  const { total, parts } = kernelSlots(kernel, span);
  if (total > slots) breaks('slots', `needs ${total} slots (${parts}), ${has}; make the image smaller`);
  if (total > slots || startUp === undefined) return;
  const { tables, mostTables, ...own } = startUpSlots(kernel, span, startUp);
  const size = `${hex(span.end - span.start)} bytes of image and ${hex(startUp.heapSize)} of heap`;
  if (tables > mostTables)
    breaks(
      'tables',
      `start-up code may need ${tables} page tables for ${size}, and has room for ${mostTables}; make the image smaller`,
    );
  if (total + own.total > slots)
    breaks(
      'slots',
      `needs ${total + own.total} slots (${parts}; in start-up code up to ${own.parts}), ${has}; make image or heap smaller`,
    );
}

function checkSpan(span: Span, kernel: Kernel, breaks: Break, startUp?: StartUp): void {
  if (span.start === 0n) breaks('null-page', 'begins at 0x0; the first page must stay free, so that null is nowhere');
  // On x86-64 the end may be the top itself; the other two want it below.
  const limit = kernel.machine === 'x86-64' ? kernel.userTop : kernel.userTop - page;
  if (span.top > limit) {
    const what = `ends at ${hex(span.end)}, ${hex(span.top)} with IPC buffer, BootInfo and extra BootInfo`;
    breaks('user-space', `${what}; user space of ${kernel.machine} allows ${hex(limit)}; choose a lower base`);
    return;
  }
  checkSlots(span, kernel, breaks, startUp);
}

function checkEntry({ file }: Subject, loads: readonly ElfSegment[], breaks: Break): void {
  const { entry } = file.header;
  const inside = loads.find(({ address, fileSize }) => entry >= address && entry < address + BigInt(fileSize));
  if (inside === undefined) breaks('entry', `enters at ${hex(entry)}, which no segment's contents hold`);
  else if ((inside.flags & PF_X) === 0) {
    const where = `the segment at ${hex(inside.address)}, ${permissions(inside.flags)}`;
    breaks('entry', `enters at ${hex(entry)}, in ${where}; must be in an executable one`);
  }
}

/** The first instruction of RISC-V code that needs a unit which this kernel leaves off. */
function checkUnits(subject: Subject, kernel: Kernel, breaks: Break): void {
  if (kernel.machine !== 'riscv64') {
    if (!kernel.hasFpu)
      breaks('units', `HAVE_FPU is false in the configuration, which is not known of a kernel for ${kernel.machine}`);
    return;
  }
  const instruction = createInstruction();
  for (const part of codeParts(subject)) {
    const { offsets } = startsIn(subject, part);
    const starts = [...offsets.filter((offset) => offset > 0), part.bytes.length];
    let next = 0;
    for (let at = 0; at < part.bytes.length; ) {
      const { length } = decodeRiscv64(part.bytes, at, instruction);
      const unit = unitOfRiscv64(part.bytes, at, length);
      if (unit === 'vector' || (unit === 'floating-point' && !kernel.hasFpu)) {
        const off =
          unit === 'vector' ? 'no seL4 kernel switches that unit on' : 'HAVE_FPU is false in its configuration';
        const abi = subject.file.header.flags & EF_RISCV_FLOAT_ABI;
        const compile = abi === 0 ? '' : ` (e_flags: float ABI ${abi >> 1}; compile with -march=rv64imac -mabi=lp64)`;
        breaks('units', `a ${unit} instruction at ${place(subject, part.address + BigInt(at))}; ${off}${compile}`);
        return;
      }
      while (starts[next]! <= at) next++;
      // A function begins with an instruction, whatever the bytes before it decode to.
      at = Math.min(at + Math.max(length, 1), starts[next]!);
    }
  }
}

/**
 * The rules that a root image breaks for `kernel`; none when it boots. `extraBootInfo`: bytes, see extraBootInfoOf.
 * `startUp`: what our start-up code makes, in an image that begins with it.
 * Errors: those of readSubject, for what is no ELF file that can be judged.
 */
export function brokenLoadingRules(
  bytes: Uint8Array,
  name: string,
  kernel: Kernel,
  extraBootInfo: number,
  startUp?: StartUp,
): BrokenRule[] {
  const broken: BrokenRule[] = [];
  const breaks: Break = (rule, message) => broken.push({ rule, message });
  const subject = readSubject(bytes, name);
  checkHeader(subject, kernel, breaks);
  checkHeaders(subject, kernel, breaks);
  const loads = [...subject.file.segments.entries()].filter(
    ([, { type, memorySize }]) => type === PT_LOAD && memorySize > 0,
  );
  if (loads.length === 0) {
    breaks('program-headers', 'has no PT_LOAD with memory; there is nothing to run');
    return broken;
  }
  const segments = loads.map(([, segment]) => segment);
  for (const [i, segment] of loads) checkSegment(segment, i, breaks);
  checkOrder(loads, breaks);
  checkEntry(subject, segments, breaks);
  checkSpan(spanOf(segments, extraBootInfo), kernel, breaks, startUp);
  if (subject.file.header.machine === machineNumbers[kernel.machine]) checkUnits(subject, kernel, breaks);
  return broken;
}

/** Errors: 'image' when a rule is broken, with the first and how many more; those of brokenLoadingRules. */
export function checkRootImage(
  bytes: Uint8Array,
  name: string,
  kernel: Kernel,
  extraBootInfo: number,
  startUp?: StartUp,
): void {
  const [first, ...more] = brokenLoadingRules(bytes, name, kernel, extraBootInfo, startUp);
  if (first === undefined) return;
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  fail('image', `${printable(name)}: ${first.message}${others}`);
}
