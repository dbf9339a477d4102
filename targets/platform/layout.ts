/**
 * Parts of linker scripts that the layouts of targets share: which output sections there are, in which order. What lies
 * between the parts, and where they begin, is each target's own.
 *
 * The template of thread-local variables is found by the words at layer_tls_template, in place of program headers.
 */

/** Code; begins with _start, because some loaders enter an image at its lowest address. */
export const textPart = `  .text :
  {
    KEEP(*(.text._start))
    *(.text.unlikely .text.*_unlikely .text.unlikely.*)
    *(.text.startup .text.startup.*)
    *(.text.hot .text.hot.*)
    *(.text .stub .text.* .gnu.linkonce.t.*)
  }
  .init : { KEEP(*(SORT_NONE(.init))) }
  .fini : { KEEP(*(SORT_NONE(.fini))) }
  .iplt : { *(.iplt) }
  PROVIDE(__etext = .);
  PROVIDE(_etext = .);
  PROVIDE(etext = .);`;

/** What is only read. */
export const readPart = `  .rodata :
  {
    . = ALIGN(8);
    PROVIDE_HIDDEN(layer_tls_template = .);
    QUAD(SIZEOF(.tdata))
    QUAD(SIZEOF(.tbss) > 0 ? ADDR(.tbss) + SIZEOF(.tbss) - layer_tls_start : SIZEOF(.tdata))
    QUAD(MAX(ALIGNOF(.tdata), ALIGNOF(.tbss)))
    *(.rodata .rodata.* .gnu.linkonce.r.*)
  }
  .srodata : { *(.srodata.cst16) *(.srodata.cst8) *(.srodata.cst4) *(.srodata.cst2) *(.srodata .srodata.*) }
  .eh_frame_hdr : { *(.eh_frame_hdr) }
  .eh_frame : { KEEP(*(.eh_frame)) }
  .gcc_except_table : { *(.gcc_except_table .gcc_except_table.*) }`;

/** What compilers call writable and nobody writes once every address is known (RELRO). */
export const completePart = `  . = ALIGN(MAX(1, MAX(ALIGNOF(.tdata), ALIGNOF(.tbss))));
  PROVIDE_HIDDEN(layer_tls_start = .);
  .tdata : { *(.tdata .tdata.* .gnu.linkonce.td.*) }
  .tbss : { *(.tbss .tbss.* .gnu.linkonce.tb.*) *(.tcommon) }
  .preinit_array :
  {
    PROVIDE_HIDDEN(__preinit_array_start = .);
    KEEP(*(.preinit_array))
    PROVIDE_HIDDEN(__preinit_array_end = .);
  }
  .init_array :
  {
    PROVIDE_HIDDEN(__init_array_start = .);
    KEEP(*(SORT_BY_INIT_PRIORITY(.init_array.*) SORT_BY_INIT_PRIORITY(.ctors.*)))
    KEEP(*(.init_array .ctors))
    PROVIDE_HIDDEN(__init_array_end = .);
  }
  .fini_array :
  {
    PROVIDE_HIDDEN(__fini_array_start = .);
    KEEP(*(SORT_BY_INIT_PRIORITY(.fini_array.*) SORT_BY_INIT_PRIORITY(.dtors.*)))
    KEEP(*(.fini_array .dtors))
    PROVIDE_HIDDEN(__fini_array_end = .);
  }
  .data.rel.ro : { *(.data.rel.ro.local .data.rel.ro.local.*) *(.data.rel.ro .data.rel.ro.* .gnu.linkonce.d.rel.ro.*) }
  .dynamic : { *(.dynamic) }
  .got : { *(.got) *(.got.plt) *(.igot.plt) }`;

/** What is written; ends where zero-initialised data does. */
export const writtenPart = `  .data : { *(.data .data.* .gnu.linkonce.d.*) SORT(CONSTRUCTORS) }
  .sdata :
  {
    PROVIDE(__global_pointer$ = . + 0x800);
    *(.sdata .sdata.* .gnu.linkonce.s.*)
  }
  PROVIDE(_edata = .);
  PROVIDE(edata = .);
  . = ALIGN(8);
  PROVIDE_HIDDEN(__bss_start = .);
  .sbss : { *(.dynsbss) *(.sbss .sbss.* .gnu.linkonce.sb.*) *(.scommon) }
  .bss : { *(.dynbss) *(.bss .bss.* .gnu.linkonce.b.*) *(COMMON) }`;
