/**
 * The programs and files that tests need from the system, each with the Debian package that brings it.
 *
 * A missing tool fails a test with the package's name and never skips it: a green run must mean that everything was
 * tried. `scripts/setup` installs all of them.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Program name to Debian package (bookworm). */
export const toolPackages = {
  'aarch64-linux-gnu-ar': 'binutils-aarch64-linux-gnu',
  'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu',
  'aarch64-linux-gnu-gcc': 'gcc-aarch64-linux-gnu',
  'aarch64-linux-gnu-ld': 'binutils-aarch64-linux-gnu',
  'aarch64-linux-gnu-objdump': 'binutils-aarch64-linux-gnu',
  'apt-get': 'apt',
  ar: 'binutils',
  chromium: 'chromium',
  clang: 'clang',
  coqc: 'coq',
  cvc5: 'cvc5',
  dig: 'bind9-dnsutils',
  'eu-elflint': 'elfutils',
  'frama-c': 'frama-c-base',
  'g++': 'g++',
  gcc: 'gcc',
  jq: 'jq',
  ld: 'binutils',
  'ld.lld': 'lld',
  'llvm-addr2line': 'llvm',
  'llvm-objdump': 'llvm',
  make: 'make',
  mold: 'mold',
  ocamlopt: 'ocaml-nox',
  objcopy: 'binutils',
  objdump: 'binutils',
  openssl: 'openssl',
  perl: 'perl',
  'qemu-aarch64-static': 'qemu-user-static',
  'qemu-riscv64-static': 'qemu-user-static',
  'qemu-system-aarch64': 'qemu-system-arm',
  'qemu-system-riscv64': 'qemu-system-misc',
  readelf: 'binutils',
  'riscv64-linux-gnu-ar': 'binutils-riscv64-linux-gnu',
  'riscv64-linux-gnu-g++': 'g++-riscv64-linux-gnu',
  'riscv64-linux-gnu-gcc': 'gcc-riscv64-linux-gnu',
  'riscv64-linux-gnu-ld': 'binutils-riscv64-linux-gnu',
  'riscv64-linux-gnu-objdump': 'binutils-riscv64-linux-gnu',
  'riscv64-unknown-elf-gcc': 'gcc-riscv64-unknown-elf',
  'riscv64-unknown-elf-ld': 'binutils-riscv64-unknown-elf',
  tar: 'tar',
  taskset: 'util-linux',
  time: 'time',
  xz: 'xz-utils',
  z3: 'z3',
} as const;

export type Tool = keyof typeof toolPackages;

/** Archives and scripts that a compiler finds by name, with the Debian package that brings them. */
export const libraryPackages = {
  'libc.a': 'libc6-dev',
  'libbearssl.a': 'libbearssl-dev',
  'libcrypto.a': 'libssl-dev',
  'liblua5.4.a': 'liblua5.4-dev',
  'libmbedcrypto.a': 'libmbedtls-dev',
  'libsodium.a': 'libsodium-dev',
  'libsqlite3.a': 'libsqlite3-dev',
  'libssl.a': 'libssl-dev',
  'libstdc++.a': 'libstdc++-12-dev',
  'libz.a': 'zlib1g-dev',
} as const;

export type Library = keyof typeof libraryPackages;

function missing(what: string, debianPackage: string): Error {
  return new Error(`${what} is not installed: run scripts/setup, or apt-get install ${debianPackage}`);
}

/** Absolute path of `name` on the PATH, or undefined. */
export function findTool(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** Absolute path of a tool; throws an error that names its Debian package when it is missing. */
export function requireTool(tool: Tool): string {
  return findTool(tool) ?? raise(missing(tool, toolPackages[tool]));
}

/** Throws unless every tool is there. Called at the top of a test file, so that its failure is the first line. */
export function requireTools(...tools: Tool[]): void {
  for (const tool of tools) requireTool(tool);
}

/** Absolute path of a library that `compiler` would link; throws an error that names its Debian package. */
export function requireLibrary(library: Library, compiler: Tool = 'gcc', flags: readonly string[] = []): string {
  const path = execFileSync(requireTool(compiler), [...flags, `-print-file-name=${library}`], { encoding: 'utf8' });
  return isAbsolute(path.trim()) ? path.trim() : raise(missing(library, libraryPackages[library]));
}

/** `path` itself; throws an error that names `debianPackage` when it does not exist. */
export function requireFile(path: string, debianPackage: string): string {
  return existsSync(path) ? path : raise(missing(path, debianPackage));
}

function raise(error: Error): never {
  throw error;
}
