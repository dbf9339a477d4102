/** What Debian's cryptographic libraries leave of their secrets, as the oracle sees it. Long: 80 entry points. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cryptography, linkCryptography } from '../../support/erasure/crypto.ts';
import { observe } from '../../support/erasure/oracle.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { x86 } from '../../support/toolchain.ts';

describe.skipIf(process.env['CASEMATE_LONG'] !== '1')('cryptography as Debian compiled it', () => {
  it('leaves secrets in dead stack and registers nearly everywhere', async () => {
    const image = await linkCryptography(join(temporaryFolder('crypto'), 'subjects'));
    const rows: string[] = [];
    let stacks = 0;
    let registers = 0;
    for (const subject of cryptography.flatMap(({ subjects }) => subjects)) {
      const seen = await observe(x86, image, subject, { shown: 1 << 16 });
      if (seen.stack.length > 0) stacks++;
      if (seen.registers.length > 0) registers++;
      const bytes = seen.stack.reduce((sum, { start, end }) => sum + end - start, 0);
      rows.push(`${subject.function}: depth ${seen.depth}, ${bytes} bytes of stack, ${seen.registers.join(' ')}`);
    }
    console.log(rows.join('\n'));
    expect(rows.length).toBeGreaterThanOrEqual(60);
    expect(stacks).toBeGreaterThan(rows.length / 2);
    expect(registers).toBeGreaterThan(rows.length / 2);
  }, 600_000);
});
