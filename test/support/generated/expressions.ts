/**
 * Random pieces of programs of the subset. They favour what is nearly provable: small types, guards that mention what they
 * protect, loops whose counters are bounded.
 */
import fc from 'fast-check';

export const scalarTypes = ['u8', 'u16', 'i8', 'i32', 'u32', 'number'] as const;

/** An expression of a number over the names. */
export const expression = (names: readonly string[], depth: number): fc.Arbitrary<string> => {
  const leaf = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...names) },
    { weight: 1, arbitrary: fc.constantFrom('0', '1', '2', '7', '255', '256', '65535', '-1') },
  );
  if (depth === 0) return leaf;
  const inner = expression(names, depth - 1);
  const binary = (operators: readonly string[]) =>
    fc.tuple(inner, fc.constantFrom(...operators), inner).map(([a, o, b]) => `(${a} ${o} ${b})`);
  return fc.oneof(
    { weight: 3, arbitrary: leaf },
    { weight: 3, arbitrary: binary(['+', '-']) },
    { weight: 1, arbitrary: binary(['*', '&', '|', '^']) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(inner, fc.constantFrom('& 15', '& 0xf0', '% 10', '>>> 1', '>> 3', '>>> 0', '| 0', '<< 4'))
        .map(([a, o]) => `(${a} ${o})`),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(inner, fc.constantFrom('2', '3', '16')).map(([a, b]) => `Math.trunc(${a} / ${b})`),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('Math.min', 'Math.max', 'Math.imul'), inner, inner)
        .map(([f, a, b]) => `${f}(${a}, ${b})`),
    },
    { weight: 1, arbitrary: fc.tuple(condition(names, 0), inner, inner).map(([c, a, b]) => `(${c} ? ${a} : ${b})`) },
  );
};

export const condition = (names: readonly string[], depth: number): fc.Arbitrary<string> => {
  const simple = fc
    .tuple(expression(names, depth), fc.constantFrom('<', '<=', '>', '>=', '===', '!=='), expression(names, 0))
    .map(([a, o, b]) => `${a} ${o} ${b}`);
  return fc.oneof(
    { weight: 4, arbitrary: simple },
    {
      weight: 1,
      arbitrary: fc.tuple(simple, fc.constantFrom('&&', '||'), simple).map(([a, o, b]) => `(${a} ${o} ${b})`),
    },
    { weight: 1, arbitrary: simple.map((c) => `!(${c})`) },
  );
};

/** Statements that change x and y, the array a, and the object c. */
export const statement = (names: readonly string[], depth: number): fc.Arbitrary<string> => {
  const assign = fc
    .tuple(fc.constantFrom('x', 'y', 'x', 'y', 'c.at'), fc.constantFrom('=', '=', '+=', '-='), expression(names, 2))
    .map(([v, o, e]) => `${v} ${o} ${e};`);
  const store = fc
    .tuple(expression(names, 1), expression(names, 1))
    .map(([i, e]) => `{ const at = ${i}; if (at >= 0 && at < a.length) { a[at] = (${e}) & 255; x = a[at]; } }`);
  const read = fc.tuple(expression(names, 0)).map(([i]) => `if (${i} >= 0 && ${i} < a.length) y = a[${i}];`);
  const simple = fc.oneof(
    { weight: 4, arbitrary: assign },
    { weight: 1, arbitrary: store },
    { weight: 1, arbitrary: read },
  );
  if (depth === 0) return simple;
  const block = fc.array(statement(names, depth - 1), { minLength: 1, maxLength: 2 }).map((list) => list.join(' '));
  const branch = fc.tuple(condition(names, 1), block, block).map(([c, t, e]) => `if (${c}) { ${t} } else { ${e} }`);
  const loop = fc
    .tuple(
      fc.constantFrom('3', 'a.length'),
      fc.constantFrom('true', 'x >= 0', 'x <= 255', 'y <= x', 'i >= 0'),
      block,
      fc.constantFrom('', 'if (x > 9) break;', 'if (y === 1) continue;'),
    )
    .map(
      ([end, invariant, body, exit]) => `for (let i = 0; i < ${end}; i++) { invariant(${invariant}); ${exit} ${body} }`,
    );
  const choice = fc
    .tuple(expression(names, 1), block, block)
    .map(([e, b, c]) => `switch (${e}) { case 0: case 1: ${b} break; case 2: ${c} break; default: x = 0; }`);
  return fc.oneof(
    { weight: 4, arbitrary: simple },
    { weight: 2, arbitrary: branch },
    { weight: 1, arbitrary: loop },
    { weight: 1, arbitrary: choice },
  );
};
