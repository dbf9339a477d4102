/**
 * The links that are timed. Each is a real program that is run after every linker's first link of it, so that no
 * linker is fast by being wrong.
 *
 * A case's command line is what the compiler driver passes to its linker, asked of the driver itself (-###), without
 * the link-time-optimisation plug-in: the same arguments for every linker.
 */
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, projectRoot } from '../../test/support/paths.ts';
import {
  cRuntime,
  cxx,
  lua,
  openssl,
  type Program,
  runProgram,
  sqlite,
  sqliteObject,
} from '../../test/support/programs.ts';
import { type RunResult, run } from '../../test/support/run.ts';
import { compileCached, execute, riscv, type Target, x86 } from '../../test/support/toolchain.ts';
import { requireLibrary, requireTool, type Tool } from '../../test/support/tools.ts';
import { buildOpenssl, type OpensslVariant } from './openssl.ts';

export interface BenchCase {
  readonly name: string;
  readonly target: Target;
  /** Linker arguments without the program name and without -o. */
  readonly args: readonly string[];
  /** Bytes of all files that the command line names, libraries included. */
  readonly namedBytes: number;
  /** Runs the linked program; returns what is wrong, or undefined. */
  readonly verify: (program: string) => Promise<string | undefined>;
}

/** The linker command that `driver` would run, without plug-in options and -o. */
async function linkerArguments(driver: Tool, args: readonly string[]): Promise<string[]> {
  const { stderr } = await run(requireTool(driver), ['-###', ...args, '-o', 'bench-output']);
  const line = stderr.split('\n').find((text) => /^ \S*(collect2|ld)"? /.test(text));
  if (line === undefined) throw new Error(`${driver} -### shows no linker command:\n${stderr}`);
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((m) => (m[1] ?? m[2]!).replace(/\\(.)/g, '$1'));
  const kept: string[] = [];
  for (let i = 1; i < words.length; i++) {
    const word = words[i]!;
    if (word === '-plugin' || word === '-o') i++;
    else if (!word.startsWith('-plugin-opt=')) kept.push(word);
  }
  return kept;
}

/** Bytes of the files named by linker arguments; -lNAME is looked up as a static link does. */
function namedBytes(args: readonly string[]): number {
  const folders = args.filter((arg) => arg.startsWith('-L')).map((arg) => arg.slice(2));
  const files = args.map((arg) => {
    if (arg.startsWith('-l')) {
      return folders.map((folder) => join(folder, `lib${arg.slice(2)}.a`)).find((path) => existsSync(path));
    }
    return arg.startsWith('-') || !/\.[oa]$/.test(arg) ? undefined : arg;
  });
  // A library that a group names twice is one input.
  let sum = 0;
  for (const file of new Set(files)) if (file !== undefined && existsSync(file)) sum += statSync(file).size;
  return sum;
}

function judge(result: RunResult, expected: { status: number; stdout: string | RegExp }): string | undefined {
  const right =
    typeof expected.stdout === 'string' ? result.stdout === expected.stdout : expected.stdout.test(result.stdout);
  if (result.status === expected.status && right) return undefined;
  return `status ${result.status}, output ${JSON.stringify(result.stdout.slice(0, 200))} ${result.stderr.slice(0, 200)}`;
}

async function staticProgram(name: string, program: Program, more: readonly string[] = []): Promise<BenchCase> {
  const inputs = await program.inputs(x86, 'static');
  const args = await linkerArguments(inputs.driver, [
    '-static',
    '-no-pie',
    ...inputs.objects,
    ...more,
    ...inputs.libraries,
  ]);
  return {
    name,
    target: x86,
    args,
    namedBytes: namedBytes(args),
    verify: async (path) => judge(await runProgram(program, x86, path), program.expected),
  };
}

async function small(): Promise<BenchCase> {
  const flags = ['-O2', '-ffreestanding', '-fno-stack-protector', '-fno-pie', '-fno-asynchronous-unwind-tables'];
  const sources = ['main.c', 'console.c', 'sum.c'].map((file) => join(projectRoot, 'bench/inputs/small', file));
  const objects = await Promise.all(sources.map((source) => compileCached('gcc', source, flags)));
  const args = ['-m', 'elf_x86_64', '-static', ...objects];
  return {
    name: 'small: a freestanding hello, 3 objects',
    target: x86,
    args,
    namedBytes: namedBytes(args),
    verify: async (path) => judge(await run(path, []), { status: 0, stdout: 'small hello\n' }),
  };
}

const whole = (...archives: readonly string[]): string[] => [
  '-Wl,--whole-archive',
  ...archives,
  '-Wl,--no-whole-archive',
];

async function opensslCommand(machine: OpensslVariant, name: string): Promise<BenchCase> {
  const target = machine === 'x86-64' ? x86 : riscv;
  const { objects, archives } = await buildOpenssl(machine);
  const args = await linkerArguments(target.cc, [
    '-static',
    '-no-pie',
    ...objects,
    ...archives,
    '-lm',
    '-ldl',
    '-pthread',
  ]);
  const folder = cacheFolder('bench/run');
  const message = join(folder, 'message');
  writeFileSync(message, 'abc');
  // SHA-256 of "abc", and a signature over it that the command makes and then checks itself.
  const digest = { status: 0, stdout: /ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad/ };
  const key = join(folder, 'key.pem');
  const signature = join(folder, 'signature');
  return {
    name,
    target,
    args,
    namedBytes: namedBytes(args),
    verify: async (path) => {
      const steps: [string[], { status: number; stdout: RegExp }][] = [
        [['dgst', '-sha256', message], digest],
        [['genpkey', '-algorithm', 'ED25519', '-out', key], { status: 0, stdout: /^/ }],
        [['pkeyutl', '-sign', '-rawin', '-inkey', key, '-in', message, '-out', signature], { status: 0, stdout: /^/ }],
        [
          ['pkeyutl', '-verify', '-rawin', '-inkey', key, '-in', message, '-sigfile', signature],
          { status: 0, stdout: /Verified Successfully/ },
        ],
      ];
      for (const [stepArgs, expected] of steps) {
        const wrong = judge(
          await execute(target, path, stepArgs, { cwd: folder, env: { OPENSSL_CONF: '/dev/null' } }),
          expected,
        );
        if (wrong !== undefined) return `openssl ${stepArgs[0]}: ${wrong}`;
      }
      return undefined;
    },
  };
}

/** SQLite as one large translation unit: the shape on which relaxation costs most. */
async function riscvSqlite(name: string, flags: readonly string[]): Promise<BenchCase> {
  const inputs = await sqlite.inputs(riscv, 'static');
  const objects = [inputs.objects[0]!, await sqliteObject(riscv.cc, [...flags, '-fno-pie'])];
  const args = await linkerArguments(riscv.cc, ['-static', '-no-pie', ...objects, '-lm']);
  return {
    name,
    target: riscv,
    args,
    namedBytes: namedBytes(args),
    verify: async (path) => judge(await runProgram(sqlite, riscv, path), sqlite.expected),
  };
}

/** The cases in the order of the table; `wanted` selects by a part of the name. */
export async function benchCases(wanted: string | undefined): Promise<BenchCase[]> {
  const archives = (['libssl.a', 'libcrypto.a', 'libsqlite3.a', 'liblua5.4.a'] as const).map((name) =>
    requireLibrary(name),
  );
  const makers: [string, () => Promise<BenchCase>][] = [
    ['small', small],
    ['runtime', () => staticProgram('runtime: a C program, static glibc', cRuntime)],
    ['lua', () => staticProgram('lua: Lua, static glibc', lua)],
    ['sqlite', () => staticProgram('sqlite: SQLite, static glibc', sqlite)],
    [
      'openssl',
      () => staticProgram('openssl: self-check, all of libssl and libcrypto', openssl, whole(...archives.slice(0, 2))),
    ],
    [
      'combined',
      () =>
        staticProgram('combined: C++ program, all of OpenSSL, SQLite, Lua', cxx, [
          ...whole(...archives),
          '-lm',
          '-ldl',
        ]),
    ],
    ['command', () => opensslCommand('x86-64', 'command: openssl with debug information, section per function')],
    ['riscv', () => riscvSqlite('riscv: SQLite for riscv64, relaxed', ['-O2'])],
    ['riscv-debug', () => riscvSqlite('riscv-debug: the same with debug information', ['-O2', '-g'])],
    [
      'riscv-openssl',
      () => opensslCommand('riscv64-plain', 'riscv-openssl: openssl for riscv64, section per function'),
    ],
    ['riscv-openssl-debug', () => opensslCommand('riscv64', 'riscv-openssl-debug: the same with debug information')],
  ];
  const cases: BenchCase[] = [];
  for (const [name, make] of makers)
    if (wanted === undefined || wanted.split(',').includes(name)) cases.push(await make());
  return cases;
}
