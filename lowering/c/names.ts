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

/** Names that the compiler, the headers or lowering/c/prelude.ts may use: anything that begins so. */
const reservedStart = /^(_|cm_|CM_|CASEMATE_|u?int\d|u?int(max|ptr|_)|INT|UINT|(SIZE|PTRDIFF|SIG_ATOMIC|WCHAR|WINT)_)/;

/** A C identifier for a name of TypeScript. */
export function identifier(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/gu, (character) => `_u${character.codePointAt(0)!.toString(16)}_`);
  return reserved.has(plain) || reservedStart.test(plain) || plain.endsWith('_memory') || /^\d/.test(plain)
    ? `v_${plain}`
    : plain;
}

/** A name that is no word of TypeScript's as one: new Queue, Queue.#grow, larger<u8>, Shape.kind. */
const oneWord = (name: string): string =>
  name
    .replace(/^new (.*)$/, '$1_new')
    .replace(/[<>, ]+/g, '_')
    .replace(/\.?#|\./g, '_')
    .replace(/^_|_$/g, '');

/** Gives out names of one scope, each once; `isTaken` are those that it may not hide. */
function createScope(isTaken: (name: string) => boolean, note: (name: string) => void): (wanted: string) => string {
  return (wanted) => {
    const name = identifier(/[<>.# ]/.test(wanted) ? oneWord(wanted) : wanted);
    let free = name;
    for (let n = 2; isTaken(free); n++) free = `${name}_${n}`;
    note(free);
    return free;
  };
}

/** Gives out names, each once; `outer` are taken already. */
export function createNamer(outer: Iterable<string> = []): (wanted: string) => string {
  const taken = new Set(outer);
  return createScope(
    (name) => taken.has(name),
    (name) => taken.add(name),
  );
}

/** The names of a unit: those of all of it, and those of single functions, which hide none of the others. */
export interface UnitNames {
  readonly globals: (wanted: string) => string;
  /** A new function's. */
  readonly locals: () => (wanted: string) => string;
}

export function createNames(outer: Iterable<string>): UnitNames {
  const [all, local] = [new Set(outer), new Set<string>()];
  return {
    globals: createScope(
      (name) => all.has(name) || local.has(name),
      (name) => all.add(name),
    ),
    locals: () => {
      const own = new Set<string>();
      return createScope(
        (name) => own.has(name) || all.has(name),
        (name) => {
          own.add(name);
          local.add(name);
        },
      );
    },
  };
}
