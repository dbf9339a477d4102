/**
 * How an image for bare RISC-V lies in memory, as a linker script.
 *
 * It is linked at 0 and loaded anywhere. Text comes first and begins with _start, because whoever loads the image from
 * its lowest address on (QEMU, a boot loader with a raw image) enters it there; the ELF headers are not loaded. Then what
 * is read only, what is read only once relocated (RELRO), and what is written: each on pages of its own.
 *
 * Start-up code finds its relocations by symbols around them, and the template of thread-local variables by the words at
 * layer_tls_template, in place of program headers.
 */
import { completePart, readPart, textPart, writtenPart } from '../platform/layout.ts';

export const riscvLayout = `SECTIONS
{
  . = 0;
  PROVIDE_HIDDEN(rv_image = .);
${textPart}

  . = ALIGN(CONSTANT(MAXPAGESIZE));
  .note.solo5.manifest : { KEEP(*(.note.solo5.manifest)) }
  .note.gnu.property : { *(.note.gnu.property) }
  .note.gnu.build-id : { *(.note.gnu.build-id) }
  .hash : { *(.hash) }
  .dynsym : { *(.dynsym) }
  .dynstr : { *(.dynstr) }
  . = ALIGN(8);
  PROVIDE_HIDDEN(rv_rela = .);
  .rela.dyn : { *(.rela.dyn) }
  PROVIDE_HIDDEN(rv_rela_end = .);
  . = ALIGN(8);
  PROVIDE_HIDDEN(rv_relr = .);
  .relr.dyn : { *(.relr.dyn) }
  PROVIDE_HIDDEN(rv_relr_end = .);
${readPart}

  . = ALIGN(CONSTANT(MAXPAGESIZE));
${completePart}

  . = ALIGN(CONSTANT(MAXPAGESIZE));
${writtenPart}
  . = ALIGN(8);
  PROVIDE_HIDDEN(__bss_end = .);
  PROVIDE(_end = .);
  PROVIDE(end = .);
  PROVIDE_HIDDEN(rv_image_end = .);
}
`;
