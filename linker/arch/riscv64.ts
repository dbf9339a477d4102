import { x86_64 } from './x86-64.ts';
export const riscv64 = { ...x86_64, machine: 'riscv64' as const };
