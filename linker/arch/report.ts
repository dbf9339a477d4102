/**
 * How a relocation that cannot be applied is reported: with its file, section and offset, its type's name, and what it
 * refers to.
 */
import { fail, hex } from '../../base/errors.ts';
import { RELA_SIZE, readSigned64, readUnsigned64 } from '../elf.ts';
import * as layout from '../kernels/layout.ts';
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

/** Address of the relocation that the kernel stopped for. */
export function aboutRelocation(job: RelocationJob): number {
  return job.relocs + job.program.words[layout.RESULT + 1]! * RELA_SIZE;
}

/** Says why the kernel could not apply the relocation that it stopped for. */
export function cannotApply(job: RelocationJob): never {
  const { view, program } = job;
  const at = aboutRelocation(job);
  const noted = (i: number): number => view.getFloat64(program.block + (layout.RESULT + 2 + i * 2) * 4, true);
  const sym = view.getUint32(at + 12, true);
  const refuse = (what: string): never => malformedRelocation(job, at, what);
  switch (program.words[layout.RESULT]) {
    case layout.APPLY_OUTSIDE: {
      const offset = hex(readUnsigned64(view, at));
      return refuse(`offset ${offset} is outside the section of ${hex(job.size)} bytes`);
    }
    case layout.APPLY_SYMBOL:
      return refuse(`symbol ${sym} of ${job.symbolCount}`);
    case layout.APPLY_DEAD:
      return refuse(`${targetName(job, at)} is in a discarded section; keep it or drop its user`);
    case layout.APPLY_PIECE:
      job.tables.pieceAddress(job, sym, readSigned64(view, at + 16));
      return refuse('refers to a piece that does not exist');
    case layout.APPLY_OVERFLOW:
      return relocationOverflow(job, at, noted(0), noted(1), noted(2));
    case layout.APPLY_ODD:
      return refuse(`target of the jump is at an odd distance, ${hex(noted(0))}`);
    case layout.APPLY_LABEL:
      return refuse('its label is not in the same section');
    case layout.APPLY_NO_HIGH:
      return refuse(`no high half (auipc) with a relocation at ${hex(noted(0))}, where its label is`);
    case layout.APPLY_ULEB_PAST:
      return refuse('the ULEB128 number runs past the section');
    case layout.APPLY_ULEB_LONG:
      return refuse('the ULEB128 number is too long');
    case layout.APPLY_ULEB_SHORT:
      return refuse(`${noted(0)} does not fit the ULEB128 number's bytes`);
    case layout.APPLY_COARSE:
      return refuse(`${targetName(job, at)}: ${hex(noted(0))} is not a multiple of ${noted(1)}; align it`);
    case layout.APPLY_SEQUENCE:
      return refuse(`the instruction ${hex(noted(0))} is not the one of the sequence that the linker rewrites`);
    case layout.APPLY_FIXED:
      return refuse(
        `${targetName(job, at)} is a fixed address, and its distance from a position-independent program is not known; ` +
          'link with -no-pie or load it from the GOT',
      );
    case layout.APPLY_SLOT_ADDEND:
      return refuse(`asks for a slot for ${targetName(job, at)} + ${hex(noted(0))}; only plain symbols have slots`);
    default:
      return refuse('cannot be applied to a static executable');
  }
}
