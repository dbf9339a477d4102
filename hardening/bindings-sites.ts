/**
 * The sites at which a guest's own start-up code must use privileged instructions: descriptor tables, the task register
 * and the base of thread-local storage, in casemate's platform layer for hvt (targets/hvt/platform) and in Solo5's
 * bindings.
 *
 * A name is a claim that anybody can make, so an entry allows a function only the instructions it is known for, and only
 * where they begin an instruction of its own: the same bytes in the middle of another instruction are not allowed. What
 * is allowed is still counted and shown, because a jump into it does what it does.
 */
import type { GadgetKind } from './gadgets-x86-64.ts';

const tables: readonly GadgetKind[] = ['lgdt', 'lidt', 'ltr'];
const msr: readonly GadgetKind[] = ['wrmsr'];

const sites = new Map<string, readonly GadgetKind[]>([
  // targets/hvt/platform: traps.c, tls.c; the second of each is there when the compiler did not inline it.
  ['hvt_traps_init', tables],
  ['load_gdt', ['lgdt', 'ltr']],
  ['solo5_set_tls_base', msr],
  ['hvt_tls_init_first_thread', msr],
  // Solo5's bindings: cpu_x86_64.c, platform.c and the vectors.
  ['cpu_init', tables],
  ['gdt_init', ['lgdt']],
  ['idt_init', ['lidt']],
  ['tss_init', ['ltr']],
  ['cpu_set_tls_base', msr],
  ['platform_set_tls_base', msr],
  ['solo5_set_arch_tls_base', msr],
]);

const vectors = /^cpu_(trap|irq)_\d+$/;

/** What the function of this name may hold. */
export function allowedKinds(name: string): readonly GadgetKind[] {
  return sites.get(name) ?? (vectors.test(name) ? ['iret'] : []);
}
