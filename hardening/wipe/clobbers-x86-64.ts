/**
 * Which registers a function of an x86-64 image may write, with all that it calls.
 *
 * A veneer must not change a register that its function leaves alone: compilers know what the functions of their own unit
 * do, and keep values across a call in registers that the convention gives away (-fipa-ra). What neither the function nor
 * its callees write is what the caller put there, and nothing of the function's is left in it. Where it is not known what
 * is called, the compiler could not know either, and the convention holds: all may be written.
 *
 * Code is read from its start to its end, without asking what is reached: what is never executed makes the set larger.
 */
import type { LinkedImage } from '../../linker/image.ts';
import { functionsOf, type ImageFunction } from '../../linker/provenance.ts';
import { effectsOf, iced, sweep } from '../../machine/decode-x86-64.ts';
import { codeSections } from './code.ts';

/** Among the names: it has AVX code, so upper halves may be written. */
export const UPPER_HALVES = 'upper halves';

/** Among the names: it has code for the x87 or MMX, whose registers may be written. */
export const X87 = 'x87';

/** Registers by name, vector registers as xmmN, masks as kN; undefined: any that the convention gives away. */
export type Clobbers = ReadonlySet<string> | undefined;

/** What a function's own code writes, and where it goes on. */
interface Own {
  readonly writes: ReadonlySet<string>;
  readonly calls: readonly number[];
  readonly isKnown: boolean;
}

const generalNames = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

function nameOf(register: number): string | undefined {
  const { Register, RegisterExt } = iced();
  if (RegisterExt.isGPR(register)) return generalNames[RegisterExt.fullRegister(register) - Register.RAX];
  if (RegisterExt.isK(register)) return `k${RegisterExt.number(register)}`;
  return RegisterExt.isVectorRegister(register) ? `xmm${RegisterExt.number(register)}` : undefined;
}

/** Whether an instruction is the x87's or MMX's: by its kind, or by a register. */
export function isX87(instruction: import('iced-x86').Instruction): boolean {
  const { RegisterExt, CpuidFeature, OpKind } = iced();
  const own: readonly number[] = [
    ...[CpuidFeature.FPU, CpuidFeature.FPU287, CpuidFeature.FPU387],
    ...[CpuidFeature.MMX, CpuidFeature.D3NOW, CpuidFeature.D3NOWEXT],
  ];
  if (instruction.cpuidFeatures().some((one) => own.includes(one))) return true;
  for (let i = 0; i < instruction.opCount; i++) {
    if (instruction.opKind(i) !== OpKind.Register) continue;
    const register = instruction.opRegister(i);
    if (RegisterExt.isMM(register) || RegisterExt.isST(register)) return true;
  }
  return false;
}

/** By an instruction's code and registers: what it writes. Asking the decoder's tables takes long. */
type Seen = Map<string, readonly string[]>;

function writesOf(instruction: import('iced-x86').Instruction, seen: Seen): readonly string[] {
  let key = `${instruction.code}`;
  for (let i = 0; i < instruction.opCount; i++) key += `,${instruction.opRegister(i)}`;
  let names = seen.get(key);
  if (names === undefined) {
    const own = effectsOf(instruction).writes.flatMap((register) => nameOf(register) ?? []);
    names = isX87(instruction) ? [...own, X87] : own;
    seen.set(key, names);
  }
  return names;
}

function readOwn(bytes: Uint8Array, address: number, seen: Seen): Own {
  const { EncodingKind, FlowControl, Mnemonic, OpKind } = iced();
  const writes = new Set<string>();
  const calls: number[] = [];
  let isKnown = true;
  sweep(bytes, BigInt(address), [], (instruction) => {
    const { flowControl, mnemonic } = instruction;
    for (const name of writesOf(instruction, seen)) writes.add(name);
    if (instruction.encoding !== EncodingKind.Legacy) writes.add(UPPER_HALVES);
    // All upper halves and more.
    if (mnemonic === Mnemonic.Vzeroall || mnemonic === Mnemonic.Xrstor || mnemonic === Mnemonic.Fxrstor)
      isKnown = false;
    if (mnemonic === Mnemonic.Syscall) for (const name of ['rax', 'rcx', 'r11']) writes.add(name);
    const isNear = instruction.opCount > 0 && instruction.op0Kind === OpKind.NearBranch64;
    const target = isNear ? Number(instruction.nearBranchTarget) : undefined;
    switch (flowControl) {
      case FlowControl.Call:
      case FlowControl.UnconditionalBranch:
      case FlowControl.ConditionalBranch:
        if (target === undefined) isKnown = isKnown && mnemonic === Mnemonic.Syscall;
        else if (target < address || target >= address + bytes.length) calls.push(target);
        break;
      case FlowControl.IndirectCall:
      case FlowControl.IndirectBranch:
        isKnown = false;
        break;
      default:
    }
  });
  return { writes, calls, isKnown };
}

/** Answers for functions of one image, each read once. */
export function createClobbers(image: LinkedImage): (entry: number) => Clobbers {
  const sections = codeSections(image);
  const byStart = new Map<number, ImageFunction>();
  for (const fn of functionsOf(image)) {
    const known = byStart.get(fn.address);
    if (known === undefined || known.size < fn.size) byStart.set(fn.address, fn);
  }
  const seen: Seen = new Map();
  const owns = new Map<number, Own | undefined>();
  const ownAt = (address: number): Own | undefined => {
    if (owns.has(address)) return owns.get(address);
    const fn = byStart.get(address);
    const section = sections.find((one) => one.address <= address && address < one.address + one.bytes.length);
    const own =
      fn === undefined || fn.size === 0 || section === undefined
        ? undefined
        : readOwn(
            section.bytes.subarray(address - section.address, address - section.address + fn.size),
            address,
            seen,
          );
    owns.set(address, own);
    return own;
  };
  return (entry) => {
    const writes = new Set<string>();
    const reached = new Set([entry]);
    const pending = [entry];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const own = ownAt(next);
      if (own === undefined || !own.isKnown) return undefined;
      for (const name of own.writes) writes.add(name);
      for (const target of own.calls) {
        // A part of a function that was moved apart comes back into its middle.
        const inside = [...reached].some((at) => at <= target && target < at + (byStart.get(at)?.size ?? 0));
        if (inside || reached.has(target)) continue;
        reached.add(target);
        pending.push(target);
      }
    }
    return writes;
  };
}

/**
 * Entries of the functions that code of their own object comes to directly. In an image that has veneers already, by
 * those: a call of one is a call of its function.
 */
export function calledAtHome(
  image: LinkedImage,
  functions: readonly (ImageFunction & { readonly veneer?: number })[],
): ReadonlySet<number> {
  const { OpKind } = iced();
  const byEntry = new Map(
    functions.flatMap((fn) =>
      [fn.address, ...(fn.veneer === undefined ? [] : [fn.veneer])].map((at) => [at, fn] as const),
    ),
  );
  const starts = functionsOf(image);
  const objectAt = (at: number): string | undefined =>
    starts.find(({ address, size }) => address <= at && at < address + size)?.object;
  const found = new Set<number>();
  for (const { address, bytes, starts: offsets } of codeSections(image))
    sweep(bytes, BigInt(address), offsets, (instruction, offset) => {
      if (instruction.opCount === 0 || instruction.op0Kind !== OpKind.NearBranch64) return;
      const fn = byEntry.get(Number(instruction.nearBranchTarget));
      const at = address + offset;
      if (fn === undefined || (fn.address <= at && at < fn.address + fn.size)) return;
      const object = objectAt(at);
      if (object === undefined || object === fn.object) found.add(fn.address);
    });
  return found;
}
