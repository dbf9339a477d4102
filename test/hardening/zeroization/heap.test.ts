/**
 * Secrets in memory that functions allocate: what is left in it when it is freed, or is not freed, held against runs with
 * an allocator whose blocks can be looked at afterwards. Erased where a run shows residue: never.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { defaultPolicy, type SecretAnnotation } from '../../../base/secrets.ts';
import { type Subject as ImageSubject, readSubject } from '../../../hardening/subject.ts';
import { defaults } from '../../../hardening/zeroization/analyze.ts';
import type { Answer, Residue, Verdict } from '../../../hardening/zeroization/question.ts';
import { type JudgedFunction, judgeRecords } from '../../../hardening/zeroization/secrets.ts';
import { reportJson, verdictLines } from '../../../hardening/zeroization/secrets-report.ts';
import {
  analyzed,
  intelAssembly,
  key,
  type Linked,
  linkedObjects,
  linkedText,
  residue,
  seenKinds,
} from '../../support/erasure/analysis.ts';
import {
  type Argument,
  compileSubject,
  observe,
  type Subject,
  type SubjectCompiler,
  sourceOf,
} from '../../support/erasure/oracle.ts';
import { isLong } from '../../support/long.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { riscv, type Target, x86 } from '../../support/toolchain.ts';

const folder = temporaryFolder('heap');

const value = (number: bigint): Argument => ({ kind: 'value', value: number });
const subject = (name: string, more: readonly Argument[] = [], result = 4): Subject => ({
  function: name,
  arguments: [key, ...more],
  result,
});

const subjects: readonly Subject[] = [
  subject('heap_wiped'),
  subject('heap_unwiped'),
  subject('heap_memset'),
  subject('heap_half'),
  subject('heap_grown'),
  subject('heap_grown_before'),
  subject('heap_calloc'),
  subject('heap_conditional', [value(0n)]),
  subject('heap_conditional', [value(1n)]),
  subject('heap_kept'),
  ...[0n, 1n, 2n].map((fails) => subject('heap_cleanup', [value(fails)])),
  subject('heap_rounds'),
  subject('heap_jumps', [{ kind: 'output', size: 1 }], 0),
  subject('heap_frees_argument'),
  subject('heap_frees_wiped'),
];

interface Build {
  readonly target: Target;
  readonly compiler: SubjectCompiler;
  readonly level: string;
}

const built = async ({ target, compiler, level }: Build): Promise<Linked> =>
  linkedObjects(
    target,
    [
      await compileSubject(target, compiler, 'heap-subjects.c', [level]),
      await compileSubject(target, compiler, 'heap.c', [level, '-fno-builtin']),
    ],
    folder,
    `heap-${target.name}-${compiler}${level}`,
  );

const answerFor = (linked: Linked, { function: name, arguments: args, result }: Subject): Answer =>
  analyzed(linked, name, args, result);

const kindsOf = ({ stack, registers, buffers, elsewhere, freed, kept }: Answer): Record<string, string> => ({
  stack: stack.kind,
  registers: registers.kind,
  buffer: buffers[0]!.kind,
  memory: elsewhere['image']!.kind,
  freed: freed.kind,
  kept: kept.kind,
});

/** Bytes that are left, of which two runs have shown each. */
const confirmed = (verdict: Verdict<Residue>): number =>
  residue(verdict).reduce((sum, { length, status }) => sum + (status === 'confirmed' ? length : 0), 0);

const levels = ['-O0', '-O1', '-O2', '-O3', '-Os'];
const builds: readonly Build[] = (
  [
    [x86, 'gcc'],
    [x86, 'clang'],
    [riscv, 'riscv64-linux-gnu-gcc'],
    [riscv, 'clang'],
  ] as const
).flatMap(([target, compiler]) => levels.map((level) => ({ target, compiler, level })));
const some = isLong ? builds : builds.filter(({ level, compiler }) => level === '-O2' && compiler === 'gcc');
/** In CI those that compilers, and the analysis, are most likely to get wrong. */
const few = new Set(['heap_unwiped', 'heap_memset', 'heap_grown', 'heap_kept', 'heap_jumps']);
const taken = subjects.filter(({ function: name }) => isLong || few.has(name));

describe('blocks of functions that use a heap', () => {
  let verdicts = 0;
  const [unknown, unseen]: [string[], string[]] = [[], []];

  it.each(some)(
    'of $target.name by $compiler $level are not erased where a run shows residue',
    async (build) => {
      const linked = await built(build);
      const unsound: string[] = [];
      for (const one of taken) {
        const seen = await observe(build.target, linked.image, one);
        const runs: Record<string, string> = {
          ...seenKinds(seen),
          freed: seen.freed.length === 0 ? 'erased' : 'residue',
          kept: seen.kept.length === 0 ? 'erased' : 'residue',
        };
        // Of memory that the caller gave runs see the caller's buffer.
        if (one.function === 'heap_frees_argument') runs['freed'] = 'residue';
        for (const [part, kind] of Object.entries(kindsOf(answerFor(linked, one)))) {
          verdicts++;
          const asked = one.arguments.flatMap((argument) => ('value' in argument ? [argument.value] : [])).join();
          const what = `${build.target.name} ${build.compiler} ${build.level} ${one.function}(${asked}) ${part}`;
          if (kind === 'unknown') unknown.push(what);
          else if (kind !== runs[part]) (kind === 'erased' ? unsound : unseen).push(what);
        }
      }
      expect(unsound).toEqual([]);
    },
    300_000,
  );

  it('are seldom unknown, and seldom residue that no run shows', () => {
    console.log(`${verdicts} verdicts; unknown:`, unknown, 'residue that no run shows:', unseen);
    expect(verdicts).toBe(some.length * taken.length * 6);
    expect(unknown.length / verdicts).toBeLessThanOrEqual(0.03);
    // Code of -O0 has all its values in memory. What it leaves in dead stack lies where the frame of the allocator that is
    // called next comes to lie, and that, which is not followed, is not taken to overwrite anything.
    const [plain, optimized] = [true, false].map((isPlain) => ({
      verdicts: some.filter(({ level }) => (level === '-O0') === isPlain).length * taken.length * 6,
      unseen: unseen.filter((what) => what.includes(' -O0 ') === isPlain).length,
    }));
    expect(optimized!.unseen / optimized!.verdicts).toBeLessThanOrEqual(0.05);
    if (isLong) expect(plain!.unseen / plain!.verdicts).toBeLessThanOrEqual(0.25);
  });
});

describe.each([
  [x86, 'gcc'],
  [riscv, 'riscv64-linux-gnu-gcc'],
] as const)('memory that is allocated, $name', (target, compiler) => {
  let linked: Linked;
  beforeAll(async () => {
    linked = await built({ target, compiler, level: '-O2' });
  });
  const ask = (name: string, more: readonly Argument[] = [], result = 4): Answer =>
    answerFor(linked, subject(name, more, result));

  it('is erased where it is wiped before it is freed, and not where the wipe is removed', () => {
    expect(ask('heap_wiped').freed.kind).toBe('erased');
    const { freed } = ask('heap_unwiped');
    const entry = linked.followed.symbols.get('heap_unwiped')!;
    expect(confirmed(freed)).toBe(32);
    const [left] = residue(freed);
    expect(left).toMatchObject({ from: 0, isVerbatim: true });
    expect(left!.block).toMatchObject({ name: 'memory that malloc gave' });
    expect(left!.block!.allocatedAt).toBeGreaterThan(entry);
    expect(left!.block!.freedAt).toBeGreaterThan(left!.block!.allocatedAt!);
  });

  it('keeps what a compiler has dropped the wipe of, since nobody reads what was freed', () => {
    expect(confirmed(ask('heap_memset').freed)).toBe(32);
  });

  it('is left behind where it grows with a secret in it', () => {
    expect(confirmed(ask('heap_grown').freed)).toBe(16);
    expect(ask('heap_grown_before').freed.kind).toBe('erased');
  });

  it('is wiped on the way on which it is, and left on the other one', () => {
    expect(ask('heap_conditional', [value(1n)]).freed.kind).toBe('erased');
    expect(confirmed(ask('heap_conditional', [value(0n)]).freed)).toBe(32);
  });

  it('is still there where nobody frees it', () => {
    const { freed, kept } = ask('heap_kept');
    expect(freed.kind).toBe('erased');
    expect(confirmed(kept)).toBe(32);
    expect(residue(kept)[0]!.block).not.toHaveProperty('freedAt');
  });

  it('is what an argument points to, where that is freed', () => {
    expect(residue(ask('heap_frees_argument').freed)).toMatchObject([
      { from: 0, length: 32, isVerbatim: true, block: { name: 'argument 0' } },
    ]);
    expect(ask('heap_frees_wiped').freed.kind).toBe('erased');
  });
});

const reasons = `
#include "${sourceOf('heap.h')}"
int twice(unsigned char *key) { void *p = malloc(8); if (!p) return 0; free(p); free(p); return 0; }
int after(unsigned char *key) { unsigned char *p = malloc(8); if (!p) return 0; free(p); return *(volatile unsigned char *)p & 1; }
int into(unsigned char *key) { unsigned char *p = malloc(8); if (!p) return 0; free(p); *(volatile unsigned char *)p = 1; return 0; }
int inside(unsigned char *key) { unsigned char *p = malloc(8); if (!p) return 0; free(p + 4); return 0; }
int stack(unsigned char *key) { unsigned char own[16]; own[0] = 1; free(own); return 0; }
static unsigned char variable[8];
int image(unsigned char *key) { free(variable); return 0; }
int loaded(unsigned char *key, void **from) { free(*from); return 0; }
int beyond(unsigned char *key) { unsigned char *p = malloc(8); if (!p) return 0; *(volatile unsigned char *)(p + 8) = key[0]; free(p); return 0; }
int size(unsigned char *key) { unsigned char *p = malloc(key[0]); if (!p) return 0; free(p); return 0; }
int decided(unsigned char *key) { if (key[0] & 1) { void *p = malloc(8); if (p) free(p); } return 0; }
int unchecked(unsigned char *key) { volatile unsigned char *p = malloc(8); *p = 1; free((void *)p); return 0; }
int nothing(unsigned char *key) { void *p = malloc(8); if (!p) return 0; p = realloc(p, 0); return 0; }
int null(unsigned char *key) { free(0); return 0; }
int aligned(unsigned char *key) { unsigned char *p = aligned_alloc(64, 64); if (!p) return 0; volatile unsigned char *q = (unsigned char *)(((unsigned long)p + 63) & ~63ul); q[0] = key[0]; p[0] = 0; free(p); return 0; }
`;

const reasonOf = (verdict: Verdict<unknown>): string => (verdict.kind === 'unknown' ? verdict.reason : verdict.kind);

describe('what is unknown of memory that is allocated', () => {
  let linked: Linked;
  beforeAll(async () => {
    const object = await compileSubject(x86, 'gcc', 'heap.c', ['-O2', '-fno-builtin']);
    linked = await linkedText(x86, reasons, 'gcc', ['-O1', '-fno-builtin', '-w'], folder, 'reasons', [object]);
  });
  it.each([
    ['twice', 'memory is freed that was freed before'],
    ['after', 'a load from memory that was freed before'],
    ['into', 'a store to memory that was freed before'],
    ['inside', 'memory is freed from its byte 4 on, which is not where it begins'],
    ['stack', 'memory of the stack is freed'],
    ['image', 'memory is freed, and nobody knows which'],
    ['loaded', 'memory is freed, and nobody knows which'],
    ['beyond', 'a store to byte 8 to 8 of 8 that malloc gave'],
    ['size', 'how much memory is asked for depends on the secret'],
    ['decided', 'whether malloc is called depends on the secret'],
    ['unchecked', 'a store to nobody knows where'],
    ['nothing', 'realloc to no bytes, which may free the memory or not'],
    ['null', 'erased'],
    ['aligned', 'erased'],
  ])('%s: %s', (name, reason) => {
    const more: readonly Argument[] = name === 'loaded' ? [{ kind: 'public', bytes: new Uint8Array(8) }] : [];
    expect(reasonOf(analyzed(linked, name, [key, ...more]).freed)).toBe(reason);
  });
});

/** malloc puts no register away, calloc does; free keeps r9 and clears r10. */
const spilling = `${intelAssembly}begin malloc
mov rax, rdi
xor eax, eax
ret
begin calloc
push rbx
push r11
pop rcx
xor eax, eax
pop rbx
ret
begin free
xor r10d, r10d
ret
begin kept_apart
push rbx
mov rbx, [rdi]
mov edi, 8
call malloc
xor ebx, ebx
pop rbx
xor eax, eax
ret
begin put_away
push rbx
mov rbx, [rdi]
mov edi, 8
mov esi, 1
call calloc
xor ebx, ebx
pop rbx
xor eax, eax
ret
begin put_away_to_align
mov r11, [rdi]
mov edi, 8
mov esi, 1
call calloc
xor eax, eax
ret
begin survives
mov r9, [rdi]
mov r10, r9
xor edi, edi
call free
xor eax, eax
ret
.section .note.GNU-stack, "", @progbits
`;

describe('registers that hold the secret when memory is allocated', () => {
  let linked: Linked;
  beforeAll(async () => {
    linked = await linkedText(x86, spilling, 'gcc', [], folder, 'spilling');
  });
  it('are left on the stack where the allocator puts them there, as runs show', async () => {
    expect(analyzed(linked, 'kept_apart').stack.kind).toBe('erased');
    for (const name of ['put_away', 'put_away_to_align']) {
      expect(residue(analyzed(linked, name).stack).length).toBeGreaterThan(0);
      expect((await observe(x86, linked.image, subject(name))).stack.length).toBeGreaterThan(0);
    }
    expect(analyzed(linked, 'put_away').depth).toBe(32);
  });
  it('stay as they were where it does not write them', () => {
    expect(residue(analyzed(linked, 'survives').registers).map(({ register }) => register)).toEqual(['r9']);
    const found = residue(analyzed(linked, 'put_away_to_align').registers).map(({ register }) => register);
    expect(found).toEqual(expect.arrayContaining(['rcx', 'r11']));
  });
});

const pools = `
#include "${join(projectRoot, 'include/casemate/secrets.h')}"
#include "${sourceOf('heap.h')}"
CASEMATE_KEPT void *pool_get(size_t size) { return malloc(size); }
CASEMATE_KEPT void pool_put(void *block) { free(block); }
int uses(unsigned char *key) {
  volatile unsigned char *own = pool_get(32);
  if (own == 0) return 0;
  for (int i = 0; i < 32; i++) own[i] = key[i];
  int result = own[3] & 1;
  pool_put((void *)own);
  return result;
}
`;

describe('an allocator that a record declares', () => {
  const answer = async (name: string, records: string): Promise<Answer> => {
    const object = await compileSubject(x86, 'gcc', 'heap.c', ['-O2', '-fno-builtin']);
    const text = `${pools}${records}`;
    return analyzed(await linkedText(x86, text, 'gcc', ['-O2'], folder, name, [object]), 'uses');
  };
  const get = 'CASEMATE_ALLOCATOR(pool_get, CASEMATE_MALLOC);';

  it('gives and takes memory under its own name', async () => {
    const { freed } = await answer('pools', `${get} CASEMATE_ALLOCATOR(pool_put, CASEMATE_FREE);`);
    expect(confirmed(freed)).toBe(32);
    expect(residue(freed)[0]!.block).toMatchObject({ name: 'memory that pool_get gave' });
  });

  it('leaves nothing where it says that it wipes, which is believed and said', async () => {
    const wiping = `${get} CASEMATE_ALLOCATOR(pool_put, CASEMATE_FREE + CASEMATE_WIPES);`;
    const { freed, assumptions } = await answer('wiping', wiping);
    expect(freed.kind).toBe('erased');
    expect(assumptions).toContain('pool_put sets to zeros what it frees, as its record says');
  });
});

describe('a record of a function that allocates', () => {
  let image: ImageSubject;
  beforeAll(async () => {
    const linked = await built({ target: x86, compiler: 'gcc', level: '-O2' });
    image = readSubject(readFileSync(linked.image.path), 'heap');
  });
  const judged = (name: string, heap: boolean): JudgedFunction => {
    const annotation: SecretAnnotation = {
      ...{ function: name, address: 0n, origin: 'manifest', result: 4 },
      items: [{ kind: 'secret', argument: 0, length: { kind: 'constant', bytes: 32 } }],
      policy: { ...defaultPolicy, stack: false, registers: false, heap },
    };
    return judgeRecords(image, [{ annotation, origin: 'manifest' }], { ...defaults, replaySteps: 0 })[0]!;
  };
  const heapOf = ({ parts }: JudgedFunction) => parts.find(({ part }) => part === 'heap');

  it('is judged by what it frees always, and by what it keeps where its policy says so', () => {
    expect(heapOf(judged('heap_unwiped', false))).toMatchObject({ outcome: 'residue' });
    expect(heapOf(judged('heap_kept', false))).toMatchObject({ outcome: 'erased' });
    expect(heapOf(judged('heap_kept', true))).toMatchObject({ outcome: 'residue' });
    expect(heapOf(judged('heap_wiped', true))).toMatchObject({ outcome: 'erased' });
  });

  it('says which memory, who gave it and who freed it', () => {
    const one = judged('heap_unwiped', true);
    const report = { functions: [one], absent: [], problems: [] };
    const places = { place: (address: number) => `<${address > 0 ? 'code' : address}>`, line: () => undefined };
    expect(verdictLines(report, places)[1]).toMatch(
      /heap: \d+ bytes at \+0 of memory that malloc gave at <code>, freed at <code>, of the secret itself, written at <code>/,
    );
    expect(JSON.stringify(reportJson('heap', report, places))).toMatch(
      /"memory":"memory that malloc gave","allocatedAt":"0x\w+","freedAt":"0x\w+"/,
    );
  });
});
