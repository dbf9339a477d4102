/**
 * The note of a lowered unit: a section of the object that nothing loads, which says of each function where it comes
 * from. docs/verified-typescript.md has its form. Whoever makes an object can put any note into it, so it is a claim and
 * no more; what a build itself knows of an image does not come from notes.
 *
 * Source: gABI chapter 5 "Note Section".
 */

/** Of the note, and of its owner. */
export const VERIFIED_NOTE = { section: '.note.casemate', name: 'casemate', type: 1 } as const;

/** Bytes of a string of an assembler within a string of C. */
const escaped = (text: string): string => text.replace(/[^ !#->@-[\]-~]/g, (c) => `\\\\${octal(c.charCodeAt(0))}`);
const octal = (code: number): string => code.toString(8).padStart(3, '0');

/** The note with this description, ASCII: what lies in the section. */
export function noteBytes(description: string): Uint8Array {
  const { name, type } = VERIFIED_NOTE;
  const padded = (size: number): number => (size + 3) & ~3;
  const owner = name.length + 1;
  const bytes = Buffer.alloc(12 + padded(owner) + padded(description.length));
  for (const [i, word] of [owner, description.length, type].entries()) bytes.writeUInt32LE(word, i * 4);
  bytes.write(name, 12, 'latin1');
  bytes.write(description, 12 + padded(owner), 'latin1');
  return bytes;
}

/** C that puts a note with this description, ASCII, into the object. */
export function noteAssembly(description: string): string {
  const { section, name, type } = VERIFIED_NOTE;
  const pieces = description.match(/[\s\S]{1,100}/g) ?? [];
  const lines = [
    `.pushsection ${section}, \\"\\", %note`,
    '.balign 4',
    `.4byte ${name.length + 1}, ${description.length}, ${type}`,
    `.asciz \\"${name}\\"`,
    '.balign 4',
    ...pieces.map((piece) => `.ascii \\"${escaped(piece)}\\"`),
    '.balign 4',
    '.popsection',
  ];
  return `__asm__(${lines.map((line) => `\n    "${line}\\n"`).join('')});`;
}
