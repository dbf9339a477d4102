/**
 * Erasure by analysis, held against what functions really leave (test/support/erasure): never clean where a run shows
 * residue, and of code that ciphers and scrubbers are made of, neither dirty where runs show none.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { analyzeErasure, defaults } from '../../../hardening/zeroization/analyze.ts';
import {
  analyzed,
  intelAssembly,
  isDepthSeen,
  key,
  kinds,
  type Linked,
  linkedObjects,
  linkedText,
  questionOf,
  seenKinds,
} from '../../support/erasure/analysis.ts';
import { type Argument, compileSubject, observe } from '../../support/erasure/oracle.ts';
import { isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { x86 } from '../../support/toolchain.ts';
import type { Tool } from '../../support/tools.ts';

const folder = temporaryFolder('erasure');

const linked = (objects: readonly string[], name: string): Promise<Linked> => linkedObjects(x86, objects, folder, name);
const linkedSource = (text: string, compiler: Tool, flags: readonly string[], name: string): Promise<Linked> =>
  linkedText(x86, text, compiler, flags, folder, name);

const idioms = `
#include <stdint.h>
#include <string.h>
typedef unsigned char byte;
static const byte box[256] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};
static byte counter;
__attribute__((noinline)) static uint32_t inner(const byte *p, unsigned n) {
  byte own[40];
  memcpy(own, p, 32);
  uint32_t sum = 0;
  for (unsigned i = 0; i < n; i++) sum = sum * 33 + own[i];
  __asm__ volatile("" : : "r"(own) : "memory");
  return sum;
}
int copies(const byte *secret) { return (int)(inner(secret, 32) & 1); }
int dead_memset(const byte *secret) {
  byte own[32];
  memcpy(own, secret, 32);
  int sum = 0;
  for (int i = 0; i < 32; i++) sum ^= own[i];
  memset(own, 0, 32);
  return sum & 1;
}
int spilled(const byte *secret) {
  uint64_t w[12];
  for (int i = 0; i < 12; i++) { uint64_t x; memcpy(&x, secret + (i % 4) * 8, 8); w[i] = x * (2 * i + 3); }
  for (int r = 0; r < 6; r++) for (int i = 0; i < 12; i++) w[i] += (w[(i + 5) % 12] << 13) ^ (w[(i + 7) % 12] >> 9);
  uint64_t all = 0;
  for (int i = 0; i < 12; i++) all ^= w[i];
  return (int)(all & 1);
}
int branches(const byte *secret) {
  volatile byte seen = 0;
  if (secret[0] & 1) seen = 7;
  return 0;
}
int looks_up(const byte *secret) {
  volatile byte found = box[secret[3]];
  (void)found;
  return 0;
}
int counts(const byte *secret) {
  volatile byte none = 0;
  for (int i = 0; i < (secret[1] & 7); i++) counter++;
  // Flags that are public: that a loop which counts ends with equal numbers, and equal flags, is more than is followed.
  return none & 1;
}
int indexes(const byte *secret) {
  volatile byte marks[16] = {0};
  marks[secret[2] & 15] = 1;
  return 0;
}
int public_loop(const byte *secret, const byte *text, unsigned long size) {
  byte own[64];
  uint32_t sum = 0;
  for (unsigned long i = 0; i < size; i++) sum += text[i];
  memcpy(own, secret, 32);
  __asm__ volatile("" : : "r"(own) : "memory");
  for (volatile byte *p = own; p < own + 64; p++) *p = 0;
  return (int)(sum & 1);
}
__attribute__((aligned(16))) int aligned_frame(const byte *secret) {
  _Alignas(64) byte own[64];
  memcpy(own, secret, 32);
  __asm__ volatile("" : : "r"(own) : "memory");
  for (volatile byte *p = own; p < own + 64; p++) *p = 0;
  return 0;
}
`;

const names = 'copies dead_memset spilled branches looks_up counts indexes public_loop aligned_frame'.split(' ');
const text: readonly Argument[] = [
  { kind: 'public', bytes: new Uint8Array(24).fill(7) },
  { kind: 'value', value: 24n },
];
const levels = isLong ? ['-O0', '-O1', '-O2', '-O3', '-Os'] : ['-O0', '-O2'];
const builds = (['gcc', 'clang'] as const)
  .flatMap((compiler) => levels.map((level) => [compiler, level] as const))
  .filter(([compiler, level]) => levels.length > 2 || compiler === 'gcc' || level === '-O2');

describe.each(builds)('compiled by %s %s', (compiler, level) => {
  it('leaves what runs show, and no less is said of it', async () => {
    const program = await linkedSource(idioms, compiler, [level, '-ffreestanding'], `idioms-${compiler}${level}`);
    const depths = new Map<string, number>();
    for (const name of names) {
      const args = name === 'public_loop' ? [key, ...text] : [key];
      const answer = analyzed(program, name, args);
      // A frame that aligns itself lies elsewhere for each remainder of the stack pointer.
      for (const lower of name === 'aligned_frame' ? [0, 16, 32, 48] : [0]) {
        const seen = await observe(x86, program.image, { function: name, arguments: args, result: 4 }, { lower });
        expect({ [name]: kinds(answer) }).toEqual({ [name]: seenKinds(seen) });
        depths.set(name, Math.max(depths.get(name) ?? 0, seen.depth));
      }
      const shown = depths.get(name)!;
      expect(isDepthSeen(answer.depth, shown), `${name}: ${answer.depth}, and ${shown} in runs`).toBe(true);
    }
  });
});

describe('scrubbers', () => {
  it.each(builds.filter(([, level]) => level === '-O2' || levels.length > 2))(
    'of %s %s leave what runs show, and take the stack that runs take',
    async (compiler, level) => {
      const objects = [
        await compileSubject(x86, compiler, 'wipes.c', [level]),
        await compileSubject(x86, compiler, 'subjects.c', [level]),
      ];
      const program = await linked(objects, `wipes-${compiler}${level}`);
      const all = [...program.followed.symbols.keys()].filter((name) => /^(argument|local)_/.test(name));
      expect(all.length).toBeGreaterThan(28);
      // All of them in long runs; otherwise one in five, another one with each compiler.
      const some = levels.length > 2 ? all : all.filter((_, i) => i % 5 === (compiler === 'gcc' ? 0 : 1));
      for (const name of some) {
        const seen = await observe(x86, program.image, { function: name, arguments: [key], result: 4 });
        const answer = analyzed(program, name);
        expect({ [name]: kinds(answer) }).toEqual({ [name]: seenKinds(seen) });
        const { depth } = answer;
        expect(isDepthSeen(depth, seen.depth), `${name}: ${depth}, and ${seen.depth} in runs`).toBe(true);
      }
    },
  );
});

describe('code that cannot be followed', () => {
  const source = `${intelAssembly}begin calls_anything
call rsi
ret
begin stores_nowhere
mov rax, [rdi]
mov rcx, [rsi]
mov [rcx], rax
ret
begin reads_nowhere
mov rcx, [rsi]
mov rax, [rcx]
push rax
pop rcx
xor eax, eax
ret
begin uses_x87
fld1
ret
begin jumps_by_secret
movzx eax, byte ptr [rdi]
lea rcx, [rip+1f]
add rax, rcx
jmp rax
1: ret
begin runs_for_ever
1: jmp 1b
begin returns_elsewhere
mov rax, rsp
mov qword ptr [rax], 5
ret
`;
  const pointers: readonly Argument[] = [key, { kind: 'public', bytes: new Uint8Array(16) }];

  let program: Linked;
  beforeAll(async () => {
    program = await linkedSource(source, 'gcc', [], 'unfollowed');
  });

  it.each([
    ['calls_anything', 'a call to where nobody knows'],
    ['stores_nowhere', 'the secret is stored to nobody knows where'],
    ['reads_nowhere', 'a load from nobody knows where'],
    ['uses_x87', 'fld1: it has no meaning here'],
    ['jumps_by_secret', 'a jump to where nobody knows'],
    ['runs_for_ever', 'more than 1000 instructions'],
    ['returns_elsewhere', 'a return to elsewhere than to the caller'],
  ])('is unknown, by its address and reason: %s', (name, reason) => {
    const question = questionOf({ function: name, arguments: pointers, result: 0 });
    const { stack } = analyzeErasure(program.followed, question, { ...defaults, mostSteps: 1000 });
    expect(stack.kind === 'unknown' && stack.reason).toContain(reason);
    const start = program.followed.symbols.get(name)!;
    expect(stack.kind === 'unknown' && stack.at - start).toBeLessThan(20);
  });

  it('is an error, by its name, where there is none', () => {
    expect(() => analyzed(program, 'not_there')).toThrow(/no function not_there/);
  });
});
