/**
 * Verdicts on the functions of an image for people, each with what is left of a secret and where, or why nobody knows; and
 * as JSON. `casemate secrets`, a build and hardening print the same lines.
 */
import { hex, printable } from '../../base/errors.ts';
import { type LineAt, sourceLines } from '../dwarf-lines.ts';
import { place, type Subject } from '../subject.ts';
import type { Residue, ResidueBlock } from './question.ts';
import {
  type JudgedFunction,
  type Outcome,
  type PartVerdict,
  reportOutcome,
  type SecretsReport,
  type StopVerdict,
} from './secrets.ts';

/** Where an instruction or a byte is, for people. */
export interface Places {
  readonly place: (address: number) => string;
  /** Of instructions; see sourceLines. */
  readonly line: LineAt;
}

/** How reports say where something is in an image. */
export const placesOf = (subject: Subject): Places => ({
  place: (address) => place(subject, BigInt(Math.floor(address))),
  line: sourceLines(subject),
});

/** An instruction's address; of one that repeats itself both steps have one (see BODY of x86-64.ts). */
const shown = (address: number): string => hex(Math.floor(address));

/** An instruction, with its source line if that is known. */
function instruction({ place: placeOf, line }: Places, address: number): string {
  const source = line(address);
  return source === undefined ? placeOf(address) : `${placeOf(address)}, ${source.file}:${source.line}`;
}

const marks: Record<Outcome, string> = { erased: 'erased', residue: 'RESIDUE', unknown: 'unknown' };

/** Residue that is shown of one part; more is counted. */
const MOST_SHOWN = 8;

const signed = (offset: number): string => (offset < 0 ? `-${-offset}` : `+${offset}`);

/** Parts of which offsets are addresses. */
const isOfImage = (part: string): boolean => part === 'image' || part.startsWith('variable ');

/** Memory that was freed, or that is still there. */
const blockText = ({ name, allocatedAt, freedAt }: ResidueBlock, places: Places): string =>
  `${name}${allocatedAt === undefined ? '' : ` at ${instruction(places, allocatedAt)}`}, ` +
  (freedAt === undefined ? 'which nobody freed' : `freed at ${instruction(places, freedAt)}`);

/** Calls that are shown of those that were being executed, the innermost ones. */
const MOST_CALLS = 3;

/** By which calls an instruction was come to, the innermost first. */
function calledLine(path: readonly number[], places: Places): string {
  const calls = path.slice(-MOST_CALLS).reverse();
  const more = path.length - calls.length;
  return `${calls.map((at) => `, called at ${instruction(places, at)}`).join('')}${more > 0 ? `, in ${more} more calls` : ''}`;
}

function byteLine(
  part: string,
  { from, length, at, isVerbatim, block, path = [], status }: Residue,
  places: Places,
): string {
  const bytes = `${length} byte${length === 1 ? '' : 's'}`;
  const where =
    part === 'stack'
      ? `${bytes} at ${signed(from)} from the stack pointer at the entry`
      : isOfImage(part)
        ? `${bytes} at ${places.place(from)}`
        : `${bytes} at ${signed(from)}${block === undefined ? '' : ` of ${blockText(block, places)}`}`;
  const what = isVerbatim ? 'of the secret itself' : 'that depend on the secret';
  const writer = at === undefined ? '' : `, written at ${instruction(places, at)}${calledLine(path, places)}`;
  return `${where}, ${what}${writer}${status === 'confirmed' ? '; two runs show it' : ''}`;
}

/** A line for each thing that is left of a part, or why that is unknown. */
export function partLines(
  { part, outcome, bytes = [], registers = [], at, reason, when }: PartVerdict,
  places: Places,
): string[] {
  if (outcome === 'erased') return [];
  if (outcome === 'unknown')
    return [`${part}: unknown: ${reason}${at === undefined ? '' : `, at ${instruction(places, at)}`}`];
  const suffix = when === undefined ? '' : `, when ${when}`;
  const lines = bytes.slice(0, MOST_SHOWN).map((one) => `${part}: ${byteLine(part, one, places)}${suffix}`);
  if (bytes.length > MOST_SHOWN) {
    const rest = bytes.slice(MOST_SHOWN);
    const more = rest.reduce((sum, { length }) => sum + length, 0);
    lines.push(`${part}: ${more} more bytes in ${rest.length} places${suffix}`);
  }
  if (registers.length > 0) {
    const names = registers.map(({ register, isVerbatim }) =>
      isVerbatim ? `${register} (the secret itself)` : register,
    );
    lines.push(`${part}: ${names.join(', ')}${suffix}`);
  }
  return lines;
}

function summaryOf({ outcome, parts, depth, maxStack }: JudgedFunction): string {
  const erased = parts.filter((part) => part.outcome === 'erased').map(({ part }) => part);
  const clear = erased.length === 0 ? [] : [`${outcome === 'erased' ? '' : 'clear: '}${erased.join(', ')}`];
  const stack =
    depth !== undefined
      ? [`${depth} bytes of stack at most`]
      : maxStack !== undefined
        ? [`${maxStack} bytes of stack at most, as declared`]
        : [];
  return [...clear, ...stack].join('; ');
}

/** Parts that are unknown for one reason, as one. */
function grouped(parts: readonly PartVerdict[]): PartVerdict[] {
  const isSame = (a: PartVerdict, b: PartVerdict): boolean =>
    a.outcome === 'unknown' && b.outcome === 'unknown' && a.reason === b.reason && a.at === b.at;
  return parts.flatMap((part, i) => {
    if (parts.findIndex((one) => isSame(one, part)) < i && part.outcome === 'unknown') return [];
    const names = parts.filter((one) => one === part || isSame(one, part)).map(({ part: name }) => name);
    return [{ ...part, part: names.join(', ') }];
  });
}

/** What is left where a function ends in another way than by returning. */
function stopLine({ at, callee, parts }: StopVerdict, places: Places): string {
  const names = (wanted: Outcome): string[] => parts.flatMap(({ part, outcome }) => (outcome === wanted ? [part] : []));
  const left = [
    ...(names('residue').length > 0 ? [`left in ${names('residue').join(', ')}`] : []),
    ...(names('unknown').length > 0 ? [`unknown: ${names('unknown').join(', ')}`] : []),
  ];
  return `${callee === undefined ? 'if it traps' : `if it ends in ${callee}`}, at ${instruction(places, at)}: ${left.join('; ')}`;
}

/** The verdicts, each part that is not erased on lines of its own. */
export function verdictLines({ functions, absent, problems }: SecretsReport, places: Places): string[] {
  const width = Math.max(0, ...functions.map(({ function: name }) => printable(name, 60).length));
  const indent = ' '.repeat(2 + 7 + 2);
  return [
    ...functions.flatMap((one) => [
      `  ${marks[one.outcome].padEnd(7)}  ${printable(one.function, 60).padEnd(width)}  ${summaryOf(one)}`.trimEnd(),
      ...[
        ...grouped(one.parts).flatMap((part) => partLines(part, places)),
        ...one.stops.map((stop) => stopLine(stop, places)),
      ].map((line) => `${indent}${printable(line, 500)}`),
    ]),
    ...absent.map((name) => printable(`  absent   ${name}: left out of the image, as nothing needs it`, 500)),
    ...problems.map(({ function: name, problem }) =>
      printable(`  ${marks.unknown}  ${name === undefined ? '' : `${name}: `}${problem}`, 500),
    ),
  ];
}

/** What is assumed, each once, with the functions that it is about unless it is about all. */
function assumedLines({ functions }: SecretsReport): string[] {
  const about = new Map<string, string[]>();
  for (const { function: name, assumptions } of functions)
    for (const text of assumptions) about.set(text, [...(about.get(text) ?? []), printable(name, 60)]);
  return [...about].map(([text, names]) =>
    printable(names.length === functions.length ? `  ${text}` : `  ${names.join(', ')}: ${text}`, 500),
  );
}

export function reportText(name: string, report: SecretsReport, places: Places): string {
  const { functions, absent, problems } = report;
  const count = (wanted: Outcome): number =>
    functions.filter(({ outcome }) => outcome === wanted).length + (wanted === 'unknown' ? problems.length : 0);
  const sums = (['residue', 'unknown', 'erased'] as const).flatMap((kind) =>
    count(kind) === 0 ? [] : [`${count(kind)} ${kind}`],
  );
  if (absent.length > 0) sums.push(`${absent.length} absent`);
  const assumed = assumedLines(report);
  const lines = [
    name,
    ...verdictLines(report, places),
    ...(assumed.length === 0 ? [] : ['', 'Assumed, not shown:', ...assumed]),
    '',
    sums.join(', '),
  ];
  return `${lines.join('\n')}\n`;
}

/** An instruction's place and source line. */
function placeJson({ place: placeOf, line }: Places, address: number): object {
  const source = line(address);
  return { place: placeOf(address), ...(source && { source: { file: source.file, line: source.line } }) };
}

function partJson({ part, outcome, bytes, registers, at, reason, when }: PartVerdict, places: Places): object {
  return {
    part,
    outcome,
    ...(bytes && {
      residue: bytes.map(({ from, length, at: writer, isVerbatim, block, path = [], status }) => ({
        ...(isOfImage(part) ? { address: hex(from) } : { offset: from }),
        bytes: length,
        verbatim: isVerbatim,
        ...(writer !== undefined && { writtenAt: shown(writer), ...placeJson(places, writer) }),
        ...(block && {
          memory: block.name,
          ...(block.allocatedAt !== undefined && { allocatedAt: shown(block.allocatedAt) }),
          ...(block.freedAt !== undefined && { freedAt: shown(block.freedAt) }),
        }),
        ...(path.length > 0 && { calls: path.map((call) => ({ at: shown(call), ...placeJson(places, call) })) }),
        ...(status && { runs: status }),
      })),
    }),
    ...(registers && {
      registers: registers.map(({ register, isVerbatim, status }) => ({
        name: register,
        verbatim: isVerbatim,
        ...(status && { runs: status }),
      })),
    }),
    ...(at !== undefined && { at: shown(at), ...placeJson(places, at) }),
    ...(reason !== undefined && { reason }),
    ...(when !== undefined && { when }),
  };
}

/** The report as JSON; docs/secrets.md has its form. Addresses are text, as 64 bits are more than a number holds. */
export function reportJson(name: string, report: SecretsReport, places: Places): object {
  return {
    version: 1,
    image: name,
    outcome: reportOutcome(report),
    functions: report.functions.map((one) => ({
      function: one.function,
      ...(one.address !== undefined && { address: hex(one.address) }),
      origin: one.origin,
      outcome: one.outcome,
      parts: one.parts.map((part) => partJson(part, places)),
      ...(one.depth !== undefined && { depth: one.depth }),
      ...(one.maxStack !== undefined && { maxStack: one.maxStack }),
      stops: one.stops.map(({ at, callee, parts }) => ({
        at: shown(at),
        ...placeJson(places, at),
        ...(callee !== undefined && { callee }),
        parts: parts.map((part) => partJson(part, places)),
      })),
      steps: one.steps,
      assumptions: one.assumptions,
    })),
    absent: report.absent,
    problems: report.problems,
  };
}
