/** Records of secrets: what is written is read again, and no bytes of a hostile file are read as less than they say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAnnotations, encodeAnnotation } from '../../base/secret-notes.ts';
import {
  type AllocatorRole,
  allocatorRoles,
  defaultPolicy,
  type Length,
  limits,
  problemsOf,
  type SecretAnnotation,
  type SecretItem,
} from '../../base/secrets.ts';

const name = fc
  .string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
  .filter((text) => !/\0/.test(text) && text !== '0');
const size = fc.integer({ min: 1, max: limits.size });
// The upper half of numbers is for arguments that are lengths, so that none is a secret as well.
const length: fc.Arbitrary<Length> = fc.oneof(
  size.map((bytes) => ({ kind: 'constant' as const, bytes })),
  fc.record({ kind: fc.constant('argument' as const), argument: fc.integer({ min: 16, max: 31 }), most: size }),
);
const argument = fc.integer({ min: 0, max: 15 });
const item: fc.Arbitrary<SecretItem> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('secret' as const, 'output' as const, 'state' as const, 'buffer' as const),
    argument,
    length,
  }),
  fc.record({ kind: fc.constant('secret value' as const), argument }),
  fc.record({
    kind: fc.constantFrom('secret symbol' as const, 'output symbol' as const, 'state symbol' as const),
    symbol: name,
    address: fc.bigInt(0n, 2n ** 64n - 1n),
    bytes: size,
  }),
  fc.record({ kind: fc.constant('value' as const), argument, value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
);
const annotation: fc.Arbitrary<SecretAnnotation> = fc
  .record(
    {
      function: name,
      address: fc.bigInt(0n, 2n ** 64n - 1n),
      origin: fc.constantFrom('source' as const, 'manifest' as const, 'typescript' as const),
      items: fc
        .uniqueArray(item, {
          minLength: 1,
          maxLength: 12,
          selector: (one) => ('argument' in one ? one.argument : one.symbol),
        })
        .filter((items) => items.some(({ kind }) => kind.startsWith('secret'))),
      result: fc.integer({ min: 0, max: limits.result }),
      policy: fc.record({ buffer: fc.boolean(), stack: fc.boolean(), registers: fc.boolean(), heap: fc.boolean() }),
      returns: fc.integer({ min: 0, max: limits.result }),
      maxStack: fc.integer({ min: 0, max: limits.stack }),
    },
    { requiredKeys: ['function', 'address', 'origin', 'items', 'result', 'policy'] },
  )
  .filter((one) => problemsOf(one).length === 0);

const minimal: SecretAnnotation = {
  function: 'f',
  address: 0n,
  origin: 'source',
  items: [{ kind: 'secret', argument: 0, length: { kind: 'constant', bytes: 32 } }],
  result: 0,
  policy: defaultPolicy,
};

const secret = (argument_: number, bytes: number): SecretItem => ({
  kind: 'secret',
  argument: argument_,
  length: { kind: 'constant', bytes },
});

describe('a record of an allocator', () => {
  const allocator = (role: AllocatorRole, wipes = false, change: Partial<SecretAnnotation> = {}): SecretAnnotation => ({
    ...{ function: 'get', address: 7n, origin: 'source', items: [], result: 0, policy: defaultPolicy },
    ...{ allocator: { role, wipes }, ...change },
  });
  it('is read as it is written, and says nothing else', () => {
    for (const one of [...allocatorRoles.map((role) => allocator(role)), allocator('free', true)])
      expect(decodeAnnotations(encodeAnnotation(one))).toEqual({ annotations: [one], problems: [] });
    expect(problemsOf(allocator('malloc', true))).toEqual(['malloc frees nothing, so it wipes nothing']);
    expect(problemsOf(allocator('free', false, { result: 4 }))).toEqual([
      'it is an allocator, and its record says more than that',
    ]);
  });
  it.each([0, 8, 255, 256, 1 << 20])('of kind %i is none', (kind) => {
    const bytes = Buffer.from(encodeAnnotation(allocator('malloc')));
    // The item's word is before its name of 4 bytes; the kind is in its upper half.
    bytes.writeUInt32LE(kind, bytes.length - 8);
    expect(decodeAnnotations(bytes).problems[0]?.problem).toContain(`an allocator of kind ${kind}`);
  });
});

describe('records of secrets', () => {
  it('are read as they were written, one after another', () => {
    fc.assert(
      fc.property(fc.array(annotation, { maxLength: 4 }), (all) => {
        const bytes = Buffer.concat(all.map(encodeAnnotation));
        expect(decodeAnnotations(bytes)).toEqual({ annotations: all, problems: [] });
      }),
      { numRuns: 150 },
    );
  });

  it('that are cut short are a problem, wherever the cut is, and lose no record before it', () => {
    const [first, second] = [encodeAnnotation(minimal), encodeAnnotation({ ...minimal, function: 'second' })];
    const bytes = Buffer.concat([first, second]);
    for (let cut = first.length + 1; cut < bytes.length; cut++) {
      const { annotations, problems } = decodeAnnotations(bytes.subarray(0, cut));
      expect([cut, annotations.length, problems.length]).toEqual([cut, 1, 1]);
    }
  });

  it('of any bytes are records or problems, and never an exception; nothing is passed over in silence', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(annotation, flips, (one, changes) => {
        const bytes = Buffer.from(encodeAnnotation(one));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const { annotations, problems } = decodeAnnotations(bytes);
        expect(annotations.length + problems.length).toBeGreaterThan(0);
        for (const read of annotations) expect(problemsOf(read)).toEqual([]);
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        const { annotations, problems } = decodeAnnotations(bytes);
        expect(annotations.length + problems.length).toBeGreaterThan(0);
      }),
    );
  });

  it('have the policy that is the default where they say none', () => {
    const bytes = encodeAnnotation(minimal);
    // The policy is the last item: 20 bytes.
    const without = Buffer.from(bytes.subarray(0, bytes.length - 20));
    without.writeUInt32LE(without.readUInt32LE(4) - 20, 4);
    expect(decodeAnnotations(without)).toEqual({ annotations: [minimal], problems: [] });
  });

  it.each<[string, Partial<SecretAnnotation>]>([
    ['argument 0 is of 0 bytes', { items: [secret(0, 0)] }],
    ['argument 0 is of 16777217 bytes', { items: [secret(0, limits.size + 1)] }],
    ['argument 32: arguments are numbered from 0 to 31', { items: [secret(32, 8)] }],
    ['argument 1 is described twice', { items: [secret(1, 8), { kind: 'secret value', argument: 1 }] }],
    ['nothing is secret', { items: [{ kind: 'value', argument: 0, value: 3 }] }],
    [
      'argument 1 is the length of argument 0 and cannot be a secret value too',
      {
        items: [
          { kind: 'secret', argument: 0, length: { kind: 'argument', argument: 1, most: 64 } },
          { kind: 'secret value', argument: 1 },
        ],
      },
    ],
    ['a result of 9 bytes', { result: 9 }],
    ['it returns 9 bytes; a register of results has 8', { returns: 9 }],
    ['4 bytes of its result are meant to be seen, and it returns 1', { result: 4, returns: 1 }],
    ['a stack of 16777217 bytes', { maxStack: limits.stack + 1 }],
    ['it names no function', { function: '' }],
  ])('that contradict themselves are problems: %s', (problem, change) => {
    const wrong = { ...minimal, ...change };
    expect(problemsOf(wrong).join('; ')).toContain(problem);
    const { annotations, problems } = decodeAnnotations(encodeAnnotation(wrong));
    expect(annotations).toEqual([]);
    expect(problems.map((one) => one.problem).join()).toContain(problem);
  });

  it('of another version, origin, kind or with bits that mean nothing are problems by name', () => {
    const changed = (at: number, value: number): string => {
      const bytes = Buffer.from(encodeAnnotation(minimal));
      bytes.writeUInt32LE(value, at);
      const { annotations, problems } = decodeAnnotations(bytes);
      expect(annotations).toEqual([]);
      return problems[0]!.problem;
    };
    // Header 12 bytes, owner 12, then the descriptor.
    expect(changed(24, 2)).toBe('a record of version 2; this casemate reads version 1');
    expect(changed(28, 7)).toBe('a record of origin 7; there are 0, 1 and 2');
    expect(changed(52, 99)).toBe('an item of kind 99, which version 1 does not have');
    expect(changed(52, 0x0100_0001)).toBe('an item 0x2001000001, with bits that mean nothing');
    expect(changed(8, 3)).toContain('a note of another owner or type');
  });

  it('are bounded in number and in size', () => {
    const many = Array.from({ length: 70 }, (_, i) => ({
      kind: 'secret symbol' as const,
      symbol: `s${i}`,
      address: 1n,
      bytes: 1,
    }));
    expect(decodeAnnotations(encodeAnnotation({ ...minimal, items: many })).problems[0]?.problem).toContain(
      'more than 64',
    );
    const long = 'x'.repeat(limits.name + 1);
    expect(decodeAnnotations(encodeAnnotation({ ...minimal, function: long })).problems[0]?.problem).toContain(
      'does not end within',
    );
  });
});
