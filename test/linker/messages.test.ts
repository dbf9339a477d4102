/** Refusals say who is to blame, and print names of inputs only with their control characters escaped. */
import { expect, test } from 'vitest';
import { GLOBAL_OBJECT, object, relocated } from '../support/hostile/case.ts';
import { project } from '../support/small-links.ts';
import { x86 } from '../support/toolchain.ts';

const plain = await project(x86, {});

test('a section name with control characters is escaped where a place is named', async () => {
  const bytes = relocated([{ offset: 4, type: 2, symbol: 2 }], {
    first: { name: '.te\x1b[31mxt\n' },
    symbols: [{ name: 'missing' }],
  });
  plain.write('victim.o', bytes);
  expect(await plain.refusal('-e0', 'victim.o')).toContain('victim.o:(.te\\x1b[31mxt\\x0a+0x4)');
});

test('a symbol name with control characters is escaped where a relocation is refused', async () => {
  const symbols = [{ name: 'far\x1b[31m', section: 0xfff1, value: 1n << 40n }];
  plain.write('victim.o', relocated([{ offset: 4, type: 2, symbol: 2 }], { symbols }));
  expect(await plain.refusal('-e0', 'victim.o')).toContain('against far\\x1b[31m out of range');
});

test.each([
  ['size', { value: 8, size: 1n << 60n }, /bad\.o: common symbol shared has size 0x1000000000000000/],
  ['alignment', { value: 1n << 40n, size: 8 }, /bad\.o: common symbol shared has alignment 0x10000000000/],
] as const)(
  'an impossible %s of a common symbol is blamed on its object, also when another has it',
  async (...args) => {
    const common = { name: 'shared', info: GLOBAL_OBJECT, section: 0xfff2 };
    plain.write('good.o', object({ symbols: [{ ...common, value: 8, size: 8 }] }));
    plain.write('bad.o', object({ symbols: [{ ...common, ...args[1] }] }));
    expect(await plain.refusal('-e0', 'good.o', 'bad.o', '-z', 'muldefs')).toMatch(args[2]);
    expect(await plain.refusal('-e0', 'bad.o', 'good.o', '-z', 'muldefs')).toMatch(args[2]);
  },
);
