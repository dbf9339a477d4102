/** Functions as linked code, for translation validation: lowered, compiled and linked as they would be. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from '../../analyzers/ir.ts';
import { lowerToC } from '../../lowering/c/lower.ts';
import { prelude } from '../../lowering/c/prelude.ts';
import type { MachineName } from '../../proofs/validation/convention.ts';
import type { Subject } from '../../proofs/validation/subject.ts';
import type { AskQueries } from '../../proofs/validation/validate.ts';
import { hvtPlatform } from '../../targets/hvt/platform.ts';
import { riscvPlatform } from '../../targets/riscv64/platform.ts';
import { askProver } from './contracts.ts';
import { temporaryFolder } from './paths.ts';
import { runOrThrow } from './run.ts';
import { casemateLd } from './toolchain.ts';
import { requireTool } from './tools.ts';

export interface CodeOfFunction extends Subject {
  /** Bytes of its code. */
  readonly size: number;
}

const targets = {
  riscv64: { flags: riscvPlatform.cflags, emulation: 'elf64lriscv' },
  'x86-64': { flags: hvtPlatform.cflags, emulation: 'elf_x86_64' },
};

/**
 * A program's functions, each with code of its own: nothing is inlined but the prelude, nothing is known of callers. What
 * the platform would have is empty.
 */
export async function compileFunctions(program: Program, machine: MachineName = 'riscv64'): Promise<CodeOfFunction[]> {
  const { emulation } = targets[machine];
  const lowered = lowerToC(program, 'verified');
  const folder = temporaryFolder('validation');
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('casemate-lowered.h'), prelude());
  writeFileSync(at('verified.h'), lowered.header);
  writeFileSync(at('verified.c'), lowered.source);
  const flags = targets[machine].flags.filter((flag) => flag !== '-fstack-protector-strong');
  const compile = (name: string): Promise<string> =>
    runOrThrow('clang', [
      ...flags,
      '-finline-hint-functions',
      '-fno-finite-loops',
      '-c',
      at(`${name}.c`),
      '-o',
      at(`${name}.o`),
    ]);
  await compile('verified');
  const missing = (await runOrThrow(requireTool('readelf'), ['-sW', at('verified.o')]))
    .split('\n')
    .flatMap((line) => /\bUND (\S+)$/.exec(line)?.[1] ?? []);
  const empty = ['_start', ...missing].map((name) => `void ${name}(void);\nvoid ${name}(void) {}\n`);
  writeFileSync(at('rest.c'), empty.join(''));
  await compile('rest');
  await runOrThrow(process.execPath, [
    casemateLd,
    '-m',
    emulation,
    '--emit-relocs',
    '-o',
    at('image'),
    at('verified.o'),
    at('rest.o'),
  ]);
  const symbols = await runOrThrow(requireTool('readelf'), ['-sW', at('image')]);
  const sections = await runOrThrow(requireTool('readelf'), ['-SW', at('image')]);
  const [, address, offset, size] = /\.text +PROGBITS +([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+)/
    .exec(sections)!
    .map((hex) => Number.parseInt(hex, 16));
  const text = { address, bytes: new Uint8Array(readFileSync(at('image')).subarray(offset, offset + size)) };
  const placeOf = (symbol: string | undefined): { start: number; size: number } | undefined => {
    const found = new RegExp(`: ([0-9a-f]+) +(\\d+) FUNC .* ${symbol}$`, 'm').exec(symbols);
    return found ? { start: Number.parseInt(found[1], 16), size: Number(found[2]) } : undefined;
  };
  const places = program.functions.flatMap((fn) => {
    const place = placeOf(lowered.symbols.get(fn.key));
    return place === undefined ? [] : [{ function: fn, ...place }];
  });
  const library = (['memset', 'memcpy'] as const).flatMap((name): [number, typeof name][] => {
    const place = placeOf(name);
    return place === undefined ? [] : [[place.start, name]];
  });
  const relocations = await runOrThrow(requireTool('readelf'), ['-rW', at('image')]);
  const kinds = { '32': 'unsigned', '32S': 'signed', '64': 'word' } as const;
  const absolute = [...relocations.matchAll(/^([0-9a-f]{16}) .* R_X86_64_(32|32S|64) /gm)].map(
    ([, hex, type]) => [Number.parseInt(hex, 16), kinds[type as keyof typeof kinds]] as const,
  );
  const code = {
    machine,
    ...text,
    functions: new Map(places.map(({ function: { key }, start }) => [start, key])),
    library: new Map(library),
    absolute: new Map(absolute),
  };
  return places.flatMap((one) => (one.function.body === undefined ? [] : [{ program, code, ...one }]));
}

/** Asks the test file's prover. */
export const askQueries: AskQueries = async (queries) => {
  const asked = await askProver(2_000_000)(queries.map((query) => ({ query, question: 'holds' as const })));
  return asked.map(({ status }) => status);
};
