/**
 * Reports of what is left name the instruction, its source line and the calls on the way to it.
 */
import { describe, expect, it } from 'vitest';
import { defaultPolicy, type SecretAnnotation } from '../../../base/secrets.ts';
import { readSubject } from '../../../hardening/subject.ts';
import { defaults } from '../../../hardening/zeroization/analyze.ts';
import { judgeRecords } from '../../../hardening/zeroization/secrets.ts';
import { placesOf, reportJson, reportText } from '../../../hardening/zeroization/secrets-report.ts';
import { project } from '../../support/small-links.ts';
import { x86 } from '../../support/toolchain.ts';

const program = `typedef unsigned char byte;
__attribute__((noinline)) static void inner(const byte *p) {
  volatile byte own[4];
  own[2] = p[3];
}
__attribute__((noinline)) static void middle(const byte *p) {
  inner(p);
  __asm__ volatile("");
}
void outer(const byte *p) {
  middle(p);
  __asm__ volatile("");
}
void repeats(const byte *p) {
  byte own[16], *to = own;
  unsigned long n = 16;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(p), "+c"(n) : : "memory");
}
void _start(void) {}
`;

const asked = (name: string): { annotation: SecretAnnotation; origin: 'manifest' } => ({
  annotation: {
    function: name,
    address: 0n,
    origin: 'manifest',
    items: [{ kind: 'secret', argument: 0, length: { kind: 'constant', bytes: 16 } }],
    result: 0,
    policy: defaultPolicy,
  },
  origin: 'manifest',
});

describe('a report', () => {
  it('says which line wrote what is left, and by which calls it was come to', async () => {
    const flags = ['-g', '-O1', '-fno-stack-protector', '-fcf-protection=none', '-ffreestanding'];
    const { link } = await project(x86, { 'a.c': { text: program, flags } });
    const subject = readSubject((await link('a.o')).bytes, 'a');
    const functions = judgeRecords(subject, [asked('outer'), asked('repeats')], defaults);
    const report = { functions, absent: [], problems: [] };
    const text = reportText('a', report, placesOf(subject));
    const place = (name: string, line: number): string =>
      `0x[0-9a-f]+ \\(${name}\\+0x[0-9a-f]+\\), [^,;\n]*\\.c:${line}`;
    expect(text).toMatch(
      new RegExp(
        `1 byte at -.*, of the secret itself, written at ${place('inner', 4)}, called at ${place('middle', 7)}, called at ${place('outer', 11)}; two runs show it\n`,
      ),
    );
    // What is written once is the second step of the instruction; both are at one address.
    expect(text).toMatch(new RegExp(`16 bytes at -.*, written at ${place('repeats', 17)}`));
    const line = (one: number) => expect.objectContaining({ file: expect.stringMatching(/\.c$/), line: one });
    const [inner] = JSON.parse(JSON.stringify(reportJson('a', report, placesOf(subject)))).functions[0].parts.filter(
      ({ part }: { part: string }) => part === 'stack',
    )[0].residue;
    expect(inner).toMatchObject({
      ...{ bytes: 1, verbatim: true, runs: 'confirmed', source: line(4) },
      calls: [{ source: line(11) }, { source: line(7) }],
    });
  });
});
