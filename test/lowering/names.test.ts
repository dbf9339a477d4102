/** Names of C for names of TypeScript. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { identifier } from '../../lowering/c/names.ts';
import { prelude } from '../../lowering/c/prelude.ts';
import { temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTool } from '../support/tools.ts';

it.each(['clang', 'gcc'] as const)(
  'are no macros and no types of the headers that lowered code includes: %s',
  async (compiler) => {
    const source = join(temporaryFolder('names'), 'prelude.c');
    writeFileSync(source, prelude());
    const preprocess = (flag: string): Promise<string> =>
      runOrThrow(requireTool(compiler), ['-std=c11', '-ffreestanding', '-E', flag, source]);
    const macros = [...(await preprocess('-dM')).matchAll(/^#define (\w+)/gm)].map(([, name]) => name);
    const types = [...(await preprocess('-P')).matchAll(/\b(\w+);/g)].map(([, name]) => name);
    const wanted = [...macros, ...types.filter((name) => name.endsWith('_t') && name.length > 2)];
    expect(wanted).toEqual(
      expect.arrayContaining(['WCHAR_MAX', 'SIG_ATOMIC_MIN', 'UINT8_MAX', 'uint8_t', 'max_align_t']),
    );
    expect(wanted.filter((name) => identifier(name) === name)).toEqual([]);
    expect(identifier('SIZE')).toBe('SIZE');
  },
);
