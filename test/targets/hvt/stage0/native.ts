/** Pieces of the stub on the host's own processor: native.c, compiled once, fed with runs. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { assemble, type Item } from '../../../../machine/assemble/listing.ts';
import * as x86 from '../../../../machine/assemble/x86-64.ts';
import { projectRoot, temporaryFolder } from '../../../support/paths.ts';
import { runOrThrow } from '../../../support/run.ts';
import { requireTool } from '../../../support/tools.ts';

export interface NativeMap {
  readonly address: number;
  readonly bytes: Uint8Array;
}

export interface NativeRun {
  readonly maps: readonly NativeMap[];
  readonly registers: Partial<Record<x86.Register, number | bigint>>;
}

export interface NativeResult {
  readonly registers: Record<x86.Register, bigint>;
  /** Name of the UD2 that ended the run. */
  readonly end: string;
  /** In the order of the run's maps. */
  readonly maps: readonly Uint8Array[];
}

const code = 0x20_0000;
const page = 0x1000;

let built: Promise<string> | undefined;

async function buildRunner(): Promise<string> {
  const program = join(temporaryFolder('native'), 'native');
  const source = join(projectRoot, 'test/targets/hvt/stage0/native.c');
  await runOrThrow(requireTool('clang'), ['-O1', '-Wall', '-Werror', '-o', program, source]);
  return program;
}

/**
 * Runs `items` once for each of `runs`. It ends where they end, or at one of `exits`, labels that they refer to but do
 * not define.
 */
export async function runNative(
  items: readonly Item[],
  exits: readonly string[],
  runs: readonly NativeRun[],
): Promise<NativeResult[]> {
  built ??= buildRunner();
  const program = await built;
  const ends = ['end', ...exits];
  const listing = [...items, ...ends.flatMap((name): Item[] => [{ kind: 'label', name }, x86.plain('ud2')])];
  const { bytes, labels } = assemble(listing, code);
  const text = new Uint8Array(Math.ceil(bytes.length / page) * page);
  text.set(bytes);
  const words = (...values: (number | bigint)[]) =>
    new BigUint64Array(values.map((v) => BigInt.asUintN(64, BigInt(v))));
  const input: Uint8Array[] = [];
  const add = (part: Uint8Array | BigUint64Array) =>
    input.push(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  add(words(runs.length));
  for (const { maps, registers } of runs) {
    add(words(maps.length + 1, code, text.length));
    add(text);
    for (const { address, bytes: content } of maps) {
      add(words(address, content.length));
      add(content);
    }
    add(words(...x86.registers.map((name) => registers[name] ?? 0), code));
  }
  const output = execFileSync(program, { input: Buffer.concat(input), maxBuffer: 1 << 30 });
  let at = 0;
  return runs.map(({ maps }) => {
    const values = Array.from({ length: 17 }, (_, i) => output.readBigUInt64LE(at + 8 * i));
    at += 17 * 8 + text.length;
    const after = maps.map(({ bytes: content }) => {
      const found = new Uint8Array(output.subarray(at, at + content.length));
      at += content.length;
      return found;
    });
    const end = ends.find((name) => BigInt(labels.get(name)!) === values[16]) ?? `rip ${values[16]!.toString(16)}`;
    const named = Object.fromEntries(x86.registers.map((name, i) => [name, values[i]!]));
    return { registers: named as Record<x86.Register, bigint>, end, maps: after };
  });
}
