/**
 * How a relocation that cannot be applied is reported: with its file, section and offset, its type's name, and what it
 * refers to.
 */
import { fail, hex } from '../../base/errors.ts';
import { readUnsigned64 } from '../elf.ts';
import { type InputObject, objectAt, placeText } from '../program.ts';
import { objectSymbolName } from '../read-object.ts';
import type { RelocationJob } from './architecture.ts';

/** The object whose section the job is about. */
export function jobObject(job: RelocationJob): InputObject {
  return objectAt(job.program, job.program.sections.object[job.section]!);
}

/** Name of the symbol that the record at `at` refers to. */
export function targetName(job: RelocationJob, at: number): string {
  return objectSymbolName(job.program, jobObject(job), job.view.getUint32(at + 12, true)) || 'a local symbol';
}

function describe(job: RelocationJob, at: number): string {
  const type = job.view.getUint32(at + 8, true);
  const where = placeText(job.program, job.section, readUnsigned64(job.view, at));
  return `${where}: relocation ${job.typeNames[type] ?? `type ${type}`}`;
}

/** The record at `at` of the job cannot be applied. */
export function malformedRelocation(job: RelocationJob, at: number, what: string): never {
  return fail('relocation', `${describe(job, at)}: ${what}`);
}

/** Its value does not fit its field. */
export function relocationOverflow(job: RelocationJob, at: number, value: number, low: number, high: number): never {
  return fail(
    'relocation',
    `${describe(job, at)} against ${targetName(job, at)} out of range: ` +
      `${hex(value)} is not in [${hex(low)}, ${hex(high)}]`,
  );
}
