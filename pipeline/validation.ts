/**
 * `casemate build --validate`: whether the code in the finished image does what the TypeScript says, function by function.
 *
 * A proof is of a text, and a compiler, an assembler, a linker and the hardening stand between it and the bytes that run.
 * Translation validation (proofs/validation/) believes none of them: it reads the bytes of the finished file, after
 * relaxation, veneers and hardening, and asks of each function that came from TypeScript whether it gives what the IR of
 * this very build gives, on all inputs and wherever the image is moved to. What it cannot show is undecided, by name, and
 * never passes for shown; what a run shows to be otherwise is refuted, and there is no image then.
 *
 * A verdict is about one function and takes its callees for what their sources say; so it names them, and whether they
 * were validated themselves. A function that the image has no code of is part of its callers, whose verdicts cover it.
 */
import type { FunctionIr, Program } from '../analyzers/ir.ts';
import { hex, printable } from '../base/errors.ts';
import { decodedMachine } from '../hardening/decoded-machine.ts';
import { originalName } from '../hardening/wipe/veneer.ts';
import { PF_W, PT_LOAD, SHF_ALLOC } from '../linker/elf.ts';
import { type ElfSection, readElfFile } from '../linker/elf-file.ts';
import type { LinkedImage } from '../linker/image.ts';
import { dataSymbolsOf, definerOf, functionsOf, type ImageFunction } from '../linker/provenance.ts';
import type { Lowered } from '../lowering/c/lower.ts';
import type { ProofCache } from '../proofs/smt/prover.ts';
import { Exhausted } from '../proofs/validation/effort.ts';
import type { TablePlace } from '../proofs/validation/entry.ts';
import type { LibraryFunction } from '../proofs/validation/machine-calls.ts';
import type { Subject } from '../proofs/validation/subject.ts';
import { tableBytes } from '../proofs/validation/tables.ts';
import { type AskQueries, type Verdict, validate } from '../proofs/validation/validate.ts';
import type { AddressField, Guard } from '../proofs/validation/walk.ts';
import { type Audit, codeFinder } from './audit.ts';
import { createAsk, openProverFor } from './prove.ts';
import { fieldsOf, type ImageFields } from './validation-fields.ts';
import type { ValidatedFunction, ValidationReport } from './validation-policy.ts';
import { functionName } from './verified-record.ts';

/** Z3's resource units for one question: what is decided is decided with less, and what is not costs this much each time. */
const VALIDATION_STEPS = 2_000_000;
/**
 * Milliseconds for one question. Steps decide; a busy machine takes minutes for as many, and a verdict that waits for the
 * clock would be another one there.
 */
const QUESTION_TIME = 600_000;

/** A finished image, and what of it came from TypeScript. */
export interface ImageJob {
  readonly lowered: Lowered;
  /** All that was proved. */
  readonly program: Program;
  readonly audit: Audit;
  /** The name of the unit's object in the link. */
  readonly object: string;
  readonly image: LinkedImage;
  /** The finished file. */
  readonly bytes: Uint8Array;
}

export interface ValidationJob extends Pick<ImageJob, 'lowered' | 'program'> {
  readonly subjects: readonly ImageFunctionOfSource[];
  readonly ask: AskQueries;
  /** Whether the time for it is over: what is not judged by then is undecided. */
  readonly isOver?: () => boolean;
  /** Progress in words. */
  readonly step: (text: string) => void;
}

/** Asks solvers as `casemate prove` does, with so many steps a question. */
export function openAsk(budget = VALIDATION_STEPS, cache?: ProofCache): { ask: AskQueries; close: () => void } {
  const prover = openProverFor({ budget, crossCheck: false, time: QUESTION_TIME, ...(cache && { cache }) });
  const ask = createAsk(prover);
  return {
    ask: async (queries) => {
      const asked = await ask(queries.map((query) => ({ query, question: 'holds' as const })));
      return asked.map(({ status }) => status);
    },
    close: () => prover.close(),
  };
}

interface OwnCode {
  readonly symbol: string;
  /** In the finished file; undefined where that has other bytes than were linked. */
  readonly address?: number;
  readonly linked: number;
  readonly size: number;
}

/** Where functions are in the finished image, by address: those of the unit, and what it calls. */
interface Places {
  readonly functions: ReadonlyMap<number, string>;
  readonly library: ReadonlyMap<number, LibraryFunction>;
  /** Where the stack protector's word is. */
  readonly guard?: Guard;
  readonly tables: readonly TablePlace[];
  /** The unit's own, by key. */
  readonly own: ReadonlyMap<string, OwnCode>;
}

/** What stack protectors read. Source: the compilers' own convention, for RISC-V as for others. */
const GUARD = '__stack_chk_guard';
const GOT = '.got';

interface PlacedData {
  /** In the finished image. */
  readonly address: number;
  readonly linked: number;
}

/** Where data is in the finished image, in the one section of the same name and size. */
function dataAddress({ image, bytes }: ImageJob, symbol: string, definer: string | undefined): PlacedData | undefined {
  const found = dataSymbolsOf(image).find(({ name, object }) => name === symbol && object === definer);
  const own =
    found && image.sections.find(({ address, size }) => address <= found.address && found.address < address + size);
  if (found === undefined || own === undefined) return undefined;
  const { sections } = readElfFile(bytes, 'the image');
  const [now, ...others] = sections.filter(({ name, size }) => name === own.name && size === own.size);
  if (now === undefined || others.length > 0) return undefined;
  return { address: found.address - own.address + Number(now.address), linked: found.address };
}

/** The guard, and the slots of the GOT that lead to it: the linker fills them in, or lets them be moved with the image. */
function guardOf(job: ImageJob): Guard | undefined {
  const placed = dataAddress(job, GUARD, definerOf(job.image, GUARD)?.object);
  if (placed === undefined) return undefined;
  const { address } = placed;
  const slots: number[] = [];
  for (const { name, address: first, data } of readElfFile(job.bytes, 'the image').sections) {
    if (name !== GOT) continue;
    const words = new DataView(data.buffer, data.byteOffset, data.length);
    for (let at = 0; at + 8 <= data.length; at += 8)
      if (words.getBigUint64(at, true) === BigInt(address)) slots.push(Number(first) + at);
  }
  return { address, slots };
}

/** The tables whose memory in the finished file holds what the source says. */
function tablesOf(job: ImageJob, { moved, filledIn }: ImageFields): TablePlace[] {
  const { lowered, object } = job;
  const find = memoryAt(job, new Set([...filledIn, ...moved.keys()]));
  return lowered.program.tables.flatMap((table) => {
    const symbol = lowered.tables.get(table.variable.id);
    const placed = symbol === undefined ? undefined : dataAddress(job, symbol, object);
    const contents = tableBytes(table);
    if (placed === undefined || contents === undefined) return [];
    const { address, linked } = placed;
    const found = find(address, { linked, size: contents.length });
    if (typeof found === 'string') return [];
    const at = address - Number(found.address);
    const isSame = Buffer.compare(found.data.subarray(at, at + contents.length), contents) === 0;
    return isSame ? [{ table, contents, address }] : [];
  });
}

const LIBRARY: readonly LibraryFunction[] = ['memset', 'memcpy'];

function placesOf(job: ImageJob, fields: ImageFields): Places {
  const { lowered, image, object } = job;
  const find = codeFinder(job);
  const all = functionsOf(image);
  const placed = (symbol: string, definer: string | undefined): OwnCode | undefined => {
    // Behind a veneer it has another name; calls come to the veneer, of which nothing is known.
    const isIt = ({ name, object: by }: ImageFunction, wanted: string): boolean => name === wanted && by === definer;
    const linked = all.find((fn) => isIt(fn, symbol)) ?? all.find((fn) => isIt(fn, originalName(symbol)));
    if (linked === undefined) return undefined;
    const address = find(linked.address, linked.size)?.address;
    return { symbol, linked: linked.address, size: linked.size, ...(address !== undefined && { address }) };
  };
  const own = new Map<string, OwnCode>();
  const functions = new Map<number, string>();
  for (const { key, body } of lowered.program.functions) {
    const symbol = lowered.inner.get(key) ?? lowered.symbols.get(key)!;
    const found = placed(symbol, body === undefined ? definerOf(image, symbol)?.object : object);
    if (found === undefined) continue;
    if (found.address !== undefined) functions.set(found.address, key);
    if (body !== undefined) own.set(key, found);
  }
  const library = LIBRARY.flatMap((name): [number, LibraryFunction][] => {
    const address = placed(name, definerOf(image, name)?.object)?.address;
    return address === undefined ? [] : [[address, name]];
  });
  const guard = guardOf(job);
  return {
    functions,
    library: new Map(library),
    tables: tablesOf(job, fields),
    own,
    ...(guard !== undefined && { guard }),
  };
}

/** The section that code or data lies in, where nothing writes it: not at run time, and not when the image is started. */
function memoryAt(
  { bytes }: ImageJob,
  filledIn: ReadonlySet<number>,
): (address: number, linked: Pick<OwnCode, 'linked' | 'size'>) => ElfSection | string {
  const { sections, segments } = readElfFile(bytes, 'the image');
  return (address, { linked, size }) => {
    const section = sections.find(
      (one) =>
        (one.flags & SHF_ALLOC) !== 0 &&
        one.address <= address &&
        address + size <= Number(one.address) + one.data.length,
    );
    const around = segments.filter(
      (one) =>
        one.type === PT_LOAD && Number(one.address) < address + size && address < Number(one.address) + one.memorySize,
    );
    if (section === undefined || around.length === 0) return 'it is in no section that is loaded';
    if (around.some(({ flags }) => (flags & PF_W) !== 0)) return 'it lies in memory that may be written';
    for (const place of filledIn)
      if (place + 8 > linked && place < linked + size)
        return `the address at ${hex(place)} is filled in when the program starts`;
    return section;
  };
}

/** The fields of code that moves, in a section of so many bytes that was linked at an address and lies at another now. */
function fieldsWithin({ moved }: ImageFields, linked: number, size: number, address: number) {
  const own = new Map<number, AddressField>();
  for (const [place, kind] of moved)
    if (place + 8 > linked && place < linked + size) own.set(place - linked + address, kind);
  return own;
}

const NO_TIME = 'the time for validation was over';

const undecidedForTime = (): never => {
  throw new Exhausted(NO_TIME);
};

/** A function of the unit that the image has code of. */
export interface ImageFunctionOfSource {
  readonly function: FunctionIr;
  readonly symbol: string;
  readonly address: number;
  readonly size: number;
  /** What to judge, or why that cannot be done. */
  readonly subject: Subject | string;
}

/** The functions to judge, in the order of the sources. */
export function subjectsOf(job: ImageJob): ImageFunctionOfSource[] {
  const { program, audit, image } = job;
  const fields = fieldsOf(image);
  const places = placesOf(job, fields);
  const find = memoryAt(job, fields.filledIn);
  const lost = new Map(audit.functions.map((fn) => [fn.function, fn.status === 'lost' ? fn.reason : undefined]));
  const { own, ...around } = places;
  const subjectOf = (fn: FunctionIr, code: OwnCode): Subject | string => {
    const loss = lost.get(functionName(fn));
    if (loss !== undefined) return loss;
    if (code.address === undefined) return 'the finished image has not the code that was linked';
    const machine = decodedMachine(image.machine);
    if (machine === undefined) return `the code of ${image.machine} is not read`;
    const section = find(code.address, code);
    if (typeof section === 'string') return section;
    // What is followed lies anywhere in it.
    const address = Number(section.address);
    const [linked, size] = [code.linked - (code.address - address), section.data.length];
    const whole = find(address, { linked, size });
    if (typeof whole === 'string') return whole;
    return {
      program,
      function: fn,
      code: {
        ...{
          machine,
          address,
          bytes: section.data,
          absolute: fieldsWithin(fields, linked, size, address),
        },
        ...around,
      },
      start: code.address,
    };
  };
  return program.functions.flatMap((fn) => {
    const code = own.get(fn.key);
    if (code === undefined) return [];
    const { symbol, size, address = code.linked } = code;
    return [{ function: fn, symbol, size, address, subject: subjectOf(fn, code) }];
  });
}

/** Judges one function after the other. */
export async function validateImage(job: ValidationJob): Promise<ValidationReport> {
  const { lowered, program, subjects: all, step, isOver = () => false } = job;
  const ask: AskQueries = async (queries) => (isOver() ? undecidedForTime() : job.ask(queries));
  const verdicts = new Map<string, Verdict>();
  for (const [i, { function: fn, subject }] of all.entries()) {
    step(`${printable(fn.name, 60)} (${i} of ${all.length} done)`);
    const reason = typeof subject === 'string' ? subject : isOver() ? NO_TIME : undefined;
    const verdict =
      reason === undefined ? await validate(subject as Subject, ask) : ({ status: 'undecided', reason } as const);
    verdicts.set(fn.key, verdict);
  }
  const byKey = new Map(program.functions.map((fn) => [fn.key, fn]));
  return {
    functions: all.map((one) => recordOf(one, verdicts, byKey)),
    absent: lowered.program.functions.flatMap((fn) =>
      fn.body === undefined || verdicts.has(fn.key) ? [] : [functionName(fn)],
    ),
  };
}

function recordOf(
  { function: fn, symbol, address, size }: ImageFunctionOfSource,
  verdicts: ReadonlyMap<string, Verdict>,
  byKey: ReadonlyMap<string, FunctionIr>,
): ValidatedFunction {
  const found = verdicts.get(fn.key)!;
  const known = { function: functionName(fn), symbol, address, size, verdict: found.status };
  if (found.status !== 'validated')
    return { ...known, ...(found.status === 'refuted' ? { witness: found.witness } : { reason: found.reason }) };
  const callees = found.callees.map((key) => ({
    function: functionName(byKey.get(key)!),
    verdict: verdicts.get(key)?.status === 'validated' ? ('validated' as const) : ('assumed' as const),
  }));
  return { ...known, questions: found.questions, callees };
}
