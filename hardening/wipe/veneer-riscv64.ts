/**
 * The veneer of RV64: see veneer.ts.
 *
 * The return address is in a register, so it is what a veneer has to keep: in a frame of its own, or, where arguments may
 * lie on the stack, on the shadow stack. Memory is cleared from the zero register.
 * Source: RISC-V psABI 1.0, "Register Convention" and "Integer Calling Convention".
 */
import { fail, printable } from '../../base/errors.ts';
import { type Item, label } from '../../machine/assemble/listing.ts';
import * as rv from '../../machine/assemble/riscv64.ts';
import * as linked from '../../machine/assemble/riscv64-linked.ts';
import { originalName, SHADOW_ENTRIES, SHADOW_TOP, type VeneerCode, type WipeRequest } from './veneer.ts';

const CALLER_SAVED: readonly rv.Register[] = [
  ...(['t0', 't1', 't2', 'a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 't3', 't4', 't5', 't6'] as const),
];
/** ft0 to ft7, fa0 to fa7, ft8 to ft11. */
const FLOATS = [...[0, 1, 2, 3, 4, 5, 6, 7], ...[10, 11, 12, 13, 14, 15, 16, 17], ...[28, 29, 30, 31]];
const floatName = (n: number): string => (n >= 10 && n <= 17 ? `fa${n - 10}` : `ft${n > 17 ? n - 20 : n}`);
export const floatRegister = (n: number): string | undefined => (FLOATS.includes(n) ? floatName(n) : undefined);

export const riscvResults: readonly string[] = ['a0', 'a1', 'fa0', 'fa1'];

const MOST_UNROLLED = 512;
const ROUND = 64;
/** The furthest that one instruction moves the stack pointer and keeps it aligned. */
const STEP = 2032;
/** What watched stack is painted with. */
const PAINT = 0x5ec3_7f2d;

type Field = linked.LinkedSequence;

interface Draft {
  readonly items: Item[];
  readonly fields: Field[];
}

function add({ items, fields }: Draft, made: (name: string) => { items: readonly Item[]; field: Field }): void {
  const { items: more, field } = made(`field ${fields.length}`);
  items.push(...more);
  fields.push(field);
}

/** Lowers the stack pointer, or raises it, in steps that an analysis of stack use follows. */
function moveStack({ items }: Draft, bytes: number): void {
  for (let left = bytes; left !== 0; ) {
    const step = Math.max(-STEP, Math.min(STEP, left));
    items.push(rv.aluImmediate('addi', 'sp', 'sp', step));
    left -= step;
  }
}

/** Clears `size` bytes, a multiple of 16, from the stack pointer on. */
function clearStack({ items }: Draft, size: number, scratch: readonly rv.Register[]): void {
  const [pointer, count] = scratch;
  if (size <= MOST_UNROLLED || pointer === undefined || count === undefined) {
    for (let at = 0; at < size; at += 8) items.push(rv.store('sd', 'zero', 'sp', at));
    return;
  }
  items.push(rv.mv(pointer, 'sp'), ...rv.li(count, Math.floor(size / ROUND)), label('round'));
  for (let at = 0; at < ROUND; at += 8) items.push(rv.store('sd', 'zero', pointer, at));
  items.push(rv.aluImmediate('addi', pointer, pointer, ROUND), rv.aluImmediate('addi', count, count, -1));
  items.push(rv.branch('bne', count, 'zero', 'round'));
  for (let at = 0; at < size % ROUND; at += 8) items.push(rv.store('sd', 'zero', pointer, at));
}

/** Code that works with t0 and t1; where callers rely on them they wait on the stack, in what is cleared later. */
function withScratch(draft: Draft, isFree: boolean, work: () => void): void {
  const { items } = draft;
  if (!isFree)
    items.push(rv.aluImmediate('addi', 'sp', 'sp', -16), rv.store('sd', 't0', 'sp', 0), rv.store('sd', 't1', 'sp', 8));
  work();
  if (!isFree)
    items.push(rv.load('ld', 't0', 'sp', 0), rv.load('ld', 't1', 'sp', 8), rv.aluImmediate('addi', 'sp', 'sp', 16));
}

/** Watches `watched` bytes that end `depth` bytes below the stack pointer: paints them, or compares them. */
function watch(draft: Draft, { depth, watched }: WipeRequest, paints: boolean, isFree: boolean): void {
  const { items } = draft;
  const room = Math.ceil((depth + watched) / 16) * 16;
  withScratch(draft, isFree, () => {
    // What waits lies above.
    const lift = isFree ? 0 : 16;
    moveStack(draft, lift - room);
    items.push(...rv.li('t0', PAINT));
    const from = room - depth - watched;
    for (let at = 0; at < watched; at += 8) {
      if (paints) items.push(rv.store('sd', 't0', 'sp', from + at));
      else items.push(rv.load('ld', 't1', 'sp', from + at), rv.branch('bne', 't0', 't1', 'trap'));
    }
    moveStack(draft, room - lift);
  });
}

/** The veneer of one function; `floats`: the image has floating-point code. Errors: 'unsupported-input'. */
export function veneerRiscv64(request: WipeRequest, floats: boolean): VeneerCode<Field> {
  const { depth, watched, results, clears, keepsOthers } = request;
  const isCleared = (name: string): boolean => !results.includes(name) && (clears === undefined || clears.has(name));
  const draft: Draft = { items: [], fields: [] };
  const { items } = draft;
  const general = CALLER_SAVED.filter(isCleared);
  const hasFrame = request.arguments === 'registers';
  const isFree = !keepsOthers || (general.includes('t0') && general.includes('t1'));
  // What waits while scratch registers are borrowed lies in what is cleared.
  const size = Math.max(16, Math.ceil(depth / 16) * 16);
  if (size > MOST_UNROLLED && keepsOthers && general.length < 2 && size > STEP)
    fail(
      'unsupported-input',
      `${printable(request.function)}: ${size} bytes of stack, and no two registers to clear them with, since callers in its ` +
        'own unit may rely on the others; compile with -fno-ipa-ra',
    );
  if (watched > 0 && depth + watched < 16)
    fail('usage', `${printable(request.function)}: a stack of ${depth} bytes is too little to be watched`);
  const topOf = (work: () => void): void =>
    withScratch(draft, isFree, () => {
      add(draft, (name) => linked.addressOf('t0', SHADOW_TOP, name));
      items.push(rv.load('ld', 't1', 't0'));
      work();
    });
  if (hasFrame) items.push(rv.aluImmediate('addi', 'sp', 'sp', -16), rv.store('sd', 'ra', 'sp', 8));
  else
    topOf(() => {
      items.push(rv.store('sd', 'ra', 't1'), rv.aluImmediate('addi', 't1', 't1', 8), rv.store('sd', 't1', 't0'));
      // The stack is aligned to its own size, so that its end shows in the address.
      items.push(rv.aluImmediate('andi', 't1', 't1', 8 * SHADOW_ENTRIES - 1), rv.branch('beq', 't1', 'zero', 'trap'));
    });
  if (watched > 0) watch(draft, request, true, isFree);
  add(draft, (name) => linked.callSymbol(originalName(request.function), name));
  if (hasFrame) items.push(rv.load('ld', 'ra', 'sp', 8));
  else
    topOf(() => {
      items.push(rv.aluImmediate('addi', 't1', 't1', -8), rv.load('ld', 'ra', 't1'), rv.store('sd', 't1', 't0'));
    });
  if (watched > 0) watch(draft, request, false, isFree);
  moveStack(draft, -size);
  clearStack(
    draft,
    size,
    general.filter((name) => name.startsWith('t') || name.startsWith('a')),
  );
  moveStack(draft, size + (hasFrame ? 16 : 0));
  // Results of up to 32 bits are extended to that as their type says, and then by their sign, which stays as it is.
  const isNarrow = [1, 2, 4].includes(request.resultBytes ?? 8);
  if (isNarrow && (clears === undefined || clears.has('a0'))) items.push(rv.aluImmediate('addiw', 'a0', 'a0', 0));
  for (const register of general) items.push(rv.mv(register, 'zero'));
  if (floats) items.push(...FLOATS.filter((n) => isCleared(floatName(n))).map(linked.clearFloat));
  items.push(rv.ret());
  if (!hasFrame || watched > 0) items.push(label('trap'), rv.plain('ebreak'));
  return draft;
}
