/**
 * The image of a slide, read while the program that slides it is still being loaded.
 *
 * Memory that is written to for the first time is what a launch pays most for, and reading an image does little else.
 * Other threads of Node.js do it at the same time, when it is begun first (slide-entry.ts) and asked for last.
 *
 * Which image that is must be guessed from the words of the command line, since what parses them is not there yet. A
 * wrong guess costs time alone: what is asked for is then read when it is asked for.
 */
import { readFileInParts } from '../base/files.ts';
import { createSlideArena, type SlideArena } from '../hardening/slide/kernels/kernels.ts';
import { imageRoom } from '../targets/hvt/slide-room.ts';

/** An image in the memory in which it is to be slid. */
export interface ImageInArena {
  readonly arena: SlideArena;
  readonly bytes: Uint8Array;
}

interface Reading {
  readonly path: string;
  readonly image: Promise<ImageInArena>;
}

let begun: Reading | undefined;

async function read(path: string): Promise<ImageInArena> {
  const arena = createSlideArena();
  return { arena, bytes: await readFileInParts(path, (size) => imageRoom(arena, size)) };
}

const withValue = ['-o', '--output', '--mem', '--heap-min', '--seed', '--bundle', '--key', '--min-release'];

/** What the words after `slide` seem to name as the image; undefined when none is to be slid. */
export function guessImage(words: readonly string[]): string | undefined {
  if (words.some((word) => ['--bundle', '--check', '--entropy', '--help', '-h'].includes(word))) return undefined;
  return words.find((word, i) => !word.startsWith('-') && !withValue.includes(words[i - 1]!));
}

/** Begins to read the image of a command line: the words after `slide`. */
export function readAhead(words: readonly string[]): void {
  const path = guessImage(words);
  if (path === undefined) return;
  begun = { path, image: read(path) };
  // What is wrong with it is said when it is asked for.
  begun.image.catch(() => {});
}

/** The image at `path`. Errors: 'io'; 'limit'. */
export function readImage(path: string): Promise<ImageInArena> {
  const ahead = begun;
  begun = undefined;
  return ahead?.path === path ? ahead.image : read(path);
}
