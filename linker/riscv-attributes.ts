import type { Program } from './program.ts';
export function mergeAttributes(_program: Program): void {}
