/**
 * How a root image for seL4 lies in memory, as a linker script.
 *
 * It is linked for one address, which the build draws (addresses.ts), and loaded by the kernel page by page from its
 * first address to its last, gaps included. Text comes first, then what is only read (what would be RELRO elsewhere is
 * complete when the file is written), then what is written, then the stack; a page that start-up code takes away lies
 * between each two and at both ends of the stack. The ELF headers are not loaded.
 *
 * The template of thread-local variables is found by the words at layer_tls_template, in place of program headers.
 */
import { hex } from '../../base/errors.ts';
import { completePart, readPart, textPart, writtenPart } from '../platform/layout.ts';
import { PAGE } from '../regions.ts';

/** What compilers call writable, and nobody writes once the file is complete. */
export const completeSections: readonly string[] = [
  ...['.tdata', '.tbss', '.preinit_array', '.init_array', '.fini_array', '.data.rel.ro', '.dynamic', '.got'],
];

export interface LayoutRequest {
  /** Of the first page. */
  readonly base: bigint;
  /** Bytes of stack, whole pages. */
  readonly stack: number;
  /** Whether the image can move: it says which of its words hold addresses. */
  readonly moves?: boolean;
}

/** Of an image that can move: what the linker tells a loader, of which the first stage reads the relocations. */
const movingSections = `
  .hash : { *(.hash) }
  .dynsym : { *(.dynsym) }
  .dynstr : { *(.dynstr) }
  . = ALIGN(8);
  PROVIDE_HIDDEN(sel4_rela = .);
  .rela.dyn : { *(.rela.dyn) }
  PROVIDE_HIDDEN(sel4_rela_end = .);
  . = ALIGN(8);
  PROVIDE_HIDDEN(sel4_relr = .);
  .relr.dyn : { *(.relr.dyn) }
  PROVIDE_HIDDEN(sel4_relr_end = .);`;

/** The script's text. */
export function sel4Layout({ base, stack, moves = false }: LayoutRequest): string {
  return `SECTIONS
{
  . = ${hex(base)};
  PROVIDE_HIDDEN(sel4_image = .);
${textPart}
  . = ALIGN(CONSTANT(MAXPAGESIZE));
  PROVIDE_HIDDEN(sel4_text_end = .);

  . = . + ${PAGE};
  PROVIDE_HIDDEN(sel4_read = .);
  .sel4.settings : { KEEP(*(.sel4.settings)) }
  .sel4.arguments : { *(.sel4.arguments) }
  .note.solo5.manifest : { KEEP(*(.note.solo5.manifest)) }
  .note.gnu.property : { *(.note.gnu.property) }
  .note.gnu.build-id : { *(.note.gnu.build-id) }${moves ? movingSections : ''}
${readPart}

  . = ALIGN(CONSTANT(MAXPAGESIZE));
${completePart}
  . = ALIGN(CONSTANT(MAXPAGESIZE));
  PROVIDE_HIDDEN(sel4_read_end = .);

  . = . + ${PAGE};
  PROVIDE_HIDDEN(sel4_write = .);
${writtenPart}
  . = ALIGN(CONSTANT(MAXPAGESIZE));
  PROVIDE_HIDDEN(__bss_end = .);
  PROVIDE_HIDDEN(sel4_write_end = .);
  .stack (NOLOAD) :
  {
    . = . + ${PAGE};
    PROVIDE_HIDDEN(sel4_stack_low = .);
    . = . + ${stack};
    PROVIDE_HIDDEN(sel4_stack_top = .);
    . = . + ${PAGE};
  }
  PROVIDE(_end = .);
  PROVIDE(end = .);
  PROVIDE_HIDDEN(sel4_image_end = .);
}
`;
}
