/** Broken and hostile files end in a one-line error or in findings, soon, and never in a crash. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { CasemateError } from '../../base/errors.ts';
import { findingTable } from '../../cli/check.ts';
import { rules } from '../../hardening/rules/index.ts';
import { readSubject } from '../../hardening/subject.ts';
import { expectLinear } from '../support/processor-time.ts';
import { inATurn } from '../support/turns.ts';
import { bare, load, made, program } from './support.ts';

const LONG = process.env['CASEMATE_LONG'] !== undefined;
const slow = { timeout: LONG ? 3_600_000 : 120_000 };

/** The lines printed, or the error's; anything else that is thrown fails the test. */
function judge(bytes: Uint8Array): string {
  try {
    const subject = readSubject(bytes, 'x\u001b[31m');
    return findingTable(
      subject.name,
      rules.flatMap((rule) => rule.run(subject)),
    );
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    expect(error.message).not.toContain('\n');
    return error.message;
  }
}

let seeds: Uint8Array[] = [];
beforeAll(async () => {
  const source = `unsigned long __stack_chk_guard; void __stack_chk_fail(void) { for (;;); }
    long idt[64]; int f(char* p) { char b[64]; __asm__ volatile("" : : "r"(b) : "memory"); return b[0] + p[0]; }
    int (*table[])(char*) = {f, f}; void _start(void) { idt[0] = table[1]("/home/ada/x.c"); for (;;); }`;
  const flags = [...bare, '-g', '-fstack-protector-all', '-mstack-protector-guard=global'];
  seeds = [
    readFileSync(await program(source, flags)),
    readFileSync(await program(source, ['-nostdlib', '-static-pie', '-fPIE', '-O2'])),
    made([load(5, 0x1000n), load(6, 0x3000n, 64, 0x2000n), { type: 4, bytes: new Uint8Array(40), align: 4n }]),
  ];
});

/** Offsets that matter: the headers, program headers, section headers, and anywhere. */
function spot(bytes: Uint8Array, where: number, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const sections = Number(view.getBigUint64(40, true));
  switch (where) {
    case 0:
      return at % 64;
    case 1:
      return 64 + (at % 560);
    case 2:
      return (sections + (at % 2048)) % bytes.length;
    default:
      return at % bytes.length;
  }
}

describe('a hostile file', () => {
  it('is refused in a line or judged, whatever was changed in it', slow, async () => {
    const change = fc.tuple(fc.nat(3), fc.nat(1 << 30), fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff)));
    const changes = fc.array(change, { minLength: 1, maxLength: 6 });
    let judged = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(2),
        changes,
        inATurn((seed, list) => {
          const bytes = Uint8Array.from(seeds[seed]!);
          for (const [where, at, value] of list) bytes[spot(bytes, where, at)] = value;
          const answer = judge(bytes);
          if (answer.includes('passed')) judged++;
          // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be printed
          expect(answer).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
        }),
      ),
      { seed: 7, numRuns: LONG ? 20_000 : 600 },
    );
    expect(judged).toBeGreaterThan(100);
  });

  it('is refused or judged when it is cut at any length', slow, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(2),
        fc.nat(1 << 30),
        inATurn((seed, at) => {
          judge(seeds[seed]!.subarray(0, at % seeds[seed]!.length));
        }),
      ),
      { seed: 9, numRuns: LONG ? 5000 : 200 },
    );
  });

  it('costs no more when many segments map the same bytes', () => {
    const many = made(Array.from({ length: 500 }, (_, i) => load(5, BigInt(i + 1) * 0x10000n, 1)));
    expect(judge(many)).toMatch(/500 PT_LOADs; at most 128/);
    const shared = made([...Array.from({ length: 100 }, () => load(5, 0x10000n, 0)), load(5, 0x20000n, 100_000)]);
    const view = new DataView(shared.buffer);
    for (let i = 0; i < 100; i++) {
      view.setBigUint64(64 + 56 * i + 8, 64n + 56n * 101n, true);
      view.setBigUint64(64 + 56 * i + 32, 100_000n, true);
    }
    expect(judge(shared)).toMatch(/PT_LOADs map \d+ bytes of a file of \d+/);
  });

  it('is judged in linear time when it is full of what looks like keys, paths and prefixes', () => {
    const patterns = ['30820122020100', '2d2d2d2d2d424547494e20', '2f686f6d652f', 'f3f2664f0fae', '3080', '433a5c'];
    for (const pattern of patterns) {
      const bytes = Buffer.alloc(1 << 20, Buffer.from(pattern, 'hex'));
      const image = made([
        { ...load(5, 0x1000n), bytes },
        { ...load(6, 0x1000000n), bytes },
      ]);
      expectLinear(() => judge(image));
    }
  });
});
