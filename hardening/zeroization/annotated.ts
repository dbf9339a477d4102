/**
 * The records of secrets that an image carries, and what in it they are about.
 *
 * A note says a name and where the function was when it was linked. An image may have been moved since, with its symbols
 * and without its notes, so the name decides, and the address only between functions of one name (static ones). What is
 * not found as one function of the image is unknown, and never taken for another one.
 */
import { hex, printable } from '../../base/errors.ts';
import { decodeAnnotations, SECRETS_NOTE } from '../../base/secret-notes.ts';
import type { SecretAnnotation } from '../../base/secrets.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfSymbol } from '../../linker/elf-symbols.ts';
import type { Subject } from '../subject.ts';
import type { Variable } from './question.ts';

/** A note that is no record. */
export interface UnreadNote {
  readonly function?: string;
  readonly problem: string;
}

/** All records of an image, in the order in which they lie there. */
export function annotationsOf(subject: Subject): { annotations: SecretAnnotation[]; problems: UnreadNote[] } {
  const annotations: SecretAnnotation[] = [];
  const problems: UnreadNote[] = [];
  for (const { name, data } of subject.file.sections) {
    if (name !== SECRETS_NOTE.section) continue;
    const decoded = decodeAnnotations(data);
    annotations.push(...decoded.annotations);
    for (const { offset, function: about, problem } of decoded.problems)
      problems.push({
        ...(about !== undefined && { function: about }),
        problem: `${SECRETS_NOTE.section}+${hex(offset)}: ${problem}`,
      });
  }
  return { annotations, problems };
}

/** What a name in a record means in the image, or why nobody knows. */
export type Found = { readonly symbol: ElfSymbol } | { readonly reason: string };

function oneOf(symbols: readonly ElfSymbol[], name: string, address: bigint, what: string, stripped: boolean): Found {
  const shown = printable(name);
  const named = symbols.filter((symbol) => symbol.name === name);
  // A symbol that stands in two tables, or twice in one, is one.
  const places = new Set(named.map(({ value }) => value));
  const [only] = named;
  if (only === undefined)
    return {
      reason: stripped
        ? `the image has no symbols, so where the ${what} ${shown} is cannot be known; do not strip it`
        : `the image has no ${what} ${shown}: it is not used and was left out, or was renamed`,
    };
  if (places.size === 1) return { symbol: only };
  const there = named.find(({ value }) => value === address);
  if (there !== undefined) return { symbol: there };
  const where =
    address === 0n ? 'the record does not say which' : `none is at ${hex(address)}, where the record has it`;
  return { reason: `the image has ${places.size} of the name ${shown}, and ${where}; rename one` };
}

/**
 * Whether the link left out the function of a record: its object had an address there, which is nothing now, and all
 * symbols of the image are at hand and none has its name. casemate.json's records never had an address.
 */
export function isLeftOut(subject: Subject, { function: name, address, origin }: SecretAnnotation): boolean {
  return (
    origin !== 'manifest' &&
    address === 0n &&
    !subject.stripped &&
    !subject.symbols.some((symbol) => symbol.name === name)
  );
}

/** The function that a record is about. */
export function functionOf(
  subject: Subject,
  { function: name, address }: Pick<SecretAnnotation, 'function' | 'address'>,
): Found {
  const functions = subject.symbols.filter(
    ({ type, section }) => (type === elf.STT_FUNC || type === elf.STT_GNU_IFUNC) && section !== elf.SHN_UNDEF,
  );
  const found = oneOf(functions, name, address, 'function', subject.stripped);
  if ('reason' in found) return found;
  const { type, value } = found.symbol;
  if (type === elf.STT_GNU_IFUNC)
    return { reason: `${printable(name)} is an indirect function: which code it means is chosen at run time` };
  const isCode = subject.code.some(
    ({ address: start, bytes }) => start <= value && value < start + BigInt(bytes.length),
  );
  return isCode ? found : { reason: `${printable(name)} lies at ${hex(value)}, where the image has no code` };
}

const holds = { 'secret symbol': 'secret', 'output symbol': 'public', 'state symbol': 'state' } as const;

/** The variables that a record is about, or why nobody knows what it says. */
export function variablesOf(
  subject: Subject,
  { items }: Pick<SecretAnnotation, 'items'>,
): readonly Variable[] | { readonly reason: string } {
  const isVariable = ({ type, section }: ElfSymbol): boolean =>
    (type === elf.STT_OBJECT || type === elf.STT_NOTYPE) && section !== elf.SHN_UNDEF && section !== elf.SHN_ABS;
  const symbols = subject.symbols.filter(isVariable);
  const variables: Variable[] = [];
  for (const item of items) {
    if (!('symbol' in item)) continue;
    const shown = printable(item.symbol);
    const found = oneOf(symbols, item.symbol, item.address, 'variable', subject.stripped);
    if ('reason' in found) return found;
    const { value, size } = found.symbol;
    const end = value + BigInt(item.bytes);
    if (size > 0n && item.bytes > size)
      return { reason: `${shown} has ${size} bytes, and the record is about ${item.bytes}` };
    const segment = subject.loads.find(
      (load) => load.address <= value && end <= load.address + BigInt(load.memorySize),
    );
    if (segment === undefined)
      return { reason: `${shown} lies at ${hex(value)}, where the image has no memory for it` };
    if ((segment.flags & elf.PF_W) === 0 || (segment.flags & elf.PF_X) !== 0)
      return { reason: `${shown} lies at ${hex(value)}, in memory that is no data that can be written` };
    variables.push({ name: item.symbol, address: Number(value), size: item.bytes, holds: holds[item.kind] });
  }
  return variables;
}

/** Copies of a function that compilers make and name after it; `.cold` is a part of it, not a copy. */
export function copiesOf(subject: Subject, name: string): string[] {
  const isCopy = (one: string): boolean =>
    one.startsWith(`${name}.`) && /^\.(constprop|isra|part|clone|specialized|llvm)\b/.test(one.slice(name.length));
  return [...new Set(subject.symbols.filter(({ type }) => type === elf.STT_FUNC).map((symbol) => symbol.name))]
    .filter(isCopy)
    .sort();
}
