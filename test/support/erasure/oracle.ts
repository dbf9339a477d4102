/**
 * The oracle of erasure: what a function really leaves of its secret.
 *
 * It runs the function several times on a painted stack, with every register painted too, the same public arguments and
 * another secret each time. Where two runs with the same public results differ, the secret shows: in the dead stack
 * below the function's entry, in registers that a caller may not expect to be kept, in its buffers, in other memory.
 * Nothing is known about the code, so nothing that is known can be wrong; but it sees only the paths that were run and
 * the bytes that came out differently, so silence is no proof. Erasure by an analysis is held against it.
 *
 * One run per secret: with 16 random ones, a byte that carries a single random bit of the secret is missed with a
 * probability of 2 ** -15. What compares its secret does the same with all random ones: the others are zeros, or the
 * bytes that a public argument of the same size has, but for one byte.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../paths.ts';
import { run, runOrThrow } from '../run.ts';
import { type Image, readImage } from '../small-links.ts';
import { compileCached, link, type Target } from '../toolchain.ts';
import { requireTool, type Tool } from '../tools.ts';

export const sourceOf = (name: string): string => join(projectRoot, 'test/support/erasure', name);

export type Argument =
  /** A pointer to secret bytes. */
  | { readonly kind: 'secret'; readonly size: number }
  /** A pointer to public bytes, the same in every run. */
  | { readonly kind: 'public'; readonly bytes: Uint8Array }
  /** A pointer to room for a result that is public: what is derived from it is no residue. */
  | { readonly kind: 'output'; readonly size: number }
  /** A pointer to room for a result that is as secret as its source, a key schedule: it may stay there and nowhere else. */
  | { readonly kind: 'state'; readonly size: number }
  /** A number. */
  | { readonly kind: 'value'; readonly value: bigint };

export interface Subject {
  readonly function: string;
  readonly arguments: readonly Argument[];
  /** Bytes of the result that are public; 0: it returns nothing. */
  readonly result: number;
}

/** Bytes from `start` to before `end`; on the stack, relative to its pointer at the function's entry. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface Residue {
  /** Below the entry's stack pointer (of x86-64: below the return address). */
  readonly stack: readonly Range[];
  /** Caller-saved registers without the result, by name. */
  readonly registers: readonly string[];
  /** Bytes that depend on the secret in the memory of secret and public arguments, by argument. */
  readonly buffers: ReadonlyMap<number, readonly Range[]>;
  /** Of .data and .bss, by address; without the heap of heap.c. */
  readonly memory: readonly Range[];
  /** Of that heap: in blocks that were freed, and in those that were not. */
  readonly freed: readonly Range[];
  readonly kept: readonly Range[];
  /** Bytes below the entry's stack pointer that were written. */
  readonly depth: number;
  /** What it answered with each of the secrets: its result, then its room for results, in hexadecimal digits. */
  readonly answers: readonly string[];
}

interface Machine {
  /** In the order in which the driver shows them; those of undefined names are not looked at. */
  readonly registers: readonly { readonly name: string; readonly bytes: number; readonly isKept: boolean }[];
  /** The register of a result, and what a call pushes. */
  readonly result: string;
  readonly pushed: number;
  readonly flags: readonly string[];
}

const vector = (i: number) => ({ name: `ymm${i}`, bytes: 32, isKept: false });
const float = (i: number) => ({ name: `f${i}`, bytes: 8, isKept: i === 8 || i === 9 || (i >= 18 && i <= 27) });
const x86Names = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const riscvNames =
  'zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6'.split(' ');
const general = (names: readonly string[], kept: RegExp) =>
  names.map((name) => ({ name, bytes: 8, isKept: kept.test(name) }));

const machines: Readonly<Record<string, Machine>> = {
  'x86-64': {
    registers: [
      ...general(x86Names, /^(rbx|rsp|rbp|r12|r13|r14|r15)$/),
      ...Array.from({ length: 16 }, (_, i) => vector(i)),
      { name: 'rflags', bytes: 8, isKept: false },
      { name: 'mxcsr', bytes: 8, isKept: false },
    ],
    result: 'rax',
    pushed: 8,
    flags: ['-fno-pie', '-fcf-protection=none'],
  },
  riscv64: {
    registers: [...general(riscvNames, /^(zero|sp|gp|tp|s\d+)$/), ...Array.from({ length: 32 }, (_, i) => float(i))],
    result: 'a0',
    pushed: 0,
    flags: ['-fno-pie', '-march=rv64gc', '-mabi=lp64d', '-mcmodel=medany'],
  },
};

const machineOf = ({ name }: Target): Machine => machines[name] ?? fail(`no oracle for ${name}`);

function fail(message: string): never {
  throw new Error(message);
}

/** Flags of a target for code of these programs, which need no C library. */
export const targetFlags = (target: Target): readonly string[] => [
  ...machineOf(target).flags,
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
];

/** The objects of the driver and its small C library. */
export async function driverObjects(target: Target): Promise<string[]> {
  const flags = ['-O2', '-ffreestanding', ...targetFlags(target)];
  return [
    await compileCached(target.cc, sourceOf('oracle.c'), flags),
    await compileCached(target.cc, sourceOf(`oracle-${target.name}.S`), targetFlags(target)),
    await compileCached(target.cc, sourceOf('library.c'), [...flags, '-fno-tree-loop-distribute-patterns']),
  ];
}

/** A program of the objects and the driver. */
export async function linkSubjects(
  target: Target,
  objects: readonly string[],
  output: string,
  archives: readonly string[] = [],
): Promise<Image> {
  const all = [...objects, ...(await driverObjects(target)), ...archives];
  await link(target, target.cc, ['-static', '-nostdlib', '-no-pie', '-o', output, ...all]);
  return readImage(output);
}

/** Flags by which a compiler makes code for the target: clang makes it for any, and finds the headers of its own machine. */
export const compilerFlags = (target: Target, compiler: Tool): readonly string[] =>
  compiler === 'clang' && target.name === 'riscv64'
    ? ['--target=riscv64-linux-gnu', '-isystem', '/usr/riscv64-linux-gnu/include', ...targetFlags(target)]
    : targetFlags(target);

/** Compiles with any of the compilers that make code for the target. */
export const compileSubject = (
  target: Target,
  compiler: Tool,
  name: string,
  flags: readonly string[],
): Promise<string> =>
  compileCached(compiler, sourceOf(name), [...compilerFlags(target, compiler), ...flags, headerFlag()]);

/** Objects are kept by their source and flags: this makes the header that sources share a part of them. */
const headerFlag = (): string =>
  `-DWIPES_H=0x${createHash('sha256')
    .update(readFileSync(sourceOf('wipes.h')))
    .digest('hex')
    .slice(0, 8)}`;

/** Compilers that optimise whole programs on their own. */
export type SubjectCompiler = 'gcc' | 'clang' | 'riscv64-linux-gnu-gcc';

/** Sources compiled and optimised as one program by their own compiler, as an object of machine code. */
export async function wholeProgram(
  target: Target,
  compiler: SubjectCompiler,
  names: readonly string[],
  flags: readonly string[],
  folder: string,
): Promise<string> {
  const all = [...compilerFlags(target, compiler), ...flags, headerFlag()];
  const objects = await Promise.all(names.map((name) => compileCached(compiler, sourceOf(name), [...all, '-flto'])));
  const output = join(folder, `whole-${target.name}-${compiler}.o`);
  if (compiler !== 'clang') {
    const relocatable = ['-flto', '-r', '-nostdlib', '-flinker-output=nolto-rel'];
    await runOrThrow(requireTool(compiler), [...all, ...relocatable, ...objects, '-o', output]);
  } else {
    // What the compiler was told of the machine is not in what it hands to this linker.
    const machine = target.name === 'riscv64' ? ['-target-abi=lp64d', '-mattr=+m,+a,+f,+d,+c'] : [];
    const told = machine.flatMap((one) => ['-mllvm', one]);
    await runOrThrow(requireTool('ld.lld'), ['-r', '--lto-O2', ...told, ...objects, '-o', output]);
  }
  return output;
}

const RANDOM_SECRETS = 16;
const SECRETS = RANDOM_SECRETS + 12;
/** Bytes of dead stack that are looked at, unless more are asked for. */
const SHOWN = 1 << 12;
const PAINT = 0xa5;

/** Bytes that look random and are the same every time. */
function drawn(size: number, ...seed: readonly (string | number)[]): Buffer {
  const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, i) =>
    createHash('sha256')
      .update([...seed, i].join())
      .digest(),
  );
  return Buffer.concat(blocks).subarray(0, size);
}

/** The bytes of a secret argument; see above. */
function secretBytes({ arguments: all }: Subject, secret: number, argument: number, size: number): Buffer {
  const random = drawn(size, 'secret', secret, argument);
  if (secret < RANDOM_SECRETS) return random;
  const equal = all.flatMap((one) => (one.kind === 'public' && one.bytes.length === size ? [one.bytes] : []));
  const near = Buffer.from(secret % 2 === 0 && equal[0] !== undefined ? equal[0] : Buffer.alloc(size));
  const at = random[0]! % size;
  near[at] = random[at]!;
  return near;
}

interface Run {
  readonly registers: Buffer;
  readonly stack: Buffer;
  readonly buffers: readonly Buffer[];
  readonly memory: readonly Buffer[];
}

const word = (value: number | bigint): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return bytes.toString('hex');
};

/** Where arguments that are pointers lie in the arena: far apart, none at a page's start. */
const placeOf = (argument: number): number => 64 + argument * 8192;

/** What memory a linked program has that its functions may write, the driver's own aside. */
const writable = ({ file }: Image) =>
  file.sections.filter(
    ({ name, size }) => (name === '.data' || name === '.bss' || name === '.sdata' || name === '.sbss') && size > 0,
  );

function requestOf(image: Image, subject: Subject, secret: number, { lower, shown, skew }: Place): string {
  const pointed = subject.arguments.flatMap((argument, i) => {
    if (argument.kind === 'value') return [];
    const size = argument.kind === 'public' ? argument.bytes.length : argument.size;
    if (size > 8000) fail(`${subject.function}: argument ${i} is too large`);
    const bytes =
      argument.kind === 'public'
        ? Buffer.from(argument.bytes)
        : argument.kind === 'secret'
          ? secretBytes(subject, secret, i, size)
          : Buffer.alloc(size, PAINT);
    return [word(placeOf(i) + skew) + word(size) + bytes.toString('hex')];
  });
  const arena = image.address('oracle_arena');
  const values = Array.from({ length: 12 }, (_, i) => {
    const argument = subject.arguments[i];
    if (argument === undefined) return word(0);
    return word(argument.kind === 'value' ? argument.value : arena + placeOf(i) + skew);
  });
  const places = writable(image).map(({ address, size }) => word(address) + word(size));
  const head = [word(image.address(subject.function)), word(lower), word(shown), ...values];
  return [...head, word(pointed.length), ...pointed, word(places.length), ...places].join('');
}

function readRun(image: Image, target: Target, subject: Subject, shown: number, line: string): Run {
  const bytes = Buffer.from(line, 'hex');
  if (bytes.length < 8 || bytes.readBigUInt64LE(bytes.length - 8) !== 0n)
    fail(`${subject.function}: died with status ${bytes.length < 8 ? '?' : bytes.readBigUInt64LE(bytes.length - 8)}`);
  let at = 0;
  const take = (size: number): Buffer => {
    if (at + size > bytes.length) fail(`${subject.function}: the answer is too short`);
    at += size;
    return bytes.subarray(at - size, at);
  };
  const size = machineOf(target).registers.reduce((sum, { bytes: own }) => sum + own, 0);
  return {
    registers: take(size),
    stack: take(shown),
    buffers: subject.arguments.map((argument) =>
      take(argument.kind === 'value' ? 0 : argument.kind === 'public' ? argument.bytes.length : argument.size),
    ),
    memory: writable(image).map(({ size: own }) => take(own)),
  };
}

const registerIn = ({ registers }: Run, machine: Machine, name: string): Buffer => {
  let at = 0;
  for (const { name: own, bytes } of machine.registers) {
    if (own === name) return registers.subarray(at, at + bytes);
    at += bytes;
  }
  return fail(`no register ${name}`);
};

/** Blocks of heap.c's table, as a run left them; none in a program without it. */
function blocksIn(image: Image, { memory }: Run): { readonly start: number; readonly end: number; isFreed: boolean }[] {
  const symbol = (name: string) => image.symbols.find((one) => one.name === name);
  const [heap, table] = [symbol('library_heap'), symbol('library_blocks')];
  if (heap === undefined || table === undefined) return [];
  const sections = writable(image);
  const at = sections.findIndex(({ address, size }) => address <= table.value && table.value < address + BigInt(size));
  const bytes = memory[at]!.subarray(Number(table.value - sections[at]!.address)).subarray(0, Number(table.size));
  const field = (i: number): number => Number(bytes.readBigUInt64LE(8 * i));
  return Array.from({ length: bytes.length / 24 }, (_, i) => ({
    start: Number(heap.value) + field(3 * i),
    end: Number(heap.value) + field(3 * i) + field(3 * i + 1),
    isFreed: field(3 * i + 2) === 1,
  })).filter(({ start, end }) => start < end);
}

/** Offsets at which any two of a group differ. */
function differing(groups: readonly (readonly Buffer[])[], size: number): number[] {
  const offsets: number[] = [];
  for (let i = 0; i < size; i++)
    if (groups.some(([first, ...rest]) => rest.some((one) => one[i] !== first![i]))) offsets.push(i);
  return offsets;
}

/** Offsets of `get` at which every run has the same byte of a public output. */
function isOutput(runs: readonly Run[], outputs: readonly number[], get: (one: Run) => Buffer, at: number): boolean {
  return outputs.some((k) => {
    const { length } = runs[0]!.buffers[k]!;
    for (let j = 0; j < length; j++) if (runs.every((one) => one.buffers[k]![j] === get(one)[at])) return true;
    return false;
  });
}

export function rangesOf(offsets: readonly number[], base = 0): Range[] {
  const ranges: { start: number; end: number }[] = [];
  for (const offset of offsets) {
    const last = ranges.at(-1);
    if (last?.end === base + offset) last.end++;
    else ranges.push({ start: base + offset, end: base + offset + 1 });
  }
  return ranges;
}

/** Where the stack starts and how much of it is looked at. */
interface Place {
  /** Bytes below a multiple of 4096. */
  readonly lower: number;
  /** Bytes; a function that writes further down is an error. */
  readonly shown: number;
  /** Bytes that what arguments point to lies behind a multiple of 64. */
  readonly skew: number;
}

/** Runs the function with each of the secrets. */
export async function observe(
  target: Target,
  image: Image,
  subject: Subject,
  { lower = 0, shown = SHOWN, skew = 0 }: Partial<Place> = {},
): Promise<Residue> {
  const machine = machineOf(target);
  const input = Array.from({ length: SECRETS }, (_, secret) =>
    requestOf(image, subject, secret, { lower, shown, skew }),
  ).join('\n');
  const [command, args] = target.runner === undefined ? [image.path, []] : [requireTool(target.runner), [image.path]];
  const { stdout, status } = await run(command, args, { input, timeout: 120_000 });
  const lines = stdout.split('\n').filter(Boolean);
  if (status !== 0 || lines.length !== SECRETS) fail(`${subject.function}: the driver ended with status ${status}`);
  const runs = lines.map((line) => readRun(image, target, subject, shown, line));

  const resultOf = (one: Run): string =>
    registerIn(one, machine, machine.result).subarray(0, subject.result).toString('hex');
  // Only runs with the same public result can be told apart by the secret alone.
  const groups = new Map<string, Run[]>();
  for (const one of runs) {
    const key = resultOf(one);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const outputs = subject.arguments.flatMap(({ kind }, i) => (kind === 'output' ? [i] : []));
  const dependent = (get: (one: Run) => Buffer): number[] =>
    differing(
      [...groups.values()].map((group) => group.map(get)),
      get(runs[0]!).length,
    ).filter((at) => !isOutput(runs, outputs, get, at));

  const stack = dependent(({ stack: own }) => own);
  const written = runs.map(({ stack: own }) => own.findIndex((byte) => byte !== PAINT)).filter((at) => at >= 0);
  const lowest = written.length === 0 ? shown : Math.min(...written);
  if (lowest < 16) fail(`${subject.function}: uses more stack than the ${shown} bytes that are looked at`);
  const registers = machine.registers.filter(({ name, isKept }) => {
    if (isKept) return false;
    const get = (one: Run): Buffer => {
      const all = registerIn(one, machine, name);
      return name === machine.result ? all.subarray(subject.result) : all;
    };
    return dependent(get).length > 0;
  });
  const memory = writable(image).flatMap(({ address }, i) =>
    dependent(({ memory: own }) => own[i]!).map((offset) => Number(address) + offset),
  );
  // Runs that return the same took the same ways, so their blocks are the same ones.
  const blocks = runs.flatMap((one) => blocksIn(image, one));
  const isIn = (at: number, isFreed?: boolean): boolean =>
    blocks.some((block) => block.start <= at && at < block.end && (isFreed ?? block.isFreed) === block.isFreed);
  return {
    stack: rangesOf(stack, machine.pushed - shown),
    registers: registers.map(({ name }) => name),
    buffers: new Map(
      subject.arguments.flatMap(({ kind }, i) =>
        kind === 'secret' || kind === 'public' ? [[i, rangesOf(dependent(({ buffers }) => buffers[i]!))] as const] : [],
      ),
    ),
    memory: rangesOf(memory.filter((at) => !isIn(at))),
    freed: rangesOf(memory.filter((at) => isIn(at, true))),
    kept: rangesOf(memory.filter((at) => isIn(at, false))),
    depth: Math.max(0, shown - lowest - machine.pushed),
    answers: runs.map((one) =>
      [
        resultOf(one),
        ...subject.arguments.map(({ kind }, i) =>
          kind === 'output' || kind === 'state' ? one.buffers[i]!.toString('hex') : '',
        ),
      ].join(' '),
    ),
  };
}
