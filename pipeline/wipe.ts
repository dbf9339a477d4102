/**
 * Links a program with veneers that erase (hardening/wipe/): links it, asks the linked bytes what each function needs,
 * links it again, and holds the result against what was asked.
 *
 * Veneers change what they were planned from: a function that calls another one behind a veneer takes more stack, and
 * RISC-V's relaxation may find other distances. So it goes on until a plan made from the image is the plan that it was
 * made by.
 */
import { fail, printable } from '../base/errors.ts';
import { requireDecoded } from '../hardening/decoded-machine.ts';
import { clobbersRiscv64, hasFloats, stackOperandsRiscv64 } from '../hardening/wipe/clobbers-riscv64.ts';
import { calledAtHome, createClobbers } from '../hardening/wipe/clobbers-x86-64.ts';
import { interpositionsOf, WIPE_OBJECT, wipeObjectRiscv64, wipeObjectX8664 } from '../hardening/wipe/object.ts';
import {
  type Body,
  type CodeKnowledge,
  type PlannedWipe,
  type ProvedDepth,
  planWipes,
  type WipeWish,
} from '../hardening/wipe/plan.ts';
import { registerFilesOf } from '../hardening/wipe/register-files.ts';
import { mayReadStackArguments, type StackOperand } from '../hardening/wipe/stack-arguments.ts';
import { stackOperandsX8664 } from '../hardening/wipe/stack-operands-x86-64.ts';
import { requireVeneers } from '../hardening/wipe/verify.ts';
import type { LinkedImage } from '../linker/image.ts';
import { type LinkResult, link } from '../linker/link.ts';
import type { ImageFunction } from '../linker/provenance.ts';
import type { LinkRequest } from '../linker/request.ts';
import { sweep } from '../machine/decode-x86-64.ts';
import type { Manifest } from './manifest.ts';
import { boundOfImage, redZones, type TargetStack } from './stack.ts';
import { codeOf, type ImageCode, relocatedWords } from './stack-code.ts';

export interface WipedLink extends LinkResult {
  /** The veneers that the image has. */
  readonly wiped: readonly PlannedWipe[];
  /** The name of the object that they are in, which no input of the link has. */
  readonly object: string;
}

/** What is asked for, or a choice of it by the image as it is without veneers. */
export type Wishes = readonly WipeWish[] | ((image: LinkedImage) => readonly WipeWish[]);

/** A name that tells the veneers' object from every input. */
function objectName(request: LinkRequest): string {
  const taken = new Set(request.files.map(({ name }) => name));
  let name = WIPE_OBJECT;
  for (let i = 1; taken.has(name); i++) name = WIPE_OBJECT.replace('.o', `-${i}.o`);
  return name;
}

/** Images that are linked before it is given up. */
const MOST_ROUNDS = 8;

/** Whether code of a function's own object calls it or jumps to it; where calls are not known, it may. */
function homeOf({ functions, useOf }: ImageCode, bodies: readonly Body[]): ReadonlySet<number> {
  const found = new Set<number>();
  for (const body of bodies)
    for (const fn of functions) {
      if (fn.object !== body.object || fn.address === body.address) continue;
      const { calls, problem } = useOf({ name: fn.name, address: BigInt(fn.address) });
      const comesTo = calls.some(({ target }) => target === BigInt(body.address) || Number(target) === body.veneer);
      if (problem !== undefined || comesTo) found.add(body.address);
    }
  return found;
}

/** What is said of code that machine code does not show: the manifest's "stack", and what a target's platform layer does. */
export interface SaidOfStack {
  readonly stack?: Manifest['stack'];
  readonly target?: TargetStack;
}

/** What linked bytes show, and what is said of them. */
function knowledgeOf(image: LinkedImage, { stack, target }: SaidOfStack): CodeKnowledge {
  const isX86 = requireDecoded(image.machine, 'wiping after functions') === 'x86-64';
  const code = codeOf(image, relocatedWords(image));
  const { useOf, byStart } = code;
  const depthOf = (fn: ImageFunction): ProvedDepth => {
    const at = (pointer: string): string => `casemate.json${pointer}`;
    const manifest = stack === undefined ? {} : { stack };
    const entry = { name: fn.name, object: fn.object };
    const bound = boundOfImage({ image, manifest, at, target: { ...target, entry } });
    if ('bytes' in bound) return { bytes: Math.ceil((bound.bytes + redZones[image.machine]) / 8) * 8 };
    const [first] = bound;
    return { reason: first === undefined ? 'nothing is known of it' : `${printable(first.name)}: ${first.text}` };
  };
  const sectionAt = (at: number) => image.sections.find(({ address, size }) => address <= at && at < address + size);
  const bytesAt = (at: number, size: number): Uint8Array | undefined => {
    const section = sectionAt(at);
    if (section === undefined) return undefined;
    const from = section.fileOffset + at - section.address;
    return image.bytes.subarray(from, from + size);
  };
  const operandsAt = (at: number): readonly StackOperand[] | 'copies' => {
    const bytes = bytesAt(at, isX86 ? 15 : 4);
    if (bytes === undefined) return 'copies';
    if (!isX86) return stackOperandsRiscv64(bytes, 0);
    let found: readonly StackOperand[] | 'copies' | undefined;
    sweep(bytes, BigInt(at), [], (instruction) => {
      found ??= stackOperandsX8664(instruction);
    });
    return found ?? 'copies';
  };
  const useAt = (entry: number) => {
    const fn = byStart.get(entry);
    return fn && useOf({ name: fn.name, address: BigInt(entry) });
  };
  const x86Clobbers = isX86 ? createClobbers(image) : undefined;
  const wholeAt = (entry: number): Uint8Array | undefined => {
    const size = byStart.get(entry)?.size ?? 0;
    return size === 0 ? undefined : bytesAt(entry, size);
  };
  return {
    depthOf,
    argumentsOf: ({ address }) =>
      mayReadStackArguments({ useAt, operandsAt, returnBytes: isX86 ? 8 : 0, savedBytes: isX86 ? 0 : 64 }, address)
        ? 'stack'
        : 'registers',
    clobbersOf: ({ address }) =>
      x86Clobbers === undefined ? clobbersRiscv64({ useAt, bytesAt: wholeAt }, address) : x86Clobbers(address),
    calledAtHome: (bodies) => (isX86 ? calledAtHome(image, bodies) : homeOf(code, bodies)),
  };
}

/** The object with the veneers that are planned. */
function veneersFor(image: LinkedImage, plan: readonly PlannedWipe[]): Uint8Array {
  if (requireDecoded(image.machine, 'wiping after functions') === 'x86-64')
    return wipeObjectX8664(plan, registerFilesOf(image));
  return wipeObjectRiscv64(plan, hasFloats(image), image.flags);
}

const isSame = (a: readonly PlannedWipe[], b: readonly PlannedWipe[]): boolean => {
  const text = (plan: readonly PlannedWipe[]): string =>
    JSON.stringify(plan.map(({ clears, ...rest }) => ({ ...rest, clears: clears && [...clears].sort() })));
  return text(a) === text(b);
};

/** What is enough for both: what one image shows may be less in the next, and must not go back and forth. */
function larger(before: readonly PlannedWipe[] | undefined, now: readonly PlannedWipe[]): PlannedWipe[] {
  return now.map((one, i) => {
    const other = before?.[i];
    if (other === undefined) return one;
    const place = one.arguments === 'stack' ? one.arguments : other.arguments;
    return { ...one, depth: Math.max(one.depth, other.depth), arguments: place };
  });
}

/**
 * Links with the functions that are asked for behind veneers. Errors: the linker's; 'undecided' for a depth that nobody knows;
 * 'relocation' for a way past a veneer; 'unsupported-input' for what no veneer can wipe.
 */
export function linkWiped(request: LinkRequest, asked: Wishes, said: SaidOfStack = {}): WipedLink {
  // Inputs are led to the veneers where they lie, so each link has its own.
  const { arena: _, ...rest } = request;
  let result = link(rest);
  const wishes = typeof asked === 'function' ? asked(result.image) : asked;
  const object = objectName(request);
  if (wishes.length === 0) return { ...result, wiped: [], object };
  let plan: PlannedWipe[] | undefined;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = larger(plan, planWipes(result.image, wishes, knowledgeOf(result.image, said)));
    if (plan !== undefined && isSame(plan, next)) {
      requireVeneers(
        result.image,
        wishes.map(({ function: name }) => name),
      );
      return { ...result, wiped: plan, object };
    }
    plan = next;
    const veneers = { name: object, bytes: veneersFor(result.image, plan) };
    const options = { ...request.options, interpositions: interpositionsOf(plan) };
    result = link({ ...rest, files: [...request.files, veneers], options });
  }
  return fail('layout', `--wipe: what the veneers need does not settle after ${MOST_ROUNDS} links`);
}
