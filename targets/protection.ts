/**
 * What hardening decides and tells about an image of any target: what its text may do (be executed and nothing else,
 * unless something in the image reads it or the user wants otherwise), and what its RELRO comes to. How it is enforced
 * is the target's own.
 */
import type { Finding } from '../hardening/finding.ts';
import { executeOnly } from '../hardening/rules/execute-only.ts';
import { relro } from '../hardening/rules/relro.ts';
import type { Subject } from '../hardening/subject.ts';
import type { TextKind } from './regions.ts';

/** auto: unless code that reads text, or data in it, is found. */
export type ExecuteOnly = 'auto' | 'always' | 'never';

/** What text may do in the hardened image, and why not less or whether that is certain. */
export interface Text {
  readonly kind: TextKind;
  readonly reason: string;
}

/** One protection: whether the hardened image enforces it, and in words how, or why not. */
export interface Protection {
  readonly name: string;
  readonly enforced: boolean;
  readonly detail: string;
}

/** What the rule found, with its first place. */
function worded({ message, details }: Finding): string {
  return [message, ...details.slice(0, 1)].join(': ');
}

/** Whether text can be execute-only, as asked and as its code allows. */
export function textOf(subject: Subject, wanted: ExecuteOnly): Text {
  if (wanted === 'never') return { kind: 'read-execute', reason: 'not wanted (--execute-only never)' };
  const findings = executeOnly.run(subject);
  const failed = findings.find(({ outcome }) => outcome === 'fail');
  const unsure = findings.find(({ outcome }) => outcome === 'unknown');
  if (failed === undefined)
    return { kind: 'execute', reason: unsure === undefined ? '' : `; not certain: ${worded(unsure)}` };
  if (wanted === 'always') return { kind: 'execute', reason: `; but ${worded(failed)}` };
  return { kind: 'read-execute', reason: `${worded(failed)}; --execute-only always enforces it all the same` };
}

/** What the rule of the same name finds in the file is what the page tables enforce. */
export function relroProtection(subject: Subject): Protection {
  const findings = relro.run(subject);
  const open = findings.find(({ outcome }) => outcome !== 'pass');
  const { message } = open ?? findings[0]!;
  return { name: 'read-only after start (RELRO)', enforced: open === undefined, detail: message };
}
