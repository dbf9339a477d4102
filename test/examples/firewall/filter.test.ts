/** examples/firewall under Node.js: it lets pass what the reference does, and understands rules or says that it does not. */
import { readFileSync } from 'node:fs';
import { simulate } from 'casemate/platform/node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analyze } from '../../../analyzers/typescript/analyze.ts';
import { main } from '../../../examples/firewall/main.ts';
import { parseRules } from '../../../examples/firewall/parse.ts';
import { verifyProgram } from '../../../proofs/verify.ts';
import * as net from '../../e2e/host/frames.ts';
import { askProver, failures, library } from '../../support/contracts.ts';
import { isLong } from '../../support/long.ts';
import { frames, passes, rulesOf, textOf } from './reference.ts';

const parsed = (text: string): number | undefined =>
  parseRules(new Uint32Array(256), Buffer.from(text), Buffer.from(text).length);

interface Run {
  readonly status: number | undefined;
  readonly said: string;
  /** What came out on each side. */
  readonly inside: readonly string[];
  readonly outside: readonly string[];
}

function filtered(
  rules: string,
  fromInside: readonly Buffer[],
  fromOutside: readonly Buffer[],
  names = ['inside', 'outside'],
): Run {
  let said = '';
  const nets = [fromInside, fromOutside].map((incoming, i) => ({
    name: names[i]!,
    mac: Uint8Array.of(2, 0, 0, 0, 0, i),
    mtu: 1500,
    incoming: [...incoming] as Uint8Array[],
    outgoing: [] as Uint8Array[],
  }));
  const status = simulate(main, {
    arguments: rules,
    nets,
    console: (bytes) => {
      said += Buffer.from(bytes).toString();
    },
  });
  const [inside, outside] = nets.map(({ outgoing }) => outgoing.map((frame) => Buffer.from(frame).toString('hex')));
  return { status, said, inside: inside!, outside: outside! };
}

const hex = (some: readonly Buffer[]): string[] => some.map((frame) => frame.toString('hex'));

describe('the filter', () => {
  it('lets pass what its rules allow and nothing else, whatever the rules and the frames', () => {
    let [passed, dropped] = [0, 0];
    fc.assert(
      fc.property(
        rulesOf,
        fc.array(frames, { maxLength: 12 }),
        fc.array(frames, { maxLength: 12 }),
        (rules, out, into) => {
          const run = filtered(textOf(rules), out, into);
          const allowed = [
            out.filter((one) => passes(rules, one, 'out')),
            into.filter((one) => passes(rules, one, 'in')),
          ] as const;
          passed += allowed[0].length + allowed[1].length;
          dropped += out.length + into.length - allowed[0].length - allowed[1].length;
          expect(run).toEqual({
            ...{ status: undefined, said: 'firewall: ready\n' },
            ...{ outside: hex(allowed[0]), inside: hex(allowed[1]) },
          });
        },
      ),
      { seed: 8, numRuns: 600 },
    );
    expect(Math.min(passed, dropped)).toBeGreaterThan(500);
  });

  it('takes the first rule that matches, and drops what none does', () => {
    const query = net.udp(4000, 53, Buffer.from('x'), { from: '10.0.0.5', to: '192.0.2.1' });
    const other = net.udp(4000, 54, Buffer.from('x'), { from: '10.0.0.5', to: '192.0.2.1' });
    const both = [query, other];
    expect(filtered('', both, both)).toMatchObject({ inside: [], outside: [] });
    expect(filtered('allow out udp any any 53', both, both)).toMatchObject({ inside: [], outside: hex([query]) });
    expect(filtered('deny any udp any any 53; allow any udp any any any', both, both)).toMatchObject({
      ...{ inside: hex([other]), outside: hex([other]) },
    });
    expect(filtered('allow any any any any any; deny any any any any any', both, [])).toMatchObject({
      outside: hex(both),
    });
  });

  it('passes on more than fits into one turn', () => {
    const many = Array.from({ length: 200 }, (_, i) => net.udp(1000 + i, 7, Buffer.from('x')));
    expect(filtered('allow out udp any any 7', many, []).outside).toEqual(hex(many));
  });
});

describe('rules', () => {
  it.each([
    ['', 0],
    ['   ', 0],
    ['allow in tcp any any 80', 1],
    ['  deny   any  icmp 10.0.0.0/8  192.0.2.1 any ;', 1],
    ['allow out 47 any any any;deny in 255 any 0.0.0.0/0 0-65535', 2],
    [Array.from({ length: 32 }, () => 'deny any any any any any').join(';'), 32],
  ])('%j are understood', (text, count) => expect(parsed(text)).toBe(count));

  it.each([
    'allow',
    'permit in tcp any any 80',
    'allow up tcp any any 80',
    'allow in sctp any any 80',
    'allow in 256 any any 80',
    'allow in tcp any any',
    'allow in tcp any any 80 81',
    'allow in tcp 10.0.0 any 80',
    'allow in tcp 10.0.0.0/33 any 80',
    'allow in tcp 10.0.0.1/8 any 80',
    'allow in tcp 10.0.0.1/ any 80',
    'allow in tcp any any 65536',
    'allow in tcp any any 90-80',
    'allow in tcp any any 80-',
    'allow in tcp any any -80',
    'Allow in tcp any any 80',
    'allow in tcp any any 80;;deny in any any any any',
    ';',
    'allow in tcp any any 80, deny in any any any any',
    Array.from({ length: 33 }, () => 'deny any any any any any').join(';'),
  ])('%j are not, and the program says so and ends', (text) => {
    expect(parsed(text)).toBeUndefined();
    expect(filtered(text, [], [])).toMatchObject({ status: 1, said: 'firewall: the rules are not understood\n' });
  });

  it('of more bytes than it holds end it, and so do missing devices', () => {
    expect(filtered(' '.repeat(2049), [], []).status).toBe(1);
    expect(filtered('', [], [], ['inside', 'other'])).toMatchObject({
      status: 1,
      said: expect.stringContaining('missing'),
    });
  });
});

describe('the proof', () => {
  const path = 'examples/firewall/rules.ts';
  const source = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

  const mistakes = [
    ['a packet without a rule passes', 'if (first === count) return false;', 'if (first === count) return true;'],
    ['another than the first rule decides', 'for (let i = 0; i < count; i++)', 'for (let i = count - 1; i >= 0; i--)'],
    ['a rule that denies allows', 'return ruleAt(rules, first).allows;', 'return !ruleAt(rules, first).allows;'],
    ['the last rule is not looked at', 'i < count; i++', 'i < count - 1; i++'],
  ] as const;
  // Each proves the whole file again.
  it.each(isLong ? mistakes : mistakes.slice(0, 1))('fails if %s', async (_, from, to) => {
    expect(source.split(from)).toHaveLength(2);
    const { program } = analyze([{ name: path, text: source.replace(from, to) }], library);
    expect(failures(await verifyProgram(program!, { ask: askProver(200_000) })).join('\n')).toMatch(
      /ensures|invariant/,
    );
  });
});
