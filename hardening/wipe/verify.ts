/**
 * Whether every way to a wiped function leads through its veneer, as the linked bytes have it.
 *
 * The linker leads relocations to the veneer. What an assembler has resolved inside of a section, a call by its distance,
 * has none; so all code is read, and a branch or an address of code that comes to the function's entry from elsewhere than
 * its veneer is refused by name. So is a word of data that holds its address. What a compiler has inlined is no call, and
 * nothing shows it here; of a clone of the function (`.constprop`, `.part`) the name does.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import type { LinkedImage } from '../../linker/image.ts';
import { functionsOf, type ImageFunction, originOf, relocationsOf } from '../../linker/provenance.ts';
import { createInstruction, decodeRiscv64, Kind } from '../../machine/decode-riscv64.ts';
import { iced, sweep } from '../../machine/decode-x86-64.ts';
import { type DecodedMachine, requireDecoded } from '../decoded-machine.ts';
import { codeSections } from './code.ts';
import { originalName } from './veneer.ts';

/** A function behind its veneer. */
export interface Wiped {
  readonly name: string;
  readonly body: ImageFunction;
  readonly veneer: ImageFunction;
}

/** Finds functions and veneers in the image. Errors: 'undefined-symbol' for one that was collected. */
function wipedFunctions(image: LinkedImage, names: readonly string[]): Wiped[] {
  const functions = functionsOf(image);
  const find = (name: string): ImageFunction | undefined => functions.find((fn) => fn.name === name);
  return names.map((name) => {
    const body = find(originalName(name));
    const veneer = find(name);
    if (body === undefined || veneer === undefined)
      fail('undefined-symbol', `${printable(name)}: nothing in the image calls it, so there is nothing to wipe after`);
    return { name, body, veneer };
  });
}

const isIn = (at: number, { address, size }: ImageFunction): boolean => address <= at && at < address + size;

const placeOf = (image: LinkedImage, at: number): string => {
  const origin = originOf(image, at);
  return origin === undefined ? hex(at) : `${origin.object}:(${origin.section}+${hex(origin.offset)})`;
};

/** The address that an instruction names: where it branches, or what it reads or takes relative to itself. */
function namedBy(instruction: import('iced-x86').Instruction): number | undefined {
  const { OpKind } = iced();
  if (instruction.opCount > 0 && instruction.op0Kind === OpKind.NearBranch64)
    return Number(instruction.nearBranchTarget);
  return instruction.isIpRelMemoryOperand ? Number(instruction.ipRelMemoryAddress) : undefined;
}

/** Visits instructions with the address that each names. */
type NamedIn = (image: LinkedImage, visit: (at: number, named: number) => void) => void;

const namedInX8664: NamedIn = (image, visit) => {
  for (const { address, bytes, starts } of codeSections(image))
    sweep(bytes, BigInt(address), starts, (instruction, offset) => {
      const named = namedBy(instruction);
      if (named !== undefined) visit(address + offset, named);
    });
};

/** Jumps and branches; an address in two instructions has relocations. */
const namedInRiscv64: NamedIn = (image, visit) => {
  const instruction = createInstruction();
  for (const { address, bytes } of codeSections(image))
    for (let at = 0; at < bytes.length; at += instruction.length) {
      const { kind, imm } = decodeRiscv64(bytes, at, instruction);
      if (kind === Kind.jal || kind === Kind.branch) visit(address + at, address + at + imm);
    }
};

function checkCode(image: LinkedImage, byEntry: ReadonlyMap<number, Wiped>): void {
  const isX86 = requireDecoded(image.machine, 'veneers that wipe') === 'x86-64';
  const namedIn = isX86 ? namedInX8664 : namedInRiscv64;
  namedIn(image, (at, named) => {
    const wiped = byEntry.get(named);
    // Inside of itself it loops, or is called again before it returns: all within what the veneer wipes.
    if (wiped === undefined || isIn(at, wiped.veneer) || isIn(at, wiped.body)) return;
    fail(
      'relocation',
      `${placeOf(image, at)}: comes to ${printable(wiped.name)} without a relocation, past the veneer that wipes after ` +
        'it; compile with -ffunction-sections, or assemble with the functions in sections of their own',
    );
  });
}

/** Sections whose words describe code and lead nowhere. */
const describing = /^\.(eh_frame|eh_frame_hdr|gcc_except_table|debug_.*)$/;

/**
 * Relocation types by what their target is the address of: a word's or a sequence's anywhere, or, of x86-64, one in data
 * only, since in code the distance is from the instruction's end. Sources: the psABIs, "Relocation Types", "Relocations".
 */
const addressTypes: Record<DecodedMachine, { readonly all: ReadonlySet<number>; readonly data: ReadonlySet<number> }> =
  {
    'x86-64': { all: new Set([1, 10, 11]), data: new Set([2, 4, 24]) },
    riscv64: { all: new Set([1, 2, 16, 17, 18, 19, 20, 23, 26, 27, 28, 41, 44, 45, 57, 59]), data: new Set() },
  };

function checkWords(image: LinkedImage, byEntry: ReadonlyMap<number, Wiped>): void {
  const { count, place, type, target } = relocationsOf(image);
  const types = addressTypes[requireDecoded(image.machine, 'veneers that wipe')];
  const sectionAt = (at: number) => image.sections.find(({ address, size }) => address <= at && at < address + size);
  for (let i = 0; i < count; i++) {
    const wiped = byEntry.get(target[i]!);
    if (wiped === undefined) continue;
    const at = place[i]!;
    const section = sectionAt(at);
    if (section === undefined || describing.test(section.name)) continue;
    const isCode = (section.flags & elf.SHF_EXECINSTR) !== 0;
    if (!types.all.has(type[i]!) && (isCode || !types.data.has(type[i]!))) continue;
    // RISC-V's calls and loops have relocations, too.
    if (image.machine === 'riscv64' && (isIn(at, wiped.veneer) || isIn(at, wiped.body))) continue;
    fail(
      'relocation',
      `${placeOf(image, at)}: holds the address of ${printable(wiped.name)} itself, past the veneer that wipes after it`,
    );
  }
}

/** Names that compilers give to copies of a function or of parts of it. */
const clone = /\.(constprop|part|isra|specialized|llvm|__uniq|clone)(\.|$)/;

function checkClones(image: LinkedImage, wiped: readonly Wiped[]): void {
  const names = new Set(wiped.map(({ name }) => name));
  for (const { name, object } of functionsOf(image)) {
    const base = clone.exec(name);
    if (base === null) continue;
    const origin = name.slice(0, base.index);
    if (!names.has(origin) || names.has(name) || name.startsWith(originalName(''))) continue;
    fail(
      'relocation',
      `${printable(object)}: ${printable(name)} is a copy that the compiler has made of ${printable(origin)}, which calls may ` +
        'go to instead; compile with -fno-ipa-cp -fno-partial-inlining, or have it wiped too',
    );
  }
}

/** Fails unless all ways lead through the veneers. Errors: 'relocation'. */
export function requireVeneers(image: LinkedImage, names: readonly string[]): readonly Wiped[] {
  const wiped = wipedFunctions(image, names);
  const byEntry = new Map(wiped.map((one) => [one.body.address, one]));
  checkCode(image, byEntry);
  checkWords(image, byEntry);
  checkClones(image, wiped);
  return wiped;
}
