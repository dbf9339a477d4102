/**
 * The layout used when no script is given, itself written as a linker script.
 *
 * One segment per permission, each starting on a page of its own, so that no page ever has two permissions:
 * read-only data and headers, then text, then data that becomes read-only after start-up (RELRO), then data and bss.
 * Being a script, it can be printed (--verbose), copied and changed by a user, and INSERT works against it.
 */
import type { Machine } from './program.ts';
import type { LinkerScript } from './script/ast.ts';
import { parseScript } from './script/parse.ts';

/** What messages call it, in place of a file. */
export const BUILTIN_NAME = '<built-in layout>';

/** The script's text, as --verbose prints it. */
export function builtinText(machine: Machine, imageBase: number, pie: boolean): string {
  const riscv = machine === 'riscv64';
  const base = `SEGMENT_START("text-segment", 0x${imageBase.toString(16)})`;
  // In a PIE the dynamic section describes IRELATIVE relocations; start-up code must find this range empty.
  const irela = pie
    ? 'PROVIDE_HIDDEN(__rela_iplt_start = .); PROVIDE_HIDDEN(__rela_iplt_end = .);'
    : 'PROVIDE_HIDDEN(__rela_iplt_start = .); *(.rela.iplt) PROVIDE_HIDDEN(__rela_iplt_end = .);';
  return `SECTIONS
{
  PROVIDE(__executable_start = ${base});
  . = ${base} + SIZEOF_HEADERS;
  .note.gnu.property : { *(.note.gnu.property) }
  .note.gnu.build-id : { *(.note.gnu.build-id) }
  .note.ABI-tag : { *(.note.ABI-tag) }
  .hash : { *(.hash) }
  .dynsym : { *(.dynsym) }
  .dynstr : { *(.dynstr) }
  .rela.dyn : { *(.rela.dyn) }
  .relr.dyn : { *(.relr.dyn) }
  .rela.plt : { ${irela} }
  .rodata : { *(.rodata .rodata.* .gnu.linkonce.r.*) }
  ${riscv ? '.srodata : { *(.srodata.cst16) *(.srodata.cst8) *(.srodata.cst4) *(.srodata.cst2) *(.srodata .srodata.*) }' : ''}
  .lrodata : { *(.lrodata .lrodata.*) }
  .eh_frame_hdr : { *(.eh_frame_hdr) }
  .eh_frame : { KEEP(*(.eh_frame)) }
  .gcc_except_table : { *(.gcc_except_table .gcc_except_table.*) }

  . = ALIGN(CONSTANT(MAXPAGESIZE));
  .init : { KEEP(*(SORT_NONE(.init))) }
  .iplt : { *(.iplt) }
  .text :
  {
    *(.text.unlikely .text.*_unlikely .text.unlikely.*)
    *(.text.exit .text.exit.*)
    *(.text.startup .text.startup.*)
    *(.text.hot .text.hot.*)
    *(SORT(.text.sorted.*))
    *(.text .stub .text.* .gnu.linkonce.t.*)
  }
  .fini : { KEEP(*(SORT_NONE(.fini))) }
  PROVIDE(__etext = .);
  PROVIDE(_etext = .);
  PROVIDE(etext = .);

  . = ALIGN(CONSTANT(MAXPAGESIZE));
  .tdata : { PROVIDE_HIDDEN(__tdata_start = .); *(.tdata .tdata.* .gnu.linkonce.td.*) }
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
    KEEP(*(.init_array EXCLUDE_FILE(*crtbegin.o *crtbegin?.o *crtend.o *crtend?.o) .ctors))
    PROVIDE_HIDDEN(__init_array_end = .);
  }
  .fini_array :
  {
    PROVIDE_HIDDEN(__fini_array_start = .);
    KEEP(*(SORT_BY_INIT_PRIORITY(.fini_array.*) SORT_BY_INIT_PRIORITY(.dtors.*)))
    KEEP(*(.fini_array EXCLUDE_FILE(*crtbegin.o *crtbegin?.o *crtend.o *crtend?.o) .dtors))
    PROVIDE_HIDDEN(__fini_array_end = .);
  }
  .ctors : { KEEP(*crtbegin.o(.ctors)) KEEP(*crtbegin?.o(.ctors)) KEEP(*(.ctors)) }
  .dtors : { KEEP(*crtbegin.o(.dtors)) KEEP(*crtbegin?.o(.dtors)) KEEP(*(.dtors)) }
  .jcr : { KEEP(*(.jcr)) }
  .data.rel.ro : { *(.data.rel.ro.local .data.rel.ro.local.*) *(.data.rel.ro .data.rel.ro.* .gnu.linkonce.d.rel.ro.*) }
  .dynamic : { *(.dynamic) }
  .got : { *(.got) *(.got.plt) *(.igot.plt) }

  . = ALIGN(CONSTANT(MAXPAGESIZE));
  .data : { *(.data .data.* .gnu.linkonce.d.*) SORT(CONSTRUCTORS) }
  ${
    riscv
      ? `.sdata :
  {
    PROVIDE(__global_pointer$ = . + 0x800);
    *(.sdata .sdata.* .gnu.linkonce.s.*)
  }`
      : ''
  }
  PROVIDE(_edata = .);
  PROVIDE(edata = .);
  . = .;
  PROVIDE(__bss_start = .);
  ${riscv ? '.sbss : { *(.dynsbss) *(.sbss .sbss.* .gnu.linkonce.sb.*) *(.scommon) }' : ''}
  .bss : { *(.dynbss) *(.bss .bss.* .gnu.linkonce.b.*) *(COMMON) . = ALIGN(. != 0 ? 8 : 1); }
  .ldata : { *(.ldata .ldata.*) }
  .lbss : { *(.dynlbss) *(.lbss .lbss.* .gnu.linkonce.lb.*) *(LARGE_COMMON) }
  . = ALIGN(8);
  PROVIDE(__bss_end = .);
  PROVIDE(_end = .);
  PROVIDE(end = .);
}
`;
}

export function builtinScript(machine: Machine, imageBase: number, pie: boolean): LinkerScript {
  return parseScript(builtinText(machine, imageBase, pie), BUILTIN_NAME);
}
