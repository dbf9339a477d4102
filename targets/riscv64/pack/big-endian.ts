/** Words as U-Boot's headers and device trees hold them: 32 bits, the most significant byte first. */
export function bigEndian(...words: number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * words.length);
  for (const [i, word] of words.entries()) bytes.writeUInt32BE(word >>> 0, 4 * i);
  return bytes;
}
