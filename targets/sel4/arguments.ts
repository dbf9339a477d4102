/**
 * The command line of a root image on x86-64: no loader passes one on to a root task, so it is written into the image,
 * where the start-up code has room for it (stage0/arguments.c).
 */
import { fail } from '../../base/errors.ts';
import { type ElfFile, readElfFile } from '../../linker/elf-file.ts';
import { writeElfFile } from '../../linker/write-elf-file.ts';

export const ARGUMENTS_SECTION = '.sel4.arguments';

/** The image's bytes with this command line. Errors: 'image' when it has no place for one, 'usage' when it does not fit. */
export function withArguments(file: ElfFile, text: string, where: string): Uint8Array {
  const section = file.sections.find(({ name }) => name === ARGUMENTS_SECTION);
  if (section === undefined)
    return fail(
      'image',
      `${where}: has no section ${ARGUMENTS_SECTION}; it was not made for seL4 on x86-64 by casemate`,
    );
  const bytes = Buffer.from(text);
  // With its end.
  const room = section.data.length - 1;
  if (bytes.includes(0)) fail('usage', `${where}: the command line holds a NUL character`);
  if (bytes.length > room)
    fail('usage', `${where}: a command line of ${bytes.length} bytes; the image has room for ${room}`);
  const data = new Uint8Array(section.data.length);
  data.set(bytes);
  return writeElfFile({
    ...file,
    sections: file.sections.map((each) => (each === section ? { ...each, data } : each)),
  });
}

/** What an image's command line is; undefined when it has no place for one. */
export function argumentsIn(bytes: Uint8Array, name: string): string | undefined {
  const section = readElfFile(bytes, name).sections.find((each) => each.name === ARGUMENTS_SECTION);
  return (
    section &&
    Buffer.from(section.data)
      .toString('utf8')
      .replace(/\0[\s\S]*$/, '')
  );
}
