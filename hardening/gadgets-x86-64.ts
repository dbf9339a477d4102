/**
 * Instructions that undo protections, found at every byte of x86-64 code.
 *
 * An attacker who controls a jump may land in the middle of an instruction, so what counts is not what a compiler meant
 * but which bytes are there. A site is where an opcode stands; prefixes in front of it make no difference, since one may
 * jump past them, except where they are part of the opcode (F3 for WRFSBASE). Operands need no look either: whatever
 * follows the opcode's ModRM byte completes the instruction. The scan is therefore exact, with every encoding, and runs
 * at memory speed; tests hold it against a decoder at each offset of random bytes.
 *
 * Left out: CLAC, which only strengthens; MOV to CR2 and debug registers, XSETBV, FXRSTOR, which undo nothing here; far
 * returns, which need a descriptor table that LGDT or LLDT would have to bring first.
 *
 * Source: Intel SDM volume 2, appendix A (opcode map), and the pages of each instruction; AMD APM volume 3.
 */

/** protection: changes page tables, keys, descriptor tables, MSRs or bases. flags: can set EFLAGS.AC. */
export type GadgetClass = 'protection' | 'flags';

export type GadgetKind =
  | 'mov cr'
  | 'lmsw'
  | 'wrmsr'
  | 'wrpkru'
  | 'xrstor'
  | 'lgdt'
  | 'lidt'
  | 'lldt'
  | 'ltr'
  | 'lkgs'
  | 'swapgs'
  | 'wrfsbase'
  | 'wrgsbase'
  | 'sysret'
  | 'sysexit'
  | 'eret'
  | 'stac'
  | 'popf'
  | 'iret';

export interface Gadget {
  /** Of the opcode's first byte (the 0F of two-byte opcodes), after prefixes. */
  readonly offset: number;
  readonly kind: GadgetKind;
}

const flagKinds: ReadonlySet<GadgetKind> = new Set(['stac', 'popf', 'iret']);

export function gadgetClass(kind: GadgetKind): GadgetClass {
  return flagKinds.has(kind) ? 'flags' : 'protection';
}

/** Kinds that work in ring 3: what a kernel's user program must not hold either. */
export const userKinds: ReadonlySet<GadgetKind> = new Set(['wrpkru', 'xrstor', 'wrfsbase', 'wrgsbase']);

/** The repeat prefix (F2 or F3) that counts for an opcode at `at`, or 0: the last one among the prefixes before it. */
function repeatPrefix(bytes: Uint8Array, at: number): number {
  for (let i = at - 1; i >= 0 && i >= at - 13; i--) {
    const byte = bytes[i]!;
    if (byte === 0xf2 || byte === 0xf3) return byte;
    const rex = byte >= 0x40 && byte <= 0x4f;
    const legacy = (byte & 0xe7) === 0x26 || (byte >= 0x64 && byte <= 0x67) || byte === 0xf0;
    if (!rex && !legacy) return 0;
  }
  return 0;
}

/** Group 7: 0F 01. */
function group7(bytes: Uint8Array, at: number): GadgetKind | undefined {
  const modrm = bytes[at + 2];
  if (modrm === undefined) return undefined;
  const operation = (modrm >> 3) & 7;
  if (operation === 6) return 'lmsw';
  if (modrm < 0xc0) return operation === 2 ? 'lgdt' : operation === 3 ? 'lidt' : undefined;
  switch (modrm) {
    case 0xc6: // WRMSRNS, WRMSRLIST
      return 'wrmsr';
    case 0xca: // CLAC; with a repeat prefix ERETS and ERETU, which load RFLAGS
      return repeatPrefix(bytes, at) === 0 ? undefined : 'eret';
    case 0xcb:
      return 'stac';
    case 0xef:
      return 'wrpkru';
    case 0xf8:
      return 'swapgs';
    default:
      return undefined;
  }
}

/** Two-byte opcodes: 0F at `at`. */
function twoByte(bytes: Uint8Array, at: number): GadgetKind | undefined {
  const modrm = bytes[at + 2];
  const operation = modrm === undefined ? -1 : (modrm >> 3) & 7;
  const memory = modrm !== undefined && modrm < 0xc0;
  switch (bytes[at + 1]) {
    case 0x00:
      if (operation === 2) return 'lldt';
      if (operation === 3) return 'ltr';
      return operation === 6 && repeatPrefix(bytes, at) === 0xf2 ? 'lkgs' : undefined;
    case 0x01:
      return group7(bytes, at);
    case 0x07:
      return 'sysret';
    case 0x22: // CR0, CR3, CR4; the processor takes it as a register form whatever mod says
      return operation === 0 || operation === 3 || operation === 4 ? 'mov cr' : undefined;
    case 0x30:
      return 'wrmsr';
    case 0x35:
      return 'sysexit';
    case 0xae:
      if (memory) return operation === 5 ? 'xrstor' : undefined;
      if (repeatPrefix(bytes, at) !== 0xf3) return undefined;
      return operation === 2 ? 'wrfsbase' : operation === 3 ? 'wrgsbase' : undefined;
    case 0xc7: // XRSTORS
      return memory && operation === 3 ? 'xrstor' : undefined;
    default:
      return undefined;
  }
}

/** Every site in `bytes`, ascending. */
export function findGadgets(bytes: Uint8Array): Gadget[] {
  const found: Gadget[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    let kind: GadgetKind | undefined;
    if (byte === 0x0f) kind = twoByte(bytes, at);
    else if (byte === 0x9d) kind = 'popf';
    else if (byte === 0xcf) kind = 'iret';
    if (kind !== undefined) found.push({ offset: at, kind });
  }
  return found;
}
