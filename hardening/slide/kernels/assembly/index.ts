/**
 * The kernels of a slide: its loops over every unit and every field, in AssemblyScript, because a slide happens once
 * before each launch and is over before a JavaScript engine has compiled them (see linker/arena.ts).
 *
 * House rules as the linker's kernels': they allocate nothing and throw nothing, check what comes from a file before they
 * use it, and return what is wrong as a number; saying what is wrong is left to their callers.
 */

export * from './draws';
export * from './fields';
export { orderUnits, sortFrames } from './order';
export * from './plan';
export * from './read';
export * from './symbols';
export * from './text';
export { fillUnitTable } from './units';
export * from './write';
