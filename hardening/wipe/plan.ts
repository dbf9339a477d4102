/**
 * What veneers an image needs, as its linked bytes show: how deep each function goes, where its arguments may lie, which
 * registers it may change.
 *
 * An image is linked, planned for, and linked again with the veneers; a function that calls another one behind a veneer
 * then goes deeper, so plans are made until they no longer change.
 */
import { fail, printable } from '../../base/errors.ts';
import type { LinkedImage } from '../../linker/image.ts';
import type { Machine } from '../../linker/program.ts';
import { functionsOf, type ImageFunction } from '../../linker/provenance.ts';
import { type DecodedMachine, requireDecoded } from '../decoded-machine.ts';
import type { Clobbers } from './clobbers-x86-64.ts';
import { type ArgumentPlace, originalName, type WipeRequest } from './veneer.ts';

/** What is asked for. */
export interface WipeWish {
  readonly function: string;
  /** Bytes of stack that it takes at most, as its author says; only where none are proved it counts, and is watched. */
  readonly maxStack?: number;
  /** Registers that carry its result; default: the first of integers. */
  readonly results?: readonly string[];
  /** Bytes of that, if it is in a single one and they are known. */
  readonly resultBytes?: number;
}

/** Bytes that are proved, or why there are none. */
export type ProvedDepth = { readonly bytes: number } | { readonly reason: string };

/** What is known of an image's code. */
export interface CodeKnowledge {
  /** Registers that a function may write, with all that it calls. */
  readonly clobbersOf: (fn: ImageFunction) => Clobbers;
  /** Entries of those functions that code of their own object comes to directly, or may come to. */
  readonly calledAtHome: (bodies: readonly Body[]) => ReadonlySet<number>;

  readonly depthOf: (fn: ImageFunction) => ProvedDepth;
  readonly argumentsOf: (fn: ImageFunction) => ArgumentPlace;
}

export interface PlannedWipe extends WipeRequest {
  /** Whether the depth is proved. */
  readonly isProved: boolean;
}

/** Bytes that are watched below a depth that nobody has proved. */
const WATCHED = 128;

/** Where integers and pointers are returned. */
const returned: Record<DecodedMachine, readonly string[]> = { 'x86-64': ['rax'], riscv64: ['a0'] };

/** Errors: 'unsupported-input' for a machine that no veneer is written for. */
export function defaultResults(machine: Machine): readonly string[] {
  return returned[requireDecoded(machine, 'wiping after functions')];
}

/** Registers that carry arguments. Sources: the psABIs for x86-64, section 3.2.3, and RISC-V, "Calling conventions". */
const argumentRegisters: Record<DecodedMachine, readonly string[]> = {
  'x86-64': ['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9', 'rax', 'r10', ...Array.from({ length: 8 }, (_, i) => `xmm${i}`)],
  riscv64: Array.from({ length: 8 }, (_, i) => [`a${i}`, `fa${i}`]).flat(),
};

/** A function; `veneer`: the entry of its veneer, where the image has one. */
export type Body = ImageFunction & { readonly veneer?: number };

/** The functions themselves, in an image with or without their veneers. Errors: 'undefined-symbol'. */
function bodiesOf(image: LinkedImage, names: readonly string[]): Body[] {
  const functions = functionsOf(image);
  return names.map((name) => {
    const named = functions.find((fn) => fn.name === name && fn.size > 0);
    const behind = functions.find((fn) => fn.name === originalName(name));
    if (behind !== undefined) return { ...behind, ...(named && { veneer: named.address }) };
    return (
      named ??
      fail('undefined-symbol', `${printable(name)}: the image has no function of this name whose size is known`)
    );
  });
}

function depthFor(wish: WipeWish, proved: ProvedDepth): { depth: number; watched: number; isProved: boolean } {
  if ('bytes' in proved) return { depth: proved.bytes, watched: 0, isProved: true };
  const { maxStack } = wish;
  // What is watched is a multiple of 8 bytes, and so is what lies above it; a veneer may need two words there.
  if (maxStack !== undefined)
    return { depth: Math.max(16, Math.ceil(maxStack / 8) * 8), watched: WATCHED, isProved: false };
  const name = printable(wish.function);
  return fail(
    'undecided',
    `${name}: how much stack it takes is not proved (${proved.reason}), so nobody knows how much to wipe; say how much it ` +
      `takes at most (--wipe ${name}:BYTES, "maxStack", CASEMATE_MAX_STACK)`,
  );
}

/** Plans for an image, with the veneers that it has already. Errors: 'undecided', 'undefined-symbol'. */
export function planWipes(image: LinkedImage, wishes: readonly WipeWish[], code: CodeKnowledge): PlannedWipe[] {
  const machine = requireDecoded(image.machine, 'wiping after functions');
  const bodies = bodiesOf(
    image,
    wishes.map(({ function: name }) => name),
  );
  const atHome = code.calledAtHome(bodies);
  return wishes.map((wish, i) => {
    const body = bodies[i]!;
    const clobbers = code.clobbersOf(body);
    const keepsOthers = clobbers !== undefined && atHome.has(body.address);
    // An argument that it leaves where it was given may be a secret itself.
    const given = keepsOthers ? [] : argumentRegisters[machine];
    return {
      function: wish.function,
      ...depthFor(wish, code.depthOf(body)),
      results: wish.results ?? returned[machine],
      ...(wish.resultBytes !== undefined && { resultBytes: wish.resultBytes }),
      ...(clobbers !== undefined && { clears: new Set([...clobbers, ...given]) }),
      keepsOthers,
      arguments: code.argumentsOf(body),
    };
  });
}
