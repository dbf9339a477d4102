/**
 * The veneer of x86-64: see veneer.ts.
 *
 * Right behind the call everything below the stack pointer is dead. The stack pointer is lowered over it first, so that
 * an analysis of stack use sees how deep the veneer goes, and nothing that interrupts it comes in between. Which vector
 * registers there are to clear depends on what code of the image there is: an image without AVX code cannot have filled
 * upper halves. With such code it depends on the processor, too, which is asked once.
 *
 * Clearing a register by an exclusive or with itself is what processors know as having no operands: it costs a place in
 * the pipeline and no time.
 * Source: System V ABI for x86-64, version 1.0, section 3.2; Intel SDM volume 1, sections 13.2 and 14.3.
 */
import { fail, printable } from '../../base/errors.ts';
import type { Item } from '../../machine/assemble/listing.ts';
import { label } from '../../machine/assemble/listing.ts';
import * as x86 from '../../machine/assemble/x86-64.ts';
import * as linked from '../../machine/assemble/x86-64-linked.ts';
import * as vectors from '../../machine/assemble/x86-64-vectors.ts';
import { UPPER_HALVES, X87 } from './clobbers-x86-64.ts';
import { originalName, SHADOW_ENTRIES, SHADOW_SPILL, SHADOW_TOP, type VeneerCode, type WipeRequest } from './veneer.ts';

/** The most that an image's code uses of vector registers. */
export type VectorLevel = 'none' | 'sse' | 'avx' | 'avx512';

/** What of a processor the image's code may fill. */
export interface RegisterFiles {
  readonly vectors: VectorLevel;
  /** It has x87 or MMX code. */
  readonly x87: boolean;
}

/** The word that says what the processor has: 0, or one of `has`. */
export const VECTORS = '__casemate_wipe_vectors';
export const DETECT = '__casemate_wipe_detect';
const has = { sse: 1, avx: 2, avx512: 3 } as const;

const CALLER_SAVED: readonly x86.Register[] = ['rax', 'rcx', 'rdx', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11'];
export const resultRegisters: readonly string[] = ['rax', 'rdx', 'xmm0', 'xmm1'];

/** Bytes up to which stores stand one after another; beyond, a loop. */
const MOST_UNROLLED = 1024;
/** Bytes that one round of the loop clears. */
const ROUND = 128;
/** What watched stack is painted with, sign-extended: no address, and no small number. */
const PAINT = 0x5ec3_7f2d;

const align = (value: number, to: number): number => Math.ceil(value / to) * to;

const rsp = (displacement: number): x86.Memory => ({ base: 'rsp', displacement });

type Field = linked.LinkedField;

/** A list of items that grows, with its fields; labels of fields are numbered. */
interface Draft {
  readonly items: Item[];
  readonly fields: Field[];
  /** General registers to clear, and numbers of vector registers: none that carries a result. */
  readonly general: readonly x86.Register[];
  readonly vectors: readonly number[];
  readonly isCleared: (register: string) => boolean;
  /** Some registers are not to be changed, whatever the convention says. */
  readonly keepsOthers: boolean;
  /** For messages. */
  readonly name: string;
}

function add(draft: Draft, made: (name: string) => linked.Linked): void {
  const { items, field } = made(`field ${draft.fields.length}`);
  draft.items.push(...items);
  draft.fields.push(field);
}

/** Clears what lies between two registers' worth of addresses: a store of `step` bytes at an address. */
type Store = (to: x86.Memory) => Item;

/** Clears `size` bytes, a multiple of 16, from the stack pointer on. */
function clearStack(draft: Draft, size: number, step: number, store: Store, tail: Store, name: string): void {
  const { items, general } = draft;
  const [pointer, count] = general.filter((register) => !/^r(8|9|10|11)$/.test(register));
  if (size <= MOST_UNROLLED || pointer === undefined || count === undefined) {
    if (size > 16 * MOST_UNROLLED)
      fail(
        'unsupported-input',
        `${draft.name}: ${size} bytes of stack, and no two registers to clear them with, since callers in its own unit ` +
          'may rely on the others; compile with -fno-ipa-ra',
      );
    let at = 0;
    for (; at + step <= size; at += step) items.push(store(rsp(at)));
    for (; at < size; at += 16) items.push(tail(rsp(at)));
    return;
  }
  items.push(x86.mov(pointer, 'rsp'), x86.movImmediate(count, Math.floor(size / ROUND)), label(name));
  for (let at = 0; at < ROUND; at += step) items.push(store({ base: pointer, displacement: at }));
  items.push(x86.aluImmediate('sub', pointer, -ROUND), x86.aluImmediate('sub', count, 1, 32), x86.jcc('ne', name));
  const rest = size % ROUND;
  for (let at = 0; at < rest; at += step === 8 ? 8 : 16) items.push(tail({ base: pointer, displacement: at }));
}

/** Where no vector register may be touched. */
function clearPlainly(draft: Draft, size: number, name: string): void {
  const store: Store = (to) => x86.storeImmediate(to, 0);
  clearStack(draft, size, 8, store, store, name);
}

function clearSse(draft: Draft, size: number): void {
  const zero = draft.vectors.find((number) => number < 8);
  draft.items.push(...draft.vectors.map(vectors.clearXmm));
  const store: Store = (to) => vectors.storeXmm(to, zero!);
  if (zero === undefined) clearPlainly(draft, size, 'sse round');
  else clearStack(draft, size, 16, store, store, 'sse round');
}

function clearAvx(draft: Draft, size: number): void {
  const zero = draft.vectors.find((number) => number < 8);
  draft.items.push(...draft.vectors.map(vectors.clearVector));
  const narrow: Store = (to) => vectors.storeXmm(to, zero!);
  if (zero === undefined) clearPlainly(draft, size, 'avx round');
  // Upper halves that others rely on could not be said to be zero afterwards.
  else if (draft.keepsOthers) clearStack(draft, size, 16, narrow, narrow, 'avx round');
  else clearStack(draft, size, 32, (to) => vectors.storeYmm(to, zero), narrow, 'avx round');
  // Code without AVX that follows costs no more then. A result of 128 bits has nothing to keep above them.
  if (!draft.keepsOthers) draft.items.push(vectors.plainVector('vzeroupper'));
}

function clearAvx512({ items, isCleared }: Draft): void {
  for (let i = 16; i < 32; i++) if (isCleared(`xmm${i}`)) items.push(vectors.clearZmm(i));
  for (let i = 0; i < 8; i++) if (isCleared(`k${i}`)) items.push(vectors.clearMask(i));
}

/** Clears stack and vector registers, by what the processor has. */
function clearByProcessor(draft: Draft, size: number, files: RegisterFiles): void {
  const { items } = draft;
  if (files.vectors === 'none' || files.vectors === 'sse') {
    if (files.vectors === 'none') clearPlainly(draft, size, 'round');
    else clearSse(draft, size);
    return;
  }
  add(draft, (name) => linked.compareSymbol(VECTORS, has.avx, name));
  items.push(x86.jcc('b', 'sse'));
  if (files.vectors === 'avx512') {
    items.push(x86.jcc('e', 'avx'));
    clearAvx512(draft);
    items.push(label('avx'));
  }
  clearAvx(draft, size);
  items.push(x86.jmp('cleared'), label('sse'));
  clearSse(draft, size);
  items.push(label('cleared'));
}

/** All eight registers of the x87, which MMX registers are part of; its stack is empty when a function returns. */
function clearX87({ items }: Draft): void {
  items.push(vectors.plainVector('emms'));
  for (let i = 0; i < 8; i++) items.push(vectors.plainVector('fldz'));
  for (let i = 0; i < 8; i++) items.push(vectors.plainVector('fstp st(0)'));
}

/** Compares what is watched, or paints it. */
function watch({ items }: Draft, from: number, watched: number, paints: boolean): void {
  for (let at = 0; at < watched; at += 8) {
    if (paints) items.push(x86.storeImmediate(rsp(from + at), PAINT));
    else items.push(x86.compareImmediate(rsp(from + at), PAINT), x86.jcc('ne', 'trap'));
  }
}

/** Code that works with r11: where callers rely on it, it waits in memory meanwhile, which is cleared. */
function withR11(draft: Draft, work: () => void): void {
  const isFree = !draft.keepsOthers || draft.isCleared('r11');
  if (!isFree) add(draft, (name) => linked.storeSymbol(SHADOW_SPILL, 'r11', name));
  work();
  if (isFree) return;
  add(draft, (name) => linked.loadSymbol('r11', SHADOW_SPILL, name));
  add(draft, (name) => linked.clearSymbol(SHADOW_SPILL, name));
}

/** Puts the caller's return address on the shadow stack; what the caller has put on the stack lies as it did then. */
function enterShadow(draft: Draft): void {
  const { items } = draft;
  withR11(draft, () => {
    add(draft, (name) => linked.loadSymbol('r11', SHADOW_TOP, name));
    items.push(x86.popMemory(x86.memory('r11')), x86.aluImmediate('add', 'r11', 8));
    add(draft, (name) => linked.storeSymbol(SHADOW_TOP, 'r11', name));
    // The stack is aligned to its own size, so that its end shows in the address.
    items.push(x86.testImmediate('r11', 8 * SHADOW_ENTRIES - 1), x86.jcc('e', 'trap'));
  });
}

function leaveShadow(draft: Draft): void {
  const { items } = draft;
  withR11(draft, () => {
    add(draft, (name) => linked.loadSymbol('r11', SHADOW_TOP, name));
    items.push(x86.aluImmediate('sub', 'r11', 8));
    add(draft, (name) => linked.storeSymbol(SHADOW_TOP, 'r11', name));
    items.push(x86.pushMemory(x86.memory('r11')));
  });
}

/**
 * Clears what lies above a result of fewer than 8 bytes: neither compilers' callers nor the ABI say anything of that. What
 * is of three bytes, a structure, stays as it is.
 */
function clearAbove({ items }: Draft, bytes: number): void {
  if (bytes === 4) items.push(x86.mov('rax', 'rax', 32));
  if (bytes === 1 || bytes === 2) items.push(x86.aluImmediate('and', 'rax', bytes === 1 ? 0xff : 0xffff, 32));
}

const allVectors = Array.from({ length: 16 }, (_, i) => i);

/** The veneer of one function. Errors: 'unsupported-input' where registers to work with are lacking. */
export function veneerX8664(request: WipeRequest, image: RegisterFiles): VeneerCode<Field> {
  const { depth, watched, results, clears, keepsOthers } = request;
  // Without AVX code in it a function leaves upper halves as they were, and the processor need not be asked.
  const isNarrow = image.vectors !== 'none' && clears !== undefined && !clears.has(UPPER_HALVES);
  const files: RegisterFiles = isNarrow ? { ...image, vectors: 'sse' } : image;
  const isCleared = (name: string): boolean => !results.includes(name) && (clears === undefined || clears.has(name));
  const draft: Draft = {
    items: [],
    fields: [],
    general: CALLER_SAVED.filter(isCleared),
    vectors: allVectors.filter((number) => isCleared(`xmm${number}`)),
    isCleared,
    keepsOthers,
    name: printable(request.function),
  };
  const { items } = draft;
  const hasFrame = request.arguments === 'registers';
  if (hasFrame) items.push(x86.aluImmediate('sub', 'rsp', 8));
  else enterShadow(draft);
  if (watched > 0) {
    const room = align(8 + depth + watched, 16);
    items.push(x86.aluImmediate('sub', 'rsp', room));
    watch(draft, room - 8 - depth - watched, watched, true);
    items.push(x86.aluImmediate('add', 'rsp', room));
  }
  add(draft, (name) => linked.callSymbol(originalName(request.function), name));
  // Below the stack pointer: the function's return address, where a frame leaves it, and its dead stack.
  const above = hasFrame ? 8 : 0;
  if (!hasFrame) leaveShadow(draft);
  if (watched > 0) {
    const room = align(above + depth + watched, 16);
    items.push(x86.aluImmediate('sub', 'rsp', room));
    watch(draft, room - above - depth - watched, watched, false);
    items.push(x86.aluImmediate('add', 'rsp', room));
  }
  const asks = files.vectors === 'avx' || files.vectors === 'avx512';
  const size = Math.max(align(above + depth, 16), asks ? DETECT_STACK : 0);
  if (asks) {
    add(draft, (name) => linked.compareSymbol(VECTORS, 0, name));
    items.push(x86.jcc('ne', 'asked'));
    add(draft, (name) => linked.callSymbol(DETECT, name));
    items.push(label('asked'));
  }
  items.push(x86.aluImmediate('sub', 'rsp', size));
  clearByProcessor(draft, size, files);
  if (files.x87 && (clears === undefined || clears.has(X87))) clearX87(draft);
  const isWritten = clears === undefined || clears.has('rax');
  if (request.resultBytes !== undefined && isWritten) clearAbove(draft, request.resultBytes);
  for (const register of draft.general) items.push(x86.alu('xor', register, register, 32));
  // The last instruction that sets flags has no operand that depends on anything but the stack pointer.
  items.push(x86.aluImmediate('add', 'rsp', size + (hasFrame ? 8 : 0)), x86.ret());
  if (!hasFrame || watched > 0) items.push(label('trap'), x86.plain('ud2'));
  return draft;
}

/** Bytes of stack that the question takes, which the veneer clears afterwards: registers are saved there. */
const DETECT_STACK = 48;

/**
 * Finds out once what the processor has and the system lets it use, and stores it in VECTORS. Called by veneers, before
 * they clear: all registers are kept.
 */
export function detectX8664(level: 'avx' | 'avx512'): VeneerCode<Field> {
  const draft: Draft = {
    ...{ items: [], fields: [], general: [], vectors: [], isCleared: () => false, keepsOthers: true, name: DETECT },
  };
  const { items } = draft;
  const saved = ['rax', 'rbx', 'rcx', 'rdx', 'rsi'] as const;
  const AVX_USABLE = 0x1800_0000;
  items.push(...saved.map(x86.push), x86.movImmediate('rsi', has.sse));
  items.push(x86.movImmediate('rax', 1), x86.movImmediate('rcx', 0), x86.plain('cpuid'));
  items.push(x86.aluImmediate('and', 'rcx', AVX_USABLE, 32), x86.aluImmediate('cmp', 'rcx', AVX_USABLE, 32));
  items.push(x86.jcc('ne', 'known'), x86.movImmediate('rcx', 0), vectors.plainVector('xgetbv'));
  items.push(x86.mov('rcx', 'rax', 32), x86.aluImmediate('and', 'rcx', 6, 32), x86.aluImmediate('cmp', 'rcx', 6, 32));
  items.push(x86.jcc('ne', 'known'), x86.movImmediate('rsi', has.avx));
  if (level === 'avx512') {
    items.push(x86.aluImmediate('and', 'rax', 0xe6, 32), x86.aluImmediate('cmp', 'rax', 0xe6, 32));
    items.push(x86.jcc('ne', 'known'), x86.movImmediate('rsi', has.avx512));
  }
  items.push(label('known'));
  add(draft, (name) => linked.storeSymbol32(VECTORS, 'rsi', name));
  items.push(...[...saved].reverse().map(x86.pop), x86.ret());
  return draft;
}
