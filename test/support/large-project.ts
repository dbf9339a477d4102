/** A project of thousands of C functions, for what must stay quick on a large image. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One function; some have a buffer, and so a canary, some a table. */
function functionText(n: number): string {
  const next = n % 100 === 99 ? '' : `\n  if (x & ${1 << (n % 13)}) x += f${n + 1}(x >> 1);`;
  const buffer =
    n % 7 === 0
      ? `\n  char text[${16 + (n % 40)}];\n  fill(text, sizeof text, x);\n  x ^= (unsigned char)text[x % sizeof text];`
      : '';
  const table =
    n % 11 === 0
      ? `\n  static const unsigned table[] = {${n}u, ${n * 3}u, ${n ^ 0x5a5a}u, ${n + 7}u};\n  x += table[x & 3];`
      : '';
  return `__attribute__((noinline)) unsigned f${n}(unsigned x) {${buffer}${table}\n  x = x * ${(n * 2 + 1) >>> 0}u + ${n}u;${next}\n  return x ^ (x >> ${1 + (n % 9)});\n}\n`;
}

/** Writes the project `large` for hvt into `folder`: so many functions in files of a hundred, all of them called. */
export function writeLargeProject(folder: string, functions = 5000): void {
  mkdirSync(folder, { recursive: true });
  const files = Math.ceil(functions / 100);
  const names = Array.from({ length: files }, (_, i) => `part${i}.c`);
  const declared = 'void fill(char *at, unsigned long size, unsigned x);\n';
  for (const [i, name] of names.entries()) {
    const numbers = Array.from({ length: Math.min(100, functions - i * 100) }, (_, j) => i * 100 + j);
    const prototypes = numbers.map((n) => `unsigned f${n}(unsigned x);`).join('\n');
    writeFileSync(join(folder, name), `${declared}${prototypes}\n${numbers.map(functionText).join('\n')}`);
  }
  const calls = names.map((_, i) => `unsigned f${i * 100}(unsigned x);`).join('\n');
  const sum = names.map((_, i) => `  x ^= f${i * 100}(x + ${i});`).join('\n');
  writeFileSync(
    join(folder, 'main.c'),
    `#include "solo5.h"\n${declared}${calls}\nvoid fill(char *at, unsigned long size, unsigned x) { for (unsigned long i = 0; i < size; i++) at[i] = (char)(x + i); }\nint solo5_app_main(const struct solo5_start_info *info) {\n  unsigned x = (unsigned)info->heap_size;\n${sum}\n  return (int)(x & 1);\n}\n`,
  );
  const manifest = { name: 'large', target: 'hvt', sources: ['main.c', ...names], harden: {} };
  writeFileSync(join(folder, 'casemate.json'), JSON.stringify(manifest));
}
