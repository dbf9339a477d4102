/**
 * Names of C for names of TypeScript. What a user called something is what a debugger, a map file and a reader of the C
 * should see, so a name stays as it is unless C forbids it: characters that C has not become their code point in hexadecimal, as in `_u24_`, keywords and
 * names that are taken get a number. The same program always gets the same names.
 */

/** C11's keywords, and what the headers that lowered code includes define without a prefix. */
const reserved = new Set(
  (
    'auto break case char const continue default do double else enum extern float for goto if inline int long register ' +
    'restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool true ' +
    'false asm typeof NULL main offsetof ptrdiff_t size_t wchar_t max_align_t ' +
    // Compilers call these on their own.
    'memcpy memmove memset memcmp bcmp strlen abort'
  ).split(' '),
);

/** What lies behind the variable of this name: an array's elements, an object's fields. No user's name ends so. */
export const memoryName = (name: string): string => `${name}_memory`;

/** Names that the compiler or lowering/c/prelude.ts may use: anything that begins so. */
const reservedStart = /^(_|cm_|CM_|u?int\d|u?int(max|ptr|_)|INT|UINT|SIZE_|PTRDIFF_|__)/;

/** A C identifier for a name of TypeScript. */
export function identifier(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/gu, (character) => `_u${character.codePointAt(0)!.toString(16)}_`);
  return reserved.has(plain) || reservedStart.test(plain) || plain.endsWith('_memory') || /^\d/.test(plain)
    ? `v_${plain}`
    : plain;
}

/** Gives out names of one scope, each once; `outer` are taken already. */
export function createNamer(outer: Iterable<string> = []): (wanted: string) => string {
  const taken = new Set(outer);
  return (wanted) => {
    const name = identifier(wanted);
    let free = name;
    for (let n = 2; taken.has(free); n++) free = `${name}_${n}`;
    taken.add(free);
    return free;
  };
}
