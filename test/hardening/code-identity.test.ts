/** The hash of the code that a finding is about: stays when everything moves, changes with an instruction or a callee. */
import { describe, expect, it } from 'vitest';
import { maskedCodeOf } from '../../hardening/code-identity.ts';
import { readSubject, type Subject } from '../../hardening/subject.ts';
import { type Image, project } from '../support/small-links.ts';
import { aarch64, link, riscv, type Target, x86 } from '../support/toolchain.ts';
import { subjectOf as subjectAt } from './support.ts';

const flags = ['-O2', '-ffreestanding', '-fno-stack-protector', '-fno-pic', '-fno-tree-vectorize'];

interface Change {
  readonly constant?: number;
  readonly callee?: string;
  readonly cell?: string;
}

/** A function with all that linking writes: calls, a string, variables, a table of jumps, a tail call. */
const source = ({ constant = 7, callee = 'help', cell = 'cell' }: Change): string => `
  long cell[9] = {1}, other[9] = {2};
  static long count;
  __attribute__((noinline)) long help(const char *s, long n) { count += n; return s[n]; }
  __attribute__((noinline)) long hint(const char *s, long n) { count -= n; return s[n + 1]; }
  __attribute__((noinline)) long subject(long n) {
    long sum = ${constant};
    for (long i = 0; i < n; i++) sum += ${cell}[i & 7] * (i ^ ${constant});
    switch (n) {
      case 0: sum += help("nought", n); break;
      case 1: sum ^= hint("one", n); break;
      case 2: sum -= count; break;
      case 3: sum *= 3; break;
      case 4: sum = ~sum; break;
      case 5: ${cell}[1] = sum; break;
      default: break;
    }
    ${cell}[2] = sum;
    return ${callee}("last", sum);
  }
  void _start(void) { subject(cell[0]); for (;;) ; }`;

/** Linked in front, so that the function and all that it refers to move. */
const unrelated = `
  const char first[] = "something in front";
  long heap[5000] = {1};
  __attribute__((noinline)) long unrelated(long n) { for (long i = 0; i < n; i++) heap[i] ^= heap[n - i]; return n; }`;

async function linked(target: Target, change: Change, args: readonly string[] = []): Promise<Image> {
  const p = await project(target, {
    'a.c': { text: source(change), flags },
    'front.c': { text: unrelated, flags },
  });
  return p.link(...args, 'a.o');
}

const subjectOf = ({ bytes }: Image): Subject => readSubject(bytes, 'out');

/** Of the function `subject`, by an address in its middle. */
const codeOf = (image: Image): string | undefined =>
  maskedCodeOf(subjectOf(image), [image.symbol('subject').value + 8n]);

const rawOf = (image: Image): string => image.memory('subject', Number(image.symbol('subject').size)).toString('hex');

describe.each([x86, riscv, aarch64])('the code of a function for $name', (target) => {
  it('is the same when an unrelated function and its data move everything', async () => {
    const [one, moved] = [await linked(target, {}), await linked(target, {}, ['front.o'])];
    expect(moved.address('subject')).not.toBe(one.address('subject'));
    expect(moved.address('cell')).not.toBe(one.address('cell'));
    expect(rawOf(moved)).not.toBe(rawOf(one));
    expect(codeOf(one)).toMatch(/^[0-9a-f]{64}$/);
    expect(codeOf(moved)).toBe(codeOf(one));
  });

  it('is another one with another constant, another callee or another variable', async () => {
    const images = [{}, { constant: 8 }, { callee: 'hint' }, { cell: 'other' }].map((change) => linked(target, change));
    const codes = (await Promise.all(images)).map(codeOf);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('is another one with any bit changed that linking does not write', async () => {
    const image = await linked(target, {});
    const { address, functions } = { address: image.symbol('subject').value, functions: subjectOf(image).functions };
    const { size } = functions.find((one) => one.address === address)!;
    const load = subjectOf(image).loads.find((one) => one.address <= address && address < one.end)!;
    const at = load.offset + Number(address - load.address);
    const before = codeOf(image);
    let kept = 0;
    for (let bit = 0; bit < 8 * size; bit++) {
      const bytes = Buffer.from(image.bytes);
      bytes[at + (bit >> 3)]! ^= 1 << (bit & 7);
      if (maskedCodeOf(readSubject(bytes, 'out'), [address]) === before) kept++;
    }
    // What linking writes is masked, and that is the smaller part.
    expect(kept).toBeGreaterThan(0);
    expect(kept / (8 * size)).toBeLessThan(0.2);
  });

  it('is of what is in the place, in whatever order and how often places are named', async () => {
    const image = await linked(target, {});
    const subject = subjectOf(image);
    const [a, b] = [image.symbol('subject').value, image.symbol('help').value];
    expect(maskedCodeOf(subject, [a, b, a + 4n])).toBe(maskedCodeOf(subject, [b, a]));
    expect(maskedCodeOf(subject, [a])).not.toBe(maskedCodeOf(subject, [b]));
    expect(maskedCodeOf(subject, [image.symbol('cell').value])).toBeUndefined();
    expect(maskedCodeOf(subject, [])).toBeUndefined();
  });

  it('is all of the code where nobody says where functions begin', async () => {
    const image = await linked(target, {}, ['-s']);
    const other = await linked(target, { constant: 8 }, ['-s']);
    const entry = (one: Image): bigint => one.file.header.entry;
    expect(maskedCodeOf(subjectOf(image), [entry(image)])).not.toBe(maskedCodeOf(subjectOf(other), [entry(other)]));
  });
});

/** Compilers for AArch64 keep the page of a variable on the stack, where it is not followed: such code is read again. */
it.each([
  [x86, 0.98],
  [riscv, 0.98],
  [aarch64, 0.85],
])(
  'nearly all functions of a C library keep their hash when an object is linked in front: $name',
  async (target, least) => {
    const main =
      '#include <stdio.h>\n#include <stdlib.h>\nint main(int n, char **v) { printf("%f", atof(v[n])); return 0; }';
    const front = `${unrelated} __attribute__((constructor)) void first_of_all(void) { unrelated(3); }`;
    const p = await project(target, {
      'a.c': { text: main, flags: ['-O2'] },
      'front.c': { text: front, flags: ['-O2'] },
    });
    for (const [name, ...objects] of [['one', 'a.o'] as const, ['moved', 'front.o', 'a.o'] as const])
      await link(target, target.cc, ['-static', '-o', p.path(name), ...objects.map(p.path)]);
    const [one, moved] = [subjectAt(p.path('one')), subjectAt(p.path('moved'))];
    const places = new Map(moved.functions.map(({ name, address }) => [name, address]));
    const both = one.functions.filter(
      ({ name }) => places.has(name) && one.functions.filter((each) => each.name === name).length === 1,
    );
    const same = both.filter(
      ({ name, address }) => maskedCodeOf(one, [address]) === maskedCodeOf(moved, [places.get(name)!]),
    );
    expect(both.length).toBeGreaterThan(500);
    expect(same.length / both.length).toBeGreaterThan(least);
  },
);
