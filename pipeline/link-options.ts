/**
 * The link's options, between a manifest's keys and the linker's request, in both directions.
 *
 * `casemate build` reads keys into LinkOptions; `casemate-ld --record` writes LinkOptions as keys. One table of names
 * serves both, so that a recorded link replays with exactly the options it was made with. Only what differs from the
 * linker's defaults is written. No JSON-schema code is imported here: casemate-ld loads this file.
 */
import { fail } from '../base/errors.ts';
import { pointerStep } from '../base/json.ts';
import { type BuildIdAlgorithm, type BuildIdStyle, defaultOptions, type LinkOptions } from '../linker/request.ts';
import type { LinkerScript } from '../linker/script/ast.ts';
import { parseExpression } from '../linker/script/parse.ts';
import type { At, ManifestLink, ManifestNumber } from './manifest.ts';

/** Options spelled alike on both sides, whose values are JSON scalars already. */
const plain = [
  'entry',
  'machine',
  'pie',
  'gcSections',
  'emitRelocs',
  'strip',
  'discardLocals',
  'relax',
  'packRelativeRelocs',
  'ehFrameHeader',
  'relro',
  'executableStack',
  'undefinedPolicy',
  'allowMultipleDefinition',
  'warnCommon',
  'fatalWarnings',
  'orphanHandling',
  'sortCommon',
  'sortSection',
  'map',
] as const satisfies readonly (keyof ManifestLink & keyof LinkOptions)[];

const sizes = ['maxPageSize', 'commonPageSize', 'stackSize'] as const;
const numbers = [...sizes, 'imageBase'] as const;

/** Lists of symbols: the manifest's key and the request's. */
const lists = [
  ['undefined', 'undefinedSymbols'],
  ['required', 'requiredSymbols'],
  ['wrap', 'wrap'],
] as const;

/** Fails to compile when LinkOptions gains a key that no recording would hold. */
type Recorded = (typeof plain)[number] | (typeof numbers)[number] | (typeof lists)[number][1];
type Otherwise = 'buildId' | 'defsym' | 'sectionStart' | 'scripts';
/** Says nothing about the output. */
type Immaterial = 'printGcSections';
/** Asked by a target or a build, never by a manifest or a command line. */
type Targets = 'spareSegments' | 'reserved' | 'interpositions' | 'exposures';
const complete: Exclude<keyof LinkOptions, Recorded | Otherwise | Immaterial | Targets> extends never ? true : never =
  true;
void complete;

function readBuildId(text: string): BuildIdStyle {
  if (text === 'none') return { kind: 'none' };
  if (text.startsWith('0x')) return { kind: 'bytes', bytes: Uint8Array.from(Buffer.from(text.slice(2), 'hex')) };
  return { kind: 'hash', algorithm: text as BuildIdAlgorithm };
}

function writeBuildId(style: BuildIdStyle): string {
  if (style.kind === 'none') return 'none';
  return style.kind === 'hash' ? style.algorithm : `0x${Buffer.from(style.bytes).toString('hex')}`;
}

/**
 * An address or size as the linker counts: 64-bit two's complement in a double, so that high-half addresses are
 * negative. `where` names the key in messages.
 */
function readNumber(value: ManifestNumber, where: string): number {
  const number = Number(BigInt.asIntN(64, BigInt(value)));
  if (!Number.isSafeInteger(number)) {
    fail('manifest', `${where}: found ${value}; must lie within 2^53 bytes of either end of the address space`);
  }
  return number;
}

/** The manifest's spelling of an address or size: hexadecimal text where a person would write it so. */
function writeNumber(value: number): ManifestNumber {
  return value >= 0 && value < 0x1000 ? value : `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
}

/** Splits NAME=EXPRESSION; the schema's pattern guarantees its form. */
function splitDefsym(text: string): [name: string, expression: string] {
  const equals = text.indexOf('=');
  return [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

/**
 * LinkOptions of a manifest's "link": its keys over the target's defaults over the linker's. `at` locates a key for
 * messages; `scripts` are the parsed ones, in order.
 */
export function linkOptions(
  link: ManifestLink,
  scripts: readonly LinkerScript[],
  at: At,
  target: Partial<LinkOptions> = {},
): LinkOptions {
  // A target's layout is the default, as the linker's built-in one is.
  const laidOut = scripts.some(({ hasSections, insert }) => hasSections && insert === undefined);
  const found: Record<string, unknown> = { scripts: [...scripts, ...(laidOut ? [] : (target.scripts ?? []))] };
  for (const key of plain) if (link[key] !== undefined) found[key] = link[key];
  for (const key of numbers) {
    const value = link[key];
    if (value !== undefined) found[key] = readNumber(value, at(`/link/${key}`));
  }
  for (const key of sizes) {
    if (Number(found[key] ?? 0) < 0) fail('manifest', `${at(`/link/${key}`)}: found ${link[key]}, which is no size`);
  }
  for (const [key, option] of lists) if (link[key] !== undefined) found[option] = link[key];
  if (link.buildId !== undefined) found['buildId'] = readBuildId(link.buildId);
  if (link.defsym !== undefined) {
    found['defsym'] = link.defsym.map((text, i) => {
      const [name, expression] = splitDefsym(text);
      return { name, value: parseExpression(expression, at(`/link/defsym/${i}`)) };
    });
  }
  if (link.sectionStart !== undefined) {
    const entries = Object.entries(link.sectionStart);
    const where = (section: string): string => at(`/link/sectionStart${pointerStep(section)}`);
    found['sectionStart'] = new Map(entries.map(([section, value]) => [section, readNumber(value, where(section))]));
  }
  return { ...defaultOptions, ...target, ...(found as Partial<LinkOptions>) };
}

/**
 * The inverse: the keys that make `linkOptions` return `options` again, except inputs and scripts, which are files.
 * `defsym` are the NAME=EXPRESSION texts, which the parsed options no longer hold.
 */
export function recordOptions(options: LinkOptions, defsym: readonly string[]): ManifestLink {
  const found: Record<string, unknown> = {};
  for (const key of plain) if (options[key] !== defaultOptions[key]) found[key] = options[key];
  for (const key of numbers) {
    const value = options[key];
    if (value !== undefined) found[key] = writeNumber(value);
  }
  for (const [key, option] of lists) if (options[option].length > 0) found[key] = options[option];
  if (options.buildId.kind !== 'none') found['buildId'] = writeBuildId(options.buildId);
  if (defsym.length > 0) found['defsym'] = defsym;
  if (options.sectionStart.size > 0) {
    const entries = [...options.sectionStart].map(([section, value]) => [section, writeNumber(value)]);
    found['sectionStart'] = Object.fromEntries(entries);
  }
  return found;
}
