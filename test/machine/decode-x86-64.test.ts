/** One instruction in words, of bytes that anybody may have chosen. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instructionText } from '../../machine/decode-x86-64.ts';

const text = (...bytes: number[]): string | undefined => instructionText(Uint8Array.from(bytes), 0x1000n);

describe('an instruction in words', () => {
  it('is the first of the bytes, with addresses as they are where it lies', () => {
    expect(text(0x50, 0xc3)).toBe('push rax');
    expect(text(0x48, 0x8b, 0x05, 0x00, 0x01, 0x00, 0x00)).toBe('mov rax,[1107h]');
  });

  it('is none where the bytes are none, or end before it does', () => {
    expect(text()).toBeUndefined();
    expect(text(0x06)).toBeUndefined();
    expect(text(0x48, 0x8b)).toBeUndefined();
  });

  it('is a line of plain text or nothing, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        expect(instructionText(bytes, 2n ** 64n - 4n) ?? 'none').toMatch(/^[ -~]+$/);
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});
