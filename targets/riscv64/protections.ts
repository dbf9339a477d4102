/**
 * What hardening a RISC-V program comes to: each protection by name, enforced and how, or not and why.
 */
import type { Subject } from '../../hardening/subject.ts';
import { type Protection, relroProtection, type Text } from '../protection.ts';
import { addressWords } from './entropy-bits.ts';
import type { Stage0Config } from './stage0/config.ts';

export interface Hardening {
  readonly subject: Subject;
  readonly text: Text;
  readonly config: Stage0Config;
}

function addressProtection({ mode, require }: Stage0Config): Protection {
  return { name: 'new addresses at every start', enforced: true, detail: addressWords(mode, require) };
}

/** In the order in which they are shown. */
export function protectionsOf({ subject, text, config }: Hardening): Protection[] {
  const execute = text.kind === 'execute';
  return [
    { name: 'no-execute data, stack, heap', enforced: true, detail: 'page tables of 4 KiB and 2 MiB' },
    { name: 'read-only text and rodata', enforced: true, detail: 'page tables' },
    {
      name: 'execute-only text',
      enforced: execute,
      detail: execute ? `page tables; MXR is off${text.reason}` : text.reason,
    },
    relroProtection(subject),
    { name: 'guarded stack', enforced: true, detail: `at most ${config.stack >> 10} KiB, absent pages on both sides` },
    { name: 'trap stack apart', enforced: true, detail: 'absent pages on both sides' },
    { name: 'absent page 0', enforced: true, detail: 'nothing in the lowest eighth of the address space' },
    { name: 'hidden page tables, firmware and stub', enforced: true, detail: 'no identity map; absent in the tables' },
    addressProtection(config),
  ];
}
