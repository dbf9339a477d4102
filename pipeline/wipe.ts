/**
 * Links a program with veneers that erase (hardening/wipe/): links it, asks the linked bytes what each function needs,
 * links it again, and holds the result against what was asked.
 *
 * Veneers change what they were planned from: a function that calls another one behind a veneer takes more stack, and
 * RISC-V's relaxation may find other distances. So it goes on until a plan made from the image is the plan that it was
 * made by.
 */
import { fail, printable } from '../base/errors.ts';
import { interpositionsOf, WIPE_OBJECT, wipeObjectX8664 } from '../hardening/wipe/object.ts';
import {
  type PlannedWipe,
  type ProvedDepth,
  planWipes,
  type StackKnowledge,
  type WipeWish,
} from '../hardening/wipe/plan.ts';
import { registerFilesOf } from '../hardening/wipe/register-files.ts';
import { mayReadStackArguments } from '../hardening/wipe/stack-arguments.ts';
import { stackOperandsX8664 } from '../hardening/wipe/stack-operands-x86-64.ts';
import { requireVeneers } from '../hardening/wipe/verify-x86-64.ts';
import type { LinkedImage } from '../linker/image.ts';
import { type LinkResult, link } from '../linker/link.ts';
import type { ImageFunction } from '../linker/provenance.ts';
import type { LinkRequest } from '../linker/request.ts';
import { sweep } from '../machine/decode-x86-64.ts';
import type { Manifest } from './manifest.ts';
import { boundOfImage, redZones } from './stack.ts';
import { codeOf, relocatedWords } from './stack-code.ts';

export interface WipedLink extends LinkResult {
  /** The veneers that the image has. */
  readonly wiped: readonly PlannedWipe[];
}

/** Images that are linked before it is given up. */
const MOST_ROUNDS = 8;

/** What linked bytes and the manifest's "stack" say. */
function knowledgeOf(image: LinkedImage, stack: Manifest['stack']): StackKnowledge {
  const { useOf, byStart } = codeOf(image, relocatedWords(image));
  const depthOf = (fn: ImageFunction): ProvedDepth => {
    const at = (pointer: string): string => `casemate.json${pointer}`;
    const manifest = stack === undefined ? {} : { stack };
    const bound = boundOfImage({ image, manifest, at, target: { entry: { name: fn.name, object: fn.object } } });
    if ('bytes' in bound) return { bytes: Math.ceil((bound.bytes + redZones[image.machine]) / 8) * 8 };
    const [first] = bound;
    return { reason: first === undefined ? 'nothing is known of it' : `${printable(first.name)}: ${first.text}` };
  };
  const sectionAt = (at: number) => image.sections.find(({ address, size }) => address <= at && at < address + size);
  const operandsAt = (at: number) => {
    const section = sectionAt(at);
    if (section === undefined) return 'copies';
    const from = section.fileOffset + at - section.address;
    let found: ReturnType<typeof stackOperandsX8664> = 'copies';
    let isFirst = true;
    sweep(image.bytes.subarray(from, from + 15), BigInt(at), [], (instruction) => {
      if (isFirst) found = stackOperandsX8664(instruction);
      isFirst = false;
    });
    return found;
  };
  return {
    depthOf,
    argumentsOf: ({ address }) =>
      mayReadStackArguments(
        {
          useAt: (entry) => {
            const fn = byStart.get(entry);
            return fn && useOf({ name: fn.name, address: BigInt(entry) });
          },
          operandsAt,
          returnBytes: 8,
        },
        address,
      )
        ? 'stack'
        : 'registers',
  };
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
 * Links with the functions of `wishes` behind veneers. Errors: the linker's; 'undecided' for a depth that nobody knows;
 * 'relocation' for a way past a veneer; 'unsupported-input' for what no veneer can wipe.
 */
export function linkWiped(request: LinkRequest, wishes: readonly WipeWish[], stack?: Manifest['stack']): WipedLink {
  // Inputs are led to the veneers where they lie, so each link has its own.
  const { arena: _, ...rest } = request;
  let result = link(rest);
  if (result.image.machine !== 'x86-64')
    fail('unsupported-input', `--wipe: there are no veneers for ${result.image.machine} yet`);
  let plan: PlannedWipe[] | undefined;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = larger(plan, planWipes(result.image, wishes, knowledgeOf(result.image, stack)));
    if (plan !== undefined && isSame(plan, next)) {
      requireVeneers(
        result.image,
        wishes.map(({ function: name }) => name),
      );
      return { ...result, wiped: plan };
    }
    plan = next;
    const veneers = { name: WIPE_OBJECT, bytes: wipeObjectX8664(plan, registerFilesOf(result.image)) };
    const options = { ...request.options, interpositions: interpositionsOf(plan) };
    result = link({ ...rest, files: [...request.files, veneers], options });
  }
  return fail('layout', `--wipe: what the veneers need does not settle after ${MOST_ROUNDS} links`);
}
