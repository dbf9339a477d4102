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
export const riscvLayout = `SECTIONS
{
  . = 0;
  PROVIDE_HIDDEN(rv_image = .);
  .text :
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
  PROVIDE(etext = .);

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
  .rodata :
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
  .gcc_except_table : { *(.gcc_except_table .gcc_except_table.*) }

  . = ALIGN(CONSTANT(MAXPAGESIZE));
  . = ALIGN(MAX(1, MAX(ALIGNOF(.tdata), ALIGNOF(.tbss))));
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
  .got : { *(.got) *(.got.plt) *(.igot.plt) }

  . = ALIGN(CONSTANT(MAXPAGESIZE));
  .data : { *(.data .data.* .gnu.linkonce.d.*) SORT(CONSTRUCTORS) }
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
  .bss : { *(.dynbss) *(.bss .bss.* .gnu.linkonce.b.*) *(COMMON) }
  . = ALIGN(8);
  PROVIDE_HIDDEN(__bss_end = .);
  PROVIDE(_end = .);
  PROVIDE(end = .);
  PROVIDE_HIDDEN(rv_image_end = .);
}
`;
