/**
 * Text from evidence, made so that no reader of a format takes it for more than text.
 *
 * Names of symbols and files come from whoever made the objects: they may hold terminal escapes, newlines, mark-up, or
 * 64 KiB. What a reader would act on is shown as an escape, and what is long is cut; what a format itself gives a meaning
 * to is left to the format.
 */
import { printable } from '../../base/errors.ts';

/** Most characters of a message, a detail or a name that are shown. */
const MOST = 1000;

/** Halves of surrogate pairs and the two non-characters, which XML and UTF-8 cannot hold. */
const unwritable = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|[\ufffe\uffff]/g;

/** One line that every format can hold. */
export const inert = (text: string, most = MOST): string => printable(text, most).replace(unwritable, '\ufffd');

/** A file's name as a relative URI. */
export const relativeUri = (name: string): string =>
  inert(name)
    .split('/')
    .filter((step) => step !== '' && step !== '.' && step !== '..')
    .map((step) => encodeURIComponent(step))
    .join('/');

/** Text in Markdown that is nothing but text: every character that could begin something is escaped. */
export const markdownText = (text: string): string =>
  inert(text)
    .replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]!)
    .replace(/(?<!&(?:amp|lt|gt))[!-%'-/:;=?@[-`{-~]/g, '\\$&');
