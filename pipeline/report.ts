/**
 * From a bundle to its report: what the page needs is read and worked out here, and written whole or not at all.
 *
 * The page says what the evidence says. What it shows beyond, the tables that the image sets up and slides of it, is found
 * in the image's own bytes, once they are known to be those that were checked.
 */
import { CasemateError, fail, printable } from '../base/errors.ts';
import type { Bundle } from '../evidence/bundle.ts';
import { decidables } from '../evidence/decidable.ts';
import { bundleNames, type Evidence } from '../evidence/evidence.ts';
import { gate } from '../evidence/gate.ts';
import { parseMeasurements } from '../evidence/parse.ts';
import type { Policy } from '../evidence/policy.ts';
import type { Enforced, ReportInput, Slides } from '../evidence/report/input.ts';
import { reportPage } from '../evidence/report/page.ts';
import { namedInstructions } from '../evidence/report/secrets.ts';
import { PAGE } from '../hardening/slide/space.ts';
import { readSubject } from '../hardening/subject.ts';
import { readElfFile } from '../linker/elf-file.ts';
import { instructionText } from '../machine/decode-x86-64.ts';
import { ownProtection } from '../targets/enforcement.ts';
import { readSlidable, slideEntropy, slidePlaces } from '../targets/hvt/slide.ts';
import { SLIDE_MEMORY } from './address-bits.ts';
import { readCompared } from './gate.ts';
import { sha256 } from './lock.ts';
import { INDEX } from './proof-evidence.ts';
import { readRulePages } from './rule-pages.ts';

export interface ReportRequest {
  /** A bundle, or evidence.json. */
  readonly path: string;
  /** Files of public keys that must have signed it; none: nobody needs to. */
  readonly keys: readonly string[];
  /** To decide by, as on a day. */
  readonly policy?: Policy;
  readonly now: string;
  /** The release before. */
  readonly against?: string;
  /** How many slides are drawn. */
  readonly slides: number;
  /** Progress in words. */
  readonly step: (text: string) => void;
}

/** A file is read to be shown; whoever wrote it, one that is broken shows nothing. */
function textIn(files: Bundle | undefined, name: string): string | undefined {
  const bytes = files?.get(name);
  return bytes && new TextDecoder().decode(bytes);
}

function sourcesOf({ proofs }: Evidence, files: Bundle | undefined): Map<string, string> {
  const found = (proofs?.sources ?? []).flatMap(({ sha256: wanted }) => {
    const bytes = files?.get(`${bundleNames.sources}${wanted}.ts`);
    // A text under another's name would be shown as what was proved.
    return bytes === undefined || sha256(bytes) !== wanted ? [] : [[wanted, new TextDecoder().decode(bytes)] as const];
  });
  return new Map(found);
}

type Fields = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** Steps that solvers took, of the index of proofs; undefined where that is not of these obligations. */
function stepsOf({ proofs }: Evidence, files: Bundle | undefined): (number | undefined)[] | undefined {
  const text = textIn(files, `${bundleNames.proofs}${INDEX}`);
  if (text === undefined || proofs === undefined) return undefined;
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch {
    return undefined;
  }
  const entries: unknown = isObject(index) ? index['obligations'] : undefined;
  if (!Array.isArray(entries) || entries.length !== proofs.obligations.length) return undefined;
  return entries.map((entry: unknown, i) => {
    if (!isObject(entry) || entry['text'] !== proofs.obligations[i]!.text || !Array.isArray(entry['answers']))
      return undefined;
    const steps = entry['answers'].flatMap((answer: unknown) =>
      isObject(answer) && Number.isSafeInteger(answer['steps']) ? [answer['steps'] as number] : [],
    );
    return steps.length === 0 ? undefined : Math.max(...steps);
  });
}

function enforcedBy(image: Uint8Array, name: string): Enforced | undefined {
  const own = ownProtection(readElfFile(image, name), image, printable(name))?.enforcement;
  if (own === undefined) return undefined;
  const { regions, stack, addresses } = own;
  return { regions, stack, ...(addresses !== undefined && { addresses }) };
}

/** Instructions that are shown. */
const MOST_INSTRUCTIONS = 500;

/** The instructions that evidence says left something of a secret; none where another machine's code is not put in words. */
function instructionsOf(image: Uint8Array, evidence: Evidence): Map<string, string> | undefined {
  const named = [...new Set(namedInstructions(evidence))].slice(0, MOST_INSTRUCTIONS);
  if (named.length === 0 || evidence.image.machine !== 'x86-64') return undefined;
  const { loads } = readSubject(image, evidence.image.name);
  return new Map(
    named.flatMap((at): [string, string][] => {
      const address = BigInt(at);
      const load = loads.find((one) => one.address <= address && address - one.address < BigInt(one.data.length));
      if (load === undefined) return [];
      const text = instructionText(load.data.subarray(Number(address - load.address)), address);
      return text === undefined ? [] : [[at, text]];
    }),
  );
}

/** Slides of an image; or why there are none. */
function slidesOf(image: Uint8Array, { image: { name, target } }: Evidence, count: number): Slides | string {
  if (target === 'sel4') return 'the image is placed when it is built; its kernel loads it where its headers say';
  if (target !== 'hvt') return 'the image draws its addresses itself, at every start';
  const options = { memory: SLIDE_MEMORY, heapMin: SLIDE_MEMORY / 2 };
  try {
    const slidable = readSlidable(image, name);
    const { entry, units, pinned } = slideEntropy(slidable, options, name);
    const seeds = Array.from({ length: count }, (_, i) => Buffer.from(`casemate report, slide ${i}`));
    return {
      ...{ ...options, step: PAGE, units, pinned },
      ...{ baseBits: entry.base, minimum: entry.minimum, shannon: entry.shannon },
      ...slidePlaces(slidable, options, seeds, name),
    };
  } catch (error) {
    if (error instanceof CasemateError) return error.message;
    throw error;
  }
}

/** Evidence with all that goes with it; the image must be there unless nothing is to be decided. */
function readReported({ path, keys, policy }: ReportRequest): ReturnType<typeof readCompared> {
  const read = readCompared({ path, keys, unsigned: keys.length === 0 });
  if (policy !== undefined && read.files === undefined)
    fail(
      'usage',
      `${printable(path)}: is evidence by itself; a verdict needs the image that it is about: name the bundle`,
    );
  return read;
}

/** All that the page shows. Errors: those of readCompared. */
export function reportInput(request: ReportRequest): ReportInput {
  const { path, policy, now, against, slides: count, step } = request;
  const { files, ...gated } = readReported(request);
  const { evidence, release } = gated;
  const before = against === undefined ? undefined : readReported({ ...request, path: against });
  const verdict = policy && gate({ ...gated, policy, now, ...(before && { against: before }) });
  const image = files?.get(evidence.image.name);
  const rules = verdict?.decisions ?? decidables(evidence);
  const times = files?.get(bundleNames.measurements);
  const steps = stepsOf(evidence, files);
  const enforced = image && enforcedBy(image, evidence.image.name);
  const instructions = image && instructionsOf(image, evidence);
  if (image !== undefined && evidence.image.target === 'hvt') step('drawing slides');
  const slides = image === undefined ? 'the image is not at hand' : slidesOf(image, evidence, count);
  step('writing the page');
  return {
    ...{ evidence, sha256: gated.sha256, trust: gated.trust, hasImage: image !== undefined },
    ...(release !== undefined && { release }),
    ...(verdict && { verdict }),
    pages: readRulePages(rules.map(({ rule }) => rule)),
    sources: sourcesOf(evidence, files),
    ...(steps && { steps }),
    ...(times && { measurements: parseMeasurements(times, `${path}: ${bundleNames.measurements}`) }),
    ...(enforced && { enforced }),
    ...(instructions && { instructions }),
    ...(typeof slides === 'string' ? { slidesAbsent: slides } : { slides }),
    ...(before && { before }),
  };
}

/** The report of a bundle as a page. Errors: those of reportInput; 'limit' for a page that no text holds. */
export function reportOf(request: ReportRequest): string {
  const input = reportInput(request);
  try {
    return reportPage(input);
  } catch (error) {
    // V8's word for a text of more than 512 MiB.
    if (!(error instanceof RangeError) || error.message !== 'Invalid string length') throw error;
    return fail(
      'limit',
      `${printable(request.path)}: its page would have more than 512 MiB; read evidence.json instead`,
    );
  }
}
