/**
 * Residue, confirmed: the function is run on numbers with one secret and with another, and what is said to be left is
 * looked at. Bytes that differ are there, whatever the analysis took for granted on its way.
 *
 * Both runs have the same public arguments, and only runs that return the same are compared. Secrets are drawn, the same
 * ones every time, and some are nearly equal to what a function may compare them with. Residue that no two runs show is
 * not reproduced, which says nothing against it: it may take another secret, a way that these do not take, or a number of
 * steps that nobody waits for.
 */
import { fail, hex } from '../../base/errors.ts';
import type { Allocator } from './blocks.ts';
import { allVerdicts } from './judge.ts';
import type { Processor } from './processor.ts';
import type { Answer, FollowedImage, Parts, Question, RegisterResidue, Residue, Status, Verdict } from './question.ts';
import { argumentRegions, imageByte, variableAt } from './regions.ts';
import { type Native, type Ran, type Run, type Runner, runnerOf } from './runners.ts';
import { IMAGE, STACK, THREAD } from './values.ts';

/** Where the memory of a run is: far from any image that can be followed, and regions far from each other. */
const BASE = 2n ** 45n;
const APART = 2n ** 32n;
const REACH = 2n ** 24n;
const END = 2 ** 52;

/** What is below is the image's, or nothing. */
const LOWEST = BASE - APART / 2n;

const baseOf = (region: number): bigint => BASE + APART * BigInt(region);

/** A byte that looks random and is the same every time. */
function mixed(...seed: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const one of seed) {
    hash = Math.imul(hash ^ (one & 0xffff), 0x01000193);
    hash = Math.imul(hash ^ (one >>> 16), 0x01000193);
    hash ^= hash >>> 15;
  }
  return (Math.imul(hash, 0x2c1b3c6d) >>> 11) & 255;
}

const RANDOM = 3;
const SECRETS = RANDOM + 4;

/** What public memory holds. */
const filler = (region: number, offset: number): number => mixed(77, region, offset);

/** A byte of a secret: of the first ones random, of the others that of public memory, or zero, but for one. */
function secretByte(secret: number, argument: number, size: number, offset: number, like: number | undefined): number {
  if (secret < RANDOM || offset === mixed(5, secret, argument) % size) return mixed(secret, argument, offset);
  return secret % 2 === 0 && like !== undefined ? filler(like, offset) : 0;
}

/** A block that a run was given: its region is the run's own. */
interface RunBlock {
  readonly region: number;
  readonly size: number;
  /** Where the call returned to; -1: out of the function. */
  readonly site: number;
}

/** Numbers of secrets that are variables, behind those of arguments. */
const FIRST_VARIABLE = 64;

interface RunMemory extends Pick<Run, 'load' | 'store'> {
  readonly byteAt: (region: number, offset: number) => number;
  readonly blocks: RunBlock[];
}

interface Seen extends Pick<RunMemory, 'byteAt' | 'blocks'> {
  readonly ran: Ran;
}

interface Plan {
  readonly image: FollowedImage;
  readonly question: Question;
  readonly processor: Processor;
  readonly runner: Runner;
  readonly mostSteps: number;
}

/** Memory of a run: regions far from each other, and what has been stored in them. */
function createRunMemory({ image, question }: Plan, secret: number, stack: bigint): RunMemory {
  const regions = argumentRegions(question);
  const blocks: RunBlock[] = [];
  const written = new Map<number, Map<number, number>>();
  const initial = new Map<number, (offset: number) => number>();
  for (const [number, region] of regions) {
    const argument = question.arguments[number]!;
    const size = sizeOf(question, number) ?? 0;
    const like = [...regions].find(([other]) => other !== number && sizeOf(question, other) === size)?.[1];
    const isSecret = (offset: number): boolean => argument.kind === 'secret' && 0 <= offset && offset < size;
    initial.set(region, (offset) =>
      isSecret(offset) ? secretByte(secret, number, size, offset, like) : filler(region, offset),
    );
  }
  const initialByte = (address: number): number => {
    const variable = variableAt(question, address);
    if (variable?.holds === 'secret')
      return secretByte(
        secret,
        FIRST_VARIABLE + variable.address,
        variable.size,
        address - variable.address,
        undefined,
      );
    const byte = imageByte(image, address);
    if (byte === undefined) return fail('limit', `a run reads ${hex(address)}, where nothing is`);
    if (byte === null) return fail('limit', `a run reads ${hex(address)}, which a relocation makes nobody knows what`);
    return byte;
  };
  const byteAt = (region: number, offset: number): number => {
    const own = written.get(region)?.get(offset);
    if (own !== undefined) return own;
    return region === IMAGE ? initialByte(offset) : (initial.get(region)?.(offset) ?? filler(region, offset));
  };
  const placeOf = (address: bigint): readonly [number, number] => {
    if (address < LOWEST) return [IMAGE, Number(address)];
    const region = Number((address - LOWEST) / APART);
    const offset = address - (region === STACK ? stack : baseOf(region));
    if (region === IMAGE || region > THREAD + regions.size + blocks.length || offset > REACH || offset < -REACH)
      fail('limit', `a run reaches for ${hex(address)}, where nothing is`);
    return [region, Number(offset)];
  };
  return {
    byteAt,
    blocks,
    load: (address, bytes) => {
      const [region, offset] = placeOf(address);
      let value = 0n;
      for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(byteAt(region, offset + i));
      return value;
    },
    store: (address, value, bytes) => {
      const [region, offset] = placeOf(address);
      const own = written.get(region) ?? new Map<number, number>();
      written.set(region, own);
      for (let i = 0; i < bytes; i++) own.set(offset + i, Number((value >> BigInt(8 * i)) & 255n));
    },
  };
}

/** A block's size, at most: what lies behind is another region. */
const MOST_SIZE = 2 ** 24;

/** What allocators do in a run: blocks come one after another, and none is used again. */
function nativesOf({ image, question, processor }: Plan, memory: RunMemory): Run['natives'] {
  const entry = image.symbols.get(question.function);
  const first = THREAD + 1 + argumentRegions(question).size;
  const give = (size: bigint, back: bigint): bigint => {
    if (size > MOST_SIZE) fail('limit', `a run asks for ${size} bytes of memory`);
    const region = first + memory.blocks.length;
    memory.blocks.push({ region, size: Number(size), site: Number(back) === END ? -1 : Number(back) });
    return baseOf(region);
  };
  const clear = (address: bigint, size: bigint): void => {
    for (let i = 0n; i < size; i++) memory.store(address + i, 0n, 1);
  };
  const sizeAt = (address: bigint): number => memory.blocks.find(({ region }) => baseOf(region) === address)?.size ?? 0;
  const again = (old: bigint, size: bigint, back: bigint): bigint => {
    const address = give(size, back);
    const least = Math.min(Number(size), sizeAt(old));
    for (let i = 0n; i < least; i++) memory.store(address + i, memory.load(old + i, 1), 1);
    return address;
  };
  const nativeOf =
    ({ role, wipes }: Allocator): Native =>
    (register, back) => {
      const [a, b, c] = [0, 1, 2].map((i) => register(processor.argumentRegisters[i]!)) as [bigint, bigint, bigint];
      switch (role) {
        case 'malloc':
          return give(a, back);
        case 'calloc': {
          const address = give(a * b, back);
          clear(address, a * b);
          return address;
        }
        case 'aligned_alloc':
          return give(b, back);
        case 'posix_memalign':
          memory.store(a, give(c, back), 8);
          return 0n;
        case 'realloc':
          return again(a, b, back);
        case 'reallocarray':
          return again(a, b * c, back);
        case 'free':
          if (wipes === true) clear(a, BigInt(sizeAt(a)));
          return 0n;
      }
    };
  const others = [...(image.allocators ?? [])].filter(([address]) => address !== entry);
  return new Map(others.map(([address, allocator]) => [address, nativeOf(allocator)]));
}

/** What a register, or a word of the stack, holds that carries an argument. */
function argumentWord({ question }: Plan, number: number, secret: number): bigint {
  const argument = question.arguments[number]!;
  if (argument.kind === 'value') return BigInt.asUintN(64, argument.value);
  if (argument.kind !== 'secret value') return baseOf(argumentRegions(question).get(number)!);
  let value = 0n;
  for (let i = 0; i < 8; i++) value = (value << 8n) | BigInt(secretByte(secret, number, 8, i, undefined));
  return value;
}

function runWith(plan: Plan, secret: number, remainder: number): Seen {
  const { image, question, processor, runner, mostSteps } = plan;
  const stack = baseOf(STACK) + BigInt(remainder);
  const memory = createRunMemory(plan, secret, stack);
  const registers = new Map<number, bigint>([[processor.stackPointer, stack]]);
  for (const number of Object.keys(question.arguments).map(Number)) {
    const register = processor.argumentRegisters[number];
    const value = argumentWord(plan, number, secret);
    const offset = processor.returnBytes + 8 * (number - processor.argumentRegisters.length);
    if (register === undefined) memory.store(stack + BigInt(offset), value, 8);
    else registers.set(register, value);
  }
  if (processor.returnBytes > 0) memory.store(stack, BigInt(END), 8);
  else registers.set(processor.link!, BigInt(END));
  const entry = image.symbols.get(question.function)!;
  const natives = nativesOf(plan, memory);
  const ran = runner({ entry, end: END, most: mostSteps, registers, thread: baseOf(THREAD), natives, ...memory });
  return { ran, byteAt: memory.byteAt, blocks: memory.blocks };
}

function sizeOf({ arguments: all }: Question, number: number): number | undefined {
  const argument = all[number]!;
  return 'size' in argument ? argument.size : undefined;
}

/** Whether two runs return the same. */
function returnSame({ question, processor }: Plan, a: Seen, b: Seen): boolean {
  const mask = (1n << BigInt(8 * question.result)) - 1n;
  return ((a.ran.general[processor.result]! ^ b.ran.general[processor.result]!) & mask) === 0n;
}

type Shows = (region: number, residue: Residue) => boolean;

function marked<R extends { readonly status?: Status }>(
  verdict: Verdict<R>,
  shows: (residue: R) => boolean,
): Verdict<R> {
  if (verdict.kind !== 'residue') return verdict;
  return {
    kind: 'residue',
    residue: verdict.residue.map((one) => ({ ...one, status: shows(one) ? 'confirmed' : 'not reproduced' })),
  };
}

function confirmedParts(
  question: Question,
  parts: Parts,
  shows: Shows,
  shown: (one: RegisterResidue) => boolean,
  showsBlock: (one: Residue) => boolean,
): Parts {
  const regions = argumentRegions(question);
  const regionOf = (name: string): number =>
    name === 'image' || name.startsWith('variable ') ? IMAGE : name === 'thread' ? THREAD : regions.get(Number(name))!;
  const each = (verdicts: Readonly<Record<string, Verdict<Residue>>>): Record<string, Verdict<Residue>> =>
    Object.fromEntries(
      Object.entries(verdicts).map(([name, one]) => [name, marked(one, (range) => shows(regionOf(name), range))]),
    );
  return {
    stack: marked(parts.stack, (range) => shows(STACK, range)),
    registers: marked(parts.registers, shown),
    buffers: each(parts.buffers),
    elsewhere: each(parts.elsewhere),
    freed: marked(parts.freed, showsBlock),
    kept: marked(parts.kept, showsBlock),
  };
}

/** Whether some residue is there of which no pair of runs has shown anything yet. */
const isOpen = (parts: Parts): boolean =>
  allVerdicts(parts).some(
    (verdict: Verdict<{ status?: Status }>) =>
      verdict.kind === 'residue' && verdict.residue.some(({ status }) => status !== 'confirmed'),
  );

/** Contents of a register, of all registers that answers name. */
function contents({ names, vectors }: Processor, { general, vectors: lanes, flags }: Ran, name: string) {
  const number = names.indexOf(name);
  if (number >= 0) return [general[number]!];
  return lanes.find((_, i) => vectors.name(i) === name) ?? flags.get(name) ?? [];
}

function differs(a: Seen, b: Seen, region: number, { from, length }: Residue): boolean {
  for (let at = from; at < from + length; at++) if (a.byteAt(region, at) !== b.byteAt(region, at)) return true;
  return false;
}

function confirmedBy({ question, processor }: Plan, parts: Parts, pairs: readonly (readonly [Seen, Seen])[]): Parts {
  const shows: Shows = (region, residue) => pairs.some(([a, b]) => differs(a, b, region, residue));
  const shown = ({ register }: RegisterResidue): boolean =>
    pairs.some(([a, b]) => {
      const others = contents(processor, b.ran, register);
      // Of the register of results, what is returned is the same in both.
      return contents(processor, a.ran, register).some((lane, i) => lane !== others[i]);
    });
  // Of blocks that one call gave, those of two runs are compared that are the same one in both.
  const showsBlock = (residue: Residue): boolean => {
    const { site, region } = residue.block!;
    if (site === undefined) return shows(region, residue);
    return pairs.some(([a, b]) =>
      a.blocks.some((block, i) => {
        const isSame = block.site === site && b.blocks[i]?.site === site;
        return isSame && differs(a, b, block.region, residue);
      }),
    );
  };
  return confirmedParts(question, parts, shows, shown, showsBlock);
}

export interface ReplayOptions {
  /** Of the stack pointer, divided by 64. */
  readonly remainders: readonly number[];
  /** Instructions of each run, at most. */
  readonly mostSteps: number;
  /** Whether nobody waits any longer. */
  readonly isOver: () => boolean;
}

/** The answer, and of each residue at the return whether two runs showed it; `replayed` says how it went. */
export function confirmResidue(
  image: FollowedImage,
  question: Question,
  processor: Processor,
  answer: Answer,
  { remainders, mostSteps, isOver }: ReplayOptions,
): Answer {
  const runner = runnerOf(image);
  if (runner === undefined || mostSteps === 0 || !isOpen(answer)) return answer;
  const plan: Plan = { image, question, processor, runner, mostSteps };
  const pairs: (readonly [Seen, Seen])[] = [];
  const problems = new Set<string>();
  let drew = false;
  let parts: Parts = confirmedBy(plan, answer, pairs);
  for (const remainder of remainders) {
    const seen: Seen[] = [];
    for (let secret = 0; secret < SECRETS && isOpen(parts) && !isOver(); secret++) {
      const one = runWith(plan, secret, remainder);
      drew ||= one.ran.drew;
      if (one.ran.problem !== undefined) {
        problems.add(one.ran.problem);
        break;
      }
      pairs.push(...seen.filter((other) => returnSame(plan, one, other)).map((other) => [other, one] as const));
      seen.push(one);
      if (secret > 0) parts = confirmedBy(plan, answer, pairs);
    }
  }
  const [problem] = problems;
  return { ...answer, ...parts, replayed: { pairs: pairs.length, drew, ...(problem !== undefined && { problem }) } };
}
