/**
 * The examples of verified code: all of them are proved, casemate's own arithmetic and the blocks of docs/contracts.md
 * too, and run in Node.js they do what they are for.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { showDiagnostic } from '../../analyzers/diagnostics.ts';
import { analyze } from '../../analyzers/typescript/analyze.ts';
import { allowed } from '../../examples/contracts/access.ts';
import { encode } from '../../examples/contracts/base64.ts';
import { ByteQueue, pushAll } from '../../examples/contracts/byte-queue.ts';
import { crc32 } from '../../examples/contracts/crc32.ts';
import { clear, count, giveBack, take } from '../../examples/contracts/free-list.ts';
import { parseIpv4, parseUdp, skipName } from '../../examples/contracts/ipv4.ts';
import { drain, put, waiting } from '../../examples/contracts/ring.ts';
import { proveSources } from '../../pipeline/prove.ts';
import { defaultSteps } from '../../proofs/smt/steps.ts';
import { verifyProgram } from '../../proofs/verify.ts';
import { askProver, failures, library } from '../support/contracts.ts';

const root = new URL('../../', import.meta.url);

async function proveWhole(name: string, text: string): Promise<string[]> {
  const { program, diagnostics, sources } = analyze([{ name, text }], library);
  if (program === undefined) return diagnostics.map((diagnostic) => showDiagnostic(sources, diagnostic));
  expect(program.functions.length).toBeGreaterThan(0);
  return failures(await verifyProgram(program, { ask: askProver(defaultSteps) }));
}

/** Remainders by a variable, of which Z3 alone knows nothing in time. */
const needsCvc5 = ['align.ts'];

it.each(needsCvc5)('is proved by Z3 and cvc5: examples/contracts/%s', async (name) => {
  const path = `examples/contracts/${name}`;
  const text = readFileSync(new URL(path, root), 'utf8');
  const { results } = await proveSources([{ name: path, text }], { budget: defaultSteps, crossCheck: false });
  expect(results.map(({ status }) => status)).toEqual(['proved']);
});

describe('is proved by Z3 alone', () => {
  const examples = readdirSync(new URL('examples/contracts/', root)).filter(
    (name) => name.endsWith('.ts') && !needsCvc5.includes(name),
  );
  it.each(['base/arithmetic.ts', ...examples.map((name) => `examples/contracts/${name}`)])('%s', async (path) => {
    expect(await proveWhole(path, readFileSync(new URL(path, root), 'utf8'))).toEqual([]);
  });

  const page = readFileSync(new URL('docs/contracts.md', root), 'utf8');
  const blocks = [...page.matchAll(/\n##+ (.*)\n(?:(?!\n#)[\s\S])*?```ts\n([\s\S]*?)```/g)].map(
    ([, title, text]) => [title, text] as const,
  );
  it('docs/contracts.md has ten examples', () =>
    expect(blocks.filter(([title]) => /^\d+\. /.test(title))).toHaveLength(10));
  it.each(blocks)('docs/contracts.md: %s', async (_, text) => {
    expect(await proveWhole('example.ts', text)).toEqual([]);
  });
});

describe('does in Node.js what it is for', () => {
  const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

  it('CRC-32 and base64', () => {
    expect(crc32(ascii('..123456789'), 2, 11)).toBe(0xcbf43926);
    const bytes = Uint8Array.from({ length: 255 }, (_, i) => i);
    const out = new Uint8Array(340);
    expect(encode(out, bytes, 255)).toBe(340);
    expect(Buffer.from(out).toString()).toBe(Buffer.from(bytes).toString('base64'));
  });

  it('a UDP datagram in an IPv4 packet, and none where one is cut', () => {
    const frame = new Uint8Array(20 + 8 + 4);
    frame.set([0x45, 0, 0, 32, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, 0x12, 0x34, 0, 53, 0, 12]);
    const packet = parseIpv4(frame, 0);
    expect(packet).toEqual({
      valid: true,
      protocol: 17,
      source: 0x0a000002,
      destination: 0x0a000001,
      start: 20,
      end: 32,
    });
    expect(parseUdp(frame, packet.start, packet.end)).toEqual({
      valid: true,
      sourcePort: 0x1234,
      destinationPort: 53,
      start: 28,
      end: 32,
    });
    for (let length = 0; length < frame.length; length++)
      expect(parseIpv4(frame.slice(0, length), 0).valid).toBe(false);
    expect(skipName(ascii('\x03www\x07example\x00rest'), 0, 17)).toBe(13);
    expect(skipName(ascii('\x03ww'), 0, 3)).toBe(0);
  });

  it('a queue of bytes', () => {
    const queue = new ByteQueue(3);
    expect(pushAll(queue, Uint8Array.of(5, 6, 7, 8))).toBe(3);
    expect([queue.pop(), queue.pop()]).toEqual([5, 6]);
    queue.push(9);
    expect([queue.waiting(), queue.peek(0), queue.peek(1)]).toEqual([2, 7, 9]);
  });

  it('a ring, a free list, a table of rights', () => {
    const bytes = new Uint8Array(3);
    let ring = { read: 0, write: 0 };
    for (const value of [7, 8, 9]) ring = put(bytes, ring, value);
    expect(waiting(ring, 3)).toBe(3);
    const out = new Uint8Array(3);
    expect([drain(bytes, ring, out), ...out]).toEqual([3, 7, 8, 9]);

    const next = new Uint32Array(4);
    clear(next);
    const head = take(next, 0);
    expect([head, count(next, head), count(next, giveBack(next, head, 0))]).toEqual([1, 3, 4]);

    const [subjects, rights] = [Uint32Array.of(3, 5, 9), Uint8Array.of(1, 6, 7)];
    expect([5, 3, 4].map((subject) => allowed(subjects, rights, subject, 2))).toEqual([true, false, false]);
  });
});
