/**
 * After the link: whether what was proved is what the image holds.
 *
 * A proof is of a text; it says something of an image only where the image's code is the code that this build made of
 * that text, and where a name still means it. So each function is looked up in the linked program, not in notes or
 * symbol tables that any input can write: its symbol must be defined by the unit of this build, no option may lead calls
 * elsewhere, and the bytes in the finished file must be those that were linked: its own, and the constants of the unit,
 * of which nobody knows which function reads them. Where the build itself has put a veneer in front, the function's code is
 * looked for behind it. What fails loses its status.
 */
import { hex } from '../base/errors.ts';
import { createHash } from '../base/node.ts';
import { readElfFile } from '../linker/elf-file.ts';
import { dataOf, functionsOf, type ImageFunction, type ImageRelocations, relocationsOf } from '../linker/provenance.ts';
import {
  assumedOf,
  changedByVeneer,
  codeName,
  type InterpositionJob,
  interposed,
  interposedTrusted,
  interposedUnit,
} from './interposition.ts';
import type { Trusted, VerifiedFunction } from './verified-record.ts';

/** Code in the finished image. */
export interface Place {
  readonly symbol: string;
  readonly address: number;
  readonly size: number;
}

export interface AuditedFunction extends VerifiedFunction {
  /** 'absent': the image has no code of it; it was not needed, or is part of its callers. */
  readonly status: VerifiedFunction['verdict'] | 'absent' | 'lost';
  /** Why it is lost. */
  readonly reason?: string;
  /** Of its code, and of what tests before it, in the image: what was hashed, in this order. */
  readonly places: readonly Place[];
  /** SHA-256 of their bytes, in hexadecimal. */
  readonly bytes?: string;
}

export interface Audit {
  readonly functions: readonly AuditedFunction[];
  /** What is believed of other objects, each in a sentence, besides the functions of C that contracts speak of. */
  readonly assumed: readonly string[];
}

export interface AuditJob extends InterpositionJob {
  readonly functions: readonly VerifiedFunction[];
  /** The functions of C that each, by FILE:NAME, relies on. */
  readonly trusts: ReadonlyMap<string, readonly Trusted[]>;
  /** How many bytes each, by FILE:NAME, returns in the first register of integers; those whose result is there alone. */
  readonly returns: ReadonlyMap<string, number>;
  /** The finished file. */
  readonly bytes: Uint8Array;
}

/** The one relocation whose field has 8 bytes in code that may move. Source: psABI for x86-64, "Relocation Types". */
const R_X86_64_64 = 1;

/** Bytes of the image. */
export interface Code {
  /** In the finished file, where hardening may have moved it. */
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** The relocated fields of bytes, zeroed: what changes where all of an image moves. */
function withoutFields(code: Uint8Array, address: number, { place, type, count }: ImageRelocations): Uint8Array {
  const bytes = code.slice();
  for (let i = 0; i < count; i++) {
    const at = place[i] - address;
    if (at >= 0 && at < bytes.length) bytes.fill(0, at, at + (type[i] === R_X86_64_64 ? 8 : 4));
  }
  return bytes;
}

/**
 * Finds code or constants, linked at an address, in the finished file: in the section of the same name and size, and the
 * same byte for byte; where the section has moved, but for the fields that hold addresses, whose meaning is the move's
 * affair.
 */
export function codeFinder({
  image,
  bytes,
}: Pick<AuditJob, 'image' | 'bytes'>): (address: number, size: number) => Code | undefined {
  const { sections } = readElfFile(bytes, 'the image');
  let relocations: ImageRelocations | undefined;
  return (address, size) => {
    const own = image.sections.find((one) => one.address <= address && address + size <= one.address + one.size);
    const found = own && sections.find((one) => one.name === own.name && one.size === own.size && one.data.length > 0);
    if (own === undefined || found === undefined) return undefined;
    const offset = address - own.address;
    const linked = image.bytes.subarray(own.fileOffset + offset, own.fileOffset + offset + size);
    const code = { address: Number(found.address) + offset, bytes: found.data.subarray(offset, offset + size) };
    if (code.address === address) return Buffer.compare(linked, code.bytes) === 0 ? code : undefined;
    relocations ??= relocationsOf(image);
    const [before, after] = [linked, code.bytes].map((one) => withoutFields(one, address, relocations!));
    return Buffer.compare(before, after) === 0 ? code : undefined;
  };
}

const trustedOf = ({ trusts }: AuditJob): Set<string> =>
  new Set([...trusts.values()].flatMap((all) => all.map(({ symbol }) => symbol)));

/** Its symbols: what others see, and its code. */
const namesOf = ({ symbol, code }: VerifiedFunction): string[] =>
  symbol === undefined || symbol === code ? [code] : [symbol, code];

/** Why a function's proof says nothing of the image, whatever code there is; undefined when it does. */
function lossOf(job: AuditJob, trusted: ReadonlySet<string>): (fn: VerifiedFunction) => string | undefined {
  const reasons = new Map([...trusted].map((symbol) => [symbol, interposedTrusted(job, symbol)]));
  const shared = interposedUnit(job, trusted);
  return (fn) => {
    const { function: name, symbol } = fn;
    const own = symbol === undefined ? undefined : interposed(job, symbol);
    if (own !== undefined) return own;
    for (const one of namesOf(fn)) {
      const changed = changedByVeneer(job, one, job.returns.get(name));
      if (changed !== undefined) return changed;
    }
    const found = (job.trusts.get(name) ?? []).find((one) => reasons.get(one.symbol) !== undefined);
    return found === undefined ? shared : `it relies on ${found.function}, and ${reasons.get(found.symbol)}`;
  };
}

/** What became of the unit's constants; undefined where the finished file has all of them. */
function lossOfData({ image, object }: AuditJob, find: ReturnType<typeof codeFinder>): string | undefined {
  const lost = dataOf(image, object).find(({ address, size }) => find(address, size) === undefined);
  return lost && `the finished image has not the constants of ${lost.name} that were linked at ${hex(lost.address)}`;
}

export function auditImage(job: AuditJob): Audit {
  const { functions, object, image } = job;
  const present = new Map<string, ImageFunction>();
  for (const fn of functionsOf(image)) if (fn.object === object) present.set(fn.name, fn);
  const find = codeFinder(job);
  const trusted = trustedOf(job);
  const loss = lossOf(job, trusted);
  const lostData = lossOfData(job, find);
  const audited = functions.map((fn): AuditedFunction => {
    const linked = namesOf(fn).flatMap((name) => present.get(codeName(job, name)) ?? []);
    const reason = loss(fn);
    if (reason !== undefined) return { ...fn, status: 'lost', reason, places: [] };
    if (linked.length === 0) return { ...fn, status: 'absent', places: [] };
    if (lostData !== undefined) return { ...fn, status: 'lost', reason: lostData, places: [] };
    const digest = createHash('sha256');
    const places: Place[] = [];
    for (const { name, address, size } of linked) {
      const code = find(address, size);
      if (code === undefined) {
        const text = `the finished image has not the code of ${name} that was linked at ${hex(address)}`;
        return { ...fn, status: 'lost', reason: text, places: [] };
      }
      digest.update(code.bytes);
      places.push({ symbol: name, address: code.address, size });
    }
    return { ...fn, status: fn.verdict, places, bytes: digest.digest('hex') };
  });
  return { functions: audited, assumed: assumedOf(job, trusted) };
}
