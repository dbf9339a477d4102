/**
 * The kernels: the linker's loops over every section, symbol and relocation, in AssemblyScript (TypeScript's syntax
 * over WebAssembly's types), because they must be fast the first time they run; see ../../arena.ts.
 *
 * House rules: a kernel allocates nothing and throws nothing; it reads and writes the arena at addresses it is given,
 * checks every index that comes from a file before it uses it, and returns what is wrong as a number.
 */

export * from './aarch64';
export * from './addresses';
export * from './archive';
export * from './compact-frames';
export * from './copy-relaxed';
export * from './edits';
export * from './eh-frame';
export * from './eh-frame-hdr';
export * from './hash';
export * from './load';
export * from './merge';
export * from './names';
export * from './notes';
export * from './place';
export * from './read';
export * from './relax';
export * from './relax-candidates';
export * from './resolve';
export * from './riscv64';
export * from './scan';
export * from './symtab';
export * from './write';
export * from './x86-64';
