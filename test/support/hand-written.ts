/** Verdicts of translation validation on code that is written by hand, instruction by instruction. */
import type { Program } from '../../analyzers/ir.ts';
import { assemble, type Item, label } from '../../machine/assemble/listing.ts';
import { jalr } from '../../machine/assemble/riscv64.ts';
import { ret } from '../../machine/assemble/x86-64.ts';
import type { MachineName } from '../../proofs/validation/convention.ts';
import { type Verdict, validate } from '../../proofs/validation/validate.ts';
import type { CodeImage } from '../../proofs/validation/walk.ts';
import { programOf } from './contracts.ts';
import { askQueries } from './validation.ts';

/** Where the code lies. */
export const ADDRESS = 0x10000;
/** The label behind all code. */
export const END = 'behind all code';

/** What else is known of an image; `end`: the address of END. */
export type Around = (program: Program, end: number) => Partial<CodeImage>;

const returns: Record<MachineName, Item> = { riscv64: jalr('zero', 'ra'), 'x86-64': ret() };

/** The verdict on `f` with this code; behind it stands a function that it may call, `callee`. */
export async function verdictOn(
  machine: MachineName,
  text: string,
  code: readonly Item[],
  around: Around = () => ({}),
): Promise<Verdict> {
  const program = programOf(text);
  const [fn, callee] = ['f', 'callee'].map((name) => program.functions.find((one) => one.name === name));
  const { bytes, labels } = assemble([...code, label('callee'), returns[machine], label(END)], ADDRESS);
  const functions = new Map([[ADDRESS, fn!.key]]);
  if (callee !== undefined) functions.set(labels.get('callee')!, callee.key);
  const image = { machine, address: ADDRESS, bytes, functions, ...around(program, labels.get(END)!) };
  return validate({ program, function: fn!, code: image, start: ADDRESS }, askQueries);
}

/** Its status, on one machine. */
export const statusOn =
  (machine: MachineName) =>
  async (text: string, code: readonly Item[], around?: Around): Promise<Verdict['status']> =>
    (await verdictOn(machine, text, code, around)).status;
