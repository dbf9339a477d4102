/**
 * What hardening an image comes to: each protection by name, enforced and how, or not and why.
 *
 * Never a bare yes: an image that lacks something (relocations, a symbol, RELRO) keeps what it has, and its owner reads
 * here what to change to get the rest.
 */
import { hex } from '../../base/errors.ts';
import type { SlideInfo } from '../../hardening/slide/slide-info.ts';
import type { Subject } from '../../hardening/subject.ts';
import { type Protection, relroProtection, type Text } from '../protection.ts';
import type { Movable } from './movable.ts';
import type { Canary } from './stage0/canary.ts';
import type { Stage0Config } from './stage0/config.ts';
import { GATE_SIZE } from './stage0/gates.ts';
import { textPlan } from './text-plan.ts';

type Config = Omit<Stage0Config, 'wipe'>;

/** What was found out about an image and decided for it. */
export interface Hardening {
  readonly subject: Subject;
  readonly text: Text;
  readonly config: Config;
  readonly canary: Canary;
  readonly movable: Movable;
}

function textProtection(text: Text): Protection {
  const name = 'execute-only text';
  if (text.kind === 'execute')
    return {
      name,
      enforced: true,
      detail: `by protection keys (PKU), else by SMAP (undoable by popf or stac)${text.reason}`,
    };
  return { name, enforced: false, detail: text.reason };
}

function canaryProtection(canary: Canary): Protection {
  const name = 'random stack canary';
  if (canary.address === 0) return { name, enforced: false, detail: canary.reason };
  if (canary.reason !== '') return { name, enforced: false, detail: canary.reason };
  const kept = canary.store === undefined ? '' : `; the store at ${hex(canary.store.address)} that replaced it is gone`;
  return { name, enforced: true, detail: `at ${hex(canary.address)}${kept}` };
}

function gatesProtection({ gates, regions }: Config): Protection {
  const name = 'read-only interrupt table';
  if (gates.count === 0) return { name, enforced: false, detail: 'the program makes its table when it starts' };
  const size = gates.count * GATE_SIZE;
  const region = regions.find(({ start, end }) => gates.address >= start && gates.address + size <= end);
  if (region?.kind === 'read') return { name, enforced: true, detail: `${gates.count} gates at ${hex(gates.address)}` };
  return {
    name,
    enforced: false,
    detail: `its ${gates.count} gates at ${hex(gates.address)} are not in RELRO; link with -z relro`,
  };
}

function stubProtection(info: SlideInfo | undefined): Protection {
  const name = 'stub gone';
  return info === undefined
    ? { name, enforced: true, detail: 'cleared before the program starts; its memory becomes heap' }
    : { name, enforced: true, detail: 'absent in the page tables that it leaves behind' };
}

function slideProtection({ info, reason }: Movable): Protection {
  const name = 'new layout at every launch';
  if (info === undefined) return { name, enforced: false, detail: reason };
  const units = textPlan(info)?.shuffled.length ?? 0;
  const order =
    units > 1
      ? `; ${units} units of code change places`
      : '; the order of code stays: its boundaries are not known, or it is aligned to more than a page';
  return { name, enforced: true, detail: `by casemate slide, before each launch${order}` };
}

/** In the order in which they are shown. */
export function protectionsOf({ subject, text, config, canary, movable }: Hardening): Protection[] {
  return [
    { name: 'no-execute data, stack, heap', enforced: true, detail: 'page tables of 4 KiB and 2 MiB, EFER.NXE' },
    { name: 'read-only text and rodata', enforced: true, detail: 'page tables, CR0.WP' },
    textProtection(text),
    relroProtection(subject),
    { name: 'guarded stack', enforced: true, detail: `at most ${config.stack >> 10} KiB, absent pages on both sides` },
    { name: 'absent page 0', enforced: true, detail: 'everything below boot_info' },
    { name: 'hidden page tables', enforced: true, detail: 'at a random place, absent in themselves' },
    canaryProtection(canary),
    gatesProtection(config),
    stubProtection(movable.info),
    slideProtection(movable),
  ];
}
