/**
 * Functions behind veneers that erase, for x86-64: whoever calls them, and however, finds nothing that depends on the
 * secret; what they answer stays the same.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { WipeWish } from '../../../hardening/wipe/plan.ts';
import type { WipeRequest } from '../../../hardening/wipe/veneer.ts';
import type { RegisterFiles } from '../../../hardening/wipe/veneer-x86-64.ts';
import { requireVeneers } from '../../../hardening/wipe/verify.ts';
import {
  compileSubject,
  driverObjects,
  observe,
  type Subject,
  sourceOf,
  targetFlags,
} from '../../support/erasure/oracle.ts';
import { linkAlone, linkPlanned, linkWiped, type WipedProgram } from '../../support/erasure/wiped.ts';
import { isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { compile, execute, x86 } from '../../support/toolchain.ts';
import type { Tool } from '../../support/tools.ts';

const folder = temporaryFolder('wipe');
const subject = (name: string): Subject => ({ function: name, arguments: [{ kind: 'secret', size: 32 }], result: 4 });
const wipe = (name: string, more: Partial<WipeRequest> = {}): WipeRequest => ({
  ...{ function: name, depth: 256, watched: 0, results: ['rax'], keepsOthers: false, arguments: 'registers' },
  ...more,
});

const callers = [
  ...['calls_worker', 'by_table_of_static'],
  ...(isLong ? ['jumps_to_worker', 'calls_alias', 'by_table_of_global', 'by_address_of_global'] : []),
  ...(isLong ? ['jumps_to_hidden', 'calls_hidden', 'by_address_of_static'] : []),
];

describe.each(isLong ? (['gcc', 'clang'] as const) : (['gcc'] as const))('what %s makes', (compiler) => {
  let before: WipedProgram;
  let after: WipedProgram;
  beforeAll(async () => {
    const object = await compileSubject(x86, compiler, 'called.c', ['-O2', '-ffunction-sections']);
    before = await linkWiped([object], join(folder, `before-${compiler}`));
    const objects = [object, ...(await driverObjects(x86))];
    after = linkPlanned(objects, join(folder, `after-${compiler}`), [{ function: 'worker' }, { function: 'hidden' }]);
  });

  it.each(callers)('leaves nothing after %s once the function is behind a veneer', async (name) => {
    const seen = await observe(x86, after.image, subject(name));
    expect([seen.stack, seen.registers, seen.memory]).toEqual([[], [], []]);
    if (!isLong && name !== 'calls_worker') return;
    const bare = await observe(x86, before.image, subject(name));
    expect(bare.stack.length).toBeGreaterThan(0);
  });

  it('has no way past the veneers', () => {
    expect(requireVeneers(after.linked, ['worker', 'hidden']).map(({ name }) => name)).toEqual(['worker', 'hidden']);
  });
});

it('calls that an assembler has resolved inside of a section are refused by name', async () => {
  const object = await compileSubject(x86, 'clang', 'called.c', ['-O2', '-fno-function-sections']);
  const { linked } = await linkWiped([object], join(folder, 'one-section'), [wipe('worker'), wipe('hidden')]);
  expect(() => requireVeneers(linked, ['worker', 'hidden'])).toThrow(
    /called\.o:\(\.text\+0x[0-9a-f]+\): comes to (worker|hidden) without a relocation, .*-ffunction-sections/,
  );
});

describe('results', () => {
  // Without it gcc keeps values in registers across calls in one unit.
  const plain = ['-O2', '-fno-ipa-ra'] as const;
  const results = { two: ['rax', 'rdx'], real: ['xmm0'], reals: ['xmm0', 'xmm1'] } as Record<string, string[]>;
  const every = ['plain', 'two', 'real', 'reals', 'many', 'variadic', 'deep', 'applied', 'aligned', 'hungry'];
  const onStack = new Set(['many', 'variadic', 'deep']);
  const requestsFor = (more: Partial<WipeRequest>, depths: Record<string, Partial<WipeRequest>> = {}): WipeRequest[] =>
    every.map((name) =>
      wipe(name, {
        ...{ depth: 2048, results: results[name] ?? ['rax'] },
        arguments: onStack.has(name) ? 'stack' : 'registers',
        ...more,
        ...depths[name],
      }),
    );
  const statusOf = async (
    compiler: Tool,
    flags: readonly string[],
    requests: readonly WipeRequest[],
    files?: RegisterFiles,
  ): Promise<number | null> => {
    const object = await compileSubject(x86, compiler, 'results.c', ['-ffreestanding', ...flags]);
    const { image } = linkAlone([object], join(folder, 'results'), requests, files);
    const { status } = await execute(x86, image.path);
    return status;
  };

  it('are what they are without veneers, wherever arguments lie', async () => {
    expect(await statusOf('gcc', [...plain], requestsFor({}))).toBe(0);
    expect(await statusOf('gcc', [...plain], requestsFor({ arguments: 'stack', depth: 64 }))).toBe(0);
    expect(await statusOf('clang', ['-O1', '-ffunction-sections'], requestsFor({ depth: 40_000 }))).toBe(0);
  });

  it.each([
    { vectors: 'none', x87: false },
    { vectors: 'avx', x87: true },
    { vectors: 'avx512', x87: true },
  ] as const)('are so with registers of $vectors', async (files) => {
    const requests = requestsFor({}).filter(({ results: [first] }) => files.vectors !== 'none' || first === 'rax');
    const skipped = files.vectors === 'none' ? ['-mgeneral-regs-only', '-DNO_REALS'] : [];
    expect(await statusOf('gcc', [...plain, ...skipped], requests, files)).toBe(0);
  });

  it('are lost where a register that carries one is wiped, or a word on the stack has moved', async () => {
    expect(await statusOf('gcc', [...plain], requestsFor({}, { two: { results: ['rax'] } }))).toBe(2);
    expect(await statusOf('gcc', [...plain], requestsFor({}, { many: { arguments: 'registers' } }))).toBe(5);
  });

  it('do not come where a function goes deeper than was declared', async () => {
    const declared = (depth: number) => requestsFor({}, { hungry: { depth, watched: 128 } });
    expect(await statusOf('gcc', [...plain, '-DHUNGRY=400'], declared(600))).toBe(0);
    expect(await statusOf('gcc', [...plain, '-DHUNGRY=400'], declared(300))).not.toBe(0);
    expect(await statusOf('gcc', [...plain, '-DHUNGRY=400'], declared(300))).not.toBe(11);
  });

  it('do not come from a recursion that the shadow stack has no room for', async () => {
    const text = readFileSync(sourceOf('results.c'), 'utf8');
    expect(text).toContain('deep(10,');
    const source = join(folder, 'deeper.c');
    writeFileSync(
      source,
      text.replace(
        'check(7, deep(10, 1, 2, 3, 4, 5, 6, 7, 8) == 36 + 10 + 55 + 10)',
        'check(7, deep(100, 1, 2, 3, 4, 5, 6, 7, 8) == 36 + 100 + 5050 + 100)',
      ),
    );
    const flags = [...targetFlags(x86), ...plain, '-ffreestanding', '-fno-optimize-sibling-calls'];
    const object = await compile('gcc', source, join(folder, 'deeper.o'), flags);
    const statusWith = async (requests: readonly WipeRequest[]) => {
      const { image } = linkAlone([object], join(folder, 'deeper'), requests);
      return (await execute(x86, image.path)).status;
    };
    expect(await statusWith(requestsFor({}).filter(({ function: name }) => name !== 'deep'))).toBe(0);
    expect(await statusWith(requestsFor({}))).not.toBe(0);
  });

  it('stay what they are in a unit that relies on what its functions leave alone', async () => {
    const object = await compileSubject(x86, 'gcc', 'results.c', ['-ffreestanding', '-O2', '-DOWN_REFERENCE']);
    expect(await statusOf('gcc', ['-O2', '-DOWN_REFERENCE'], requestsFor({}))).not.toBe(0);
    const wishes = every.map((name) => ({ function: name, results: results[name] ?? ['rax'], maxStack: 2048 }));
    const { image, wiped } = linkPlanned([object], join(folder, 'planned'), wishes);
    expect((await execute(x86, image.path)).status).toBe(0);
    const planned = Object.fromEntries(wiped.map((one) => [one.function, one]));
    expect(planned['plain']).toMatchObject({ isProved: true, arguments: 'registers', watched: 0 });
    expect(planned['plain']).toMatchObject({ keepsOthers: true });
    expect(planned['many']).toMatchObject({ isProved: true, arguments: 'stack' });
    expect(planned['variadic']).toMatchObject({ arguments: 'stack' });
    expect(planned['hungry']).toMatchObject({ isProved: false, watched: 128, depth: 2048 });
  });
});

it('a function whose depth nobody knows is refused by name, with the reason', async () => {
  const object = await compileSubject(x86, 'gcc', 'results.c', ['-ffreestanding', '-O2', '-DOWN_REFERENCE']);
  const refused = (wishes: readonly WipeWish[]) => () => linkPlanned([object], join(folder, 'refused'), wishes);
  expect(refused([{ function: 'hungry' }])).toThrow(
    /^hungry: how much stack it takes is not proved \(.+\), .*--wipe hungry:BYTES/,
  );
  expect(refused([{ function: 'nobody' }])).toThrow(/^nobody: the image has no function of this name/);
  expect(refused([{ function: 'plain', results: ['r12'] }])).toThrow(/^plain: r12 carries no result/);
  expect(refused([{ function: 'plain' }, { function: 'plain' }])).toThrow(/^plain: is to be wiped twice/);
});
