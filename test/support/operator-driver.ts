/**
 * All cases as one program of C: the lowered functions, one from TypeScript for each case, and a driver that calls each
 * on its pairs and prints the digests, a line each; with a case's number, all of its results.
 */

import type { IntegerName } from '../../analyzers/types.ts';
import { type Scalar, scalarTypes } from '../../lowering/c/prelude.ts';
import { lowerText, type Unit } from './lowered.ts';
import { type Case, caseSource } from './operator-cases.ts';

/** Whether the lowering takes a case: it has no division of more than 64 bits, and no number of more than 128. */
export function hasC({ operator, wrap, types }: Case): boolean {
  if (operator === 'bigDivide' || operator === 'bigRemainder') return !types.includes('i64');
  if (wrap !== undefined) return true;
  if (operator === 'bigMultiply') return types.includes('i64');
  return operator !== 'bigShiftLeft' || types[0] === 'i64';
}

export function lowerCases(cases: readonly Case[]): Unit {
  const types = 'i16, i32, i64, i8, u16, u32, u64, u8';
  const text = cases.map(caseSource).join('\n');
  return lowerText('operators.ts', `import type { ${types} } from 'casemate';\n${text}`);
}

const cType = (type: IntegerName | 'boolean'): string => (type === 'boolean' ? 'bool' : scalarTypes[type as Scalar]);

/** Texts that are needed several times, each once, by the name that it is given. */
function createPool(prefix: string, declare: (name: string, text: string) => string) {
  const names = new Map<string, string>();
  const name = (text: string): string => {
    const known = names.get(text);
    if (known !== undefined) return known;
    const made = `${prefix}${names.size}`;
    names.set(text, made);
    return made;
  };
  return { name, declarations: () => [...names].map(([text, own]) => declare(own, text)) };
}

const word = (value: bigint): string => `${BigInt.asUintN(64, value)}u`;

/** The rows of `allowed`, as text of digits; equal ones are one. */
function rowsOf({ allowed, values }: Case): string[] {
  const width = values[1]?.length ?? 1;
  return values[0].map((_, i) => Array.from(allowed.subarray(i * width, (i + 1) * width)).join(''));
}

/** Beside the driver: what it needs of a C library, which a checker of the driver need not read. */
export const operatorOutput = `#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int number_of(const char *text) { return atoi(text); }
void show(uint64_t result) { printf("%llu\\n", (unsigned long long)result); }
`;

/** `check` is a statement about a case's operands a and b and its result r. */
export function operatorDriver(
  cases: readonly Case[],
  { name, lowered }: Pick<Unit, 'name' | 'lowered'>,
  check: (one: Case) => string = () => '',
): string {
  const lists = createPool('list', (own, text) => `static const uint64_t ${own}[] = { ${text} };`);
  const rows = createPool('row', (own, text) => `static const char ${own}[] = "${text}";`);
  const tables = createPool('rows', (own, text) => `static const char *const ${own}[] = { ${text} };`);
  const calls = cases.map((one, i) => {
    const { types, result, name: own } = one;
    const symbol = [...lowered.symbols].find(([key]) => key.endsWith(`#${own}`))![1];
    const names = ['a', 'b'].slice(0, types.length);
    const operands = types.map((type, k) => `${cType(type)} ${names[k]} = (${cType(type)})${'xy'[k]};`);
    const value = `${cType(result)} r = ${symbol}(${names.join(', ')});`;
    const body = [...operands, value, check(one), '(void)y; return (uint64_t)r;'].filter((line) => line !== '');
    return `static uint64_t call${i}(uint64_t x, uint64_t y) {\n    ${body.join('\n    ')}\n}`;
  });
  const entries = cases.map((one, i) => {
    const [first, second] = [one.values[0], one.values[1] ?? [0n]];
    const lines = rowsOf(one).map((row) => rows.name(row));
    const all = [lists.name(first.map(word).join(', ')), String(first.length), lists.name(second.map(word).join(', '))];
    return `    { call${i}, ${all.join(', ')}, ${second.length}, ${tables.name(lines.join(', '))} },`;
  });
  return `#include "${name}.h"

extern int number_of(const char *text);
extern void show(uint64_t result);

${[...lists.declarations(), ...rows.declarations(), ...tables.declarations(), ...calls].join('\n')}

static const struct {
    uint64_t (*call)(uint64_t, uint64_t);
    const uint64_t *first;
    int firsts;
    const uint64_t *second;
    int seconds;
    const char *const *allowed;
} cases[] = {
${entries.join('\n')}
};

static uint32_t step(uint32_t digest, uint32_t part) { return (digest ^ part) * 0x01000193u; }

int main(int argc, char **argv) {
    int only = argc > 1 ? number_of(argv[1]) : -1;
    for (int n = 0; n < (int)(sizeof cases / sizeof *cases); n++) {
        if (only >= 0 && n != only) continue;
        uint32_t digest = 0x811c9dc5u;
        for (int i = 0; i < cases[n].firsts; i++) {
            for (int j = 0; j < cases[n].seconds; j++) {
                if (cases[n].allowed[i][j] != '1') continue;
                uint64_t result = cases[n].call(cases[n].first[i], cases[n].second[j]);
                if (only >= 0) show(result);
                digest = step(step(digest, (uint32_t)result), (uint32_t)(result >> 32));
            }
        }
        if (only < 0) show(digest);
    }
    return 0;
}
`;
}
