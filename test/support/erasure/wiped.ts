/**
 * Programs of the oracle that are linked with veneers: by our linker, in this process.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { interpositionsOf, WIPE_OBJECT, wipeObjectX8664 } from '../../../hardening/wipe/object.ts';
import type { WipeWish } from '../../../hardening/wipe/plan.ts';
import type { WipeRequest } from '../../../hardening/wipe/veneer.ts';
import type { RegisterFiles } from '../../../hardening/wipe/veneer-x86-64.ts';
import type { LinkedImage } from '../../../linker/image.ts';
import { link } from '../../../linker/link.ts';
import { defaultOptions, type InputFile, type LinkOptions } from '../../../linker/request.ts';
import { linkWiped as linkWipedProgram, type WipedLink } from '../../../pipeline/wipe.ts';
import { type Image, readImage } from '../small-links.ts';
import { x86 } from '../toolchain.ts';
import { driverObjects } from './oracle.ts';

export interface WipedProgram {
  readonly linked: LinkedImage;
  readonly image: Image;
}

const inputs = (paths: readonly string[]): InputFile[] =>
  paths.map((path) => ({ name: basename(path), bytes: readFileSync(path) }));

/** A program of the objects alone, for x86-64; functions that are asked for behind veneers. */
export function linkAlone(
  objects: readonly string[],
  output: string,
  requests: readonly WipeRequest[] = [],
  files: RegisterFiles = { vectors: 'sse', x87: false },
  options: Partial<LinkOptions> = {},
): WipedProgram {
  const veneers = requests.length > 0 ? [{ name: WIPE_OBJECT, bytes: wipeObjectX8664(requests, files) }] : [];
  const { image } = link({
    files: [...inputs(objects), ...veneers],
    options: { ...defaultOptions, interpositions: interpositionsOf(requests), ...options },
    readMember: () => undefined,
  });
  writeFileSync(output, image.bytes, { mode: 0o755 });
  return { linked: image, image: readImage(output) };
}

/** The same with veneers as the image itself shows them to be needed. */
export function linkPlanned(
  objects: readonly string[],
  output: string,
  wishes: readonly WipeWish[],
): WipedProgram & Pick<WipedLink, 'wiped'> {
  const request = { files: inputs(objects), options: defaultOptions, readMember: () => undefined };
  const { image, wiped } = linkWipedProgram(request, wishes);
  writeFileSync(output, image.bytes, { mode: 0o755 });
  return { linked: image, image: readImage(output), wiped };
}

/** The same with the oracle's driver. */
export async function linkWiped(
  objects: readonly string[],
  ...rest: [output: string, requests?: readonly WipeRequest[], files?: RegisterFiles]
): Promise<WipedProgram> {
  return linkAlone([...objects, ...(await driverObjects(x86))], ...rest);
}
