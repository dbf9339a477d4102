/**
 * Names in TypeScript of what has a name in Coq: legal, the same each time, and as a TypeScript programmer writes them.
 */

const reserved = new Set(
  `abstract any arguments as async await bigint boolean break case catch class const constructor continue debugger
declare default delete do else enum eval export extends false finally for from function get if implements import in
instanceof interface is let module namespace never new null number object of package private protected public readonly
require return set static string super switch symbol this throw true try type typeof undefined unknown var void while
with yield BigInt Number String RangeError List Option listOf elementsOf`.split(/\s+/),
);

/** `sum_to` becomes sumTo, `x'` xPrime. */
export function camelCase(name: string): string {
  const plain = name.replaceAll("'", '_prime').replaceAll(/[^A-Za-z0-9_]/g, '_');
  const joined = plain.replaceAll(/(?<=[A-Za-z0-9])_+([A-Za-z0-9])/g, (_, c: string) => c.toUpperCase());
  return joined.replace(/^_+(?=\w)/, '').replace(/_+$/, '') || 'it';
}

export const pascalCase = (name: string): string => camelCase(name).replace(/^./, (c) => c.toUpperCase());

export interface Names {
  /** A name that nobody has yet, as near to `wanted` as can be. */
  readonly take: (wanted: string) => string;
  /** For what lies within: knows all that is taken here, and takes nothing from it. */
  readonly inner: () => Names;
}

export function namesFrom(taken: Iterable<string>): Names {
  const used = new Set(taken);
  return {
    take: (wanted) => {
      const start = /^[A-Za-z]/.test(wanted) ? wanted : `it${wanted}`;
      let name = start;
      for (let i = 1; used.has(name) || reserved.has(name); i++) name = `${start}${i}`;
      used.add(name);
      return name;
    },
    inner: () => namesFrom(used),
  };
}
