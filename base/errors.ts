/**
 * Errors a user can cause or meet.
 *
 * Every failure that bad input, a wrong flag or a missing tool can produce is a CasemateError with a code from one
 * closed union, so that callers can branch on it and tests can name it. Its message is one line that names the file,
 * section, symbol or line, shows both compared values and says what to do. A command prints that line and never a
 * stack trace; any other exception that escapes is a defect of ours and is reported as such.
 */

export type ErrorCode =
  | 'usage' // wrong flags or arguments
  | 'io' // a file that cannot be read or written
  | 'malformed-elf' // an ELF file that breaks the format
  | 'malformed-archive' // an ar archive that breaks the format
  | 'unsupported-input' // well-formed, but not something we link (bitcode, wrong machine, shared object)
  | 'script' // a linker script that does not parse or evaluate
  | 'assertion' // ASSERT() in a linker script
  | 'undefined-symbol'
  | 'duplicate-symbol'
  | 'relocation' // unknown, overflowing or otherwise impossible relocation
  | 'layout' // sections that do not fit, overlap or break the requested protections
  | 'manifest' // casemate.json, casemate.lock or a device manifest
  | 'compile' // a source file that its compiler refuses
  | 'unproved' // verified TypeScript whose proof fails
  | 'undecided' // verified TypeScript of which no solver says whether it keeps its contracts, or secrets of which nobody knows
  | 'extraction' // a Coq file that cannot be turned into TypeScript
  | 'residue' // a function that leaves a secret behind
  | 'tool' // an external program that is missing or failed
  | 'kernel' // a seL4 kernel whose files are broken, of two builds, or not what an image needs
  | 'image' // a finished image that breaks its target's rules
  | 'policy' // a policy that a gate cannot decide by
  | 'verdict' // a release that a policy does not let pass, where only one that passes has an answer
  | 'evidence' // a bundle of evidence that breaks its format
  | 'advisory' // a security advisory or a bill of materials that breaks its format
  | 'key' // a signing or public key that cannot be used
  | 'signature' // a signature that is missing, not of the expected key, or not of these bytes
  | 'limit'; // an input that asks for more than we allow

/** A failure with a closed code and a one-line message; `cause` is kept for defect reports only. */
export class CasemateError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.name = 'CasemateError';
    this.code = code;
  }
}

/** Throws a CasemateError. Declared as a function so that call sites read as one expression. */
export function fail(code: ErrorCode, message: string): never {
  throw new CasemateError(code, message);
}

/**
 * Makes text that came from an input safe to print on a terminal: control characters, escapes, bidirectional controls,
 * separators of lines and what has no width, by which two names could look the same, become \xNN or \u{N}; the length is
 * capped at `limit` characters.
 */
export function printable(text: string, limit = 200): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}...` : text;
  return cut.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is being escaped
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (c) => {
      const n = c.charCodeAt(0);
      return n < 256 ? `\\x${n.toString(16).padStart(2, '0')}` : `\\u{${n.toString(16)}}`;
    },
  );
}

/** A number as messages show it: 0x-prefixed hexadecimal; negative values keep their sign. */
export function hex(value: number | bigint): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}
