/**
 * A security advisory in the OSV format, as far as it decides anything. Source: https://ossf.github.io/osv-schema, 1.7.
 *
 * It comes from a database that nobody here controls, so it is read like everything from outside: bounded, by a schema, each
 * refusal with file and line. What is not needed (references, credits, severities) may be anything.
 */
import { osv as accepts } from '../../base/accepts.gen.ts';
import { fail, printable } from '../../base/errors.ts';
import { parseBySchema } from '../../base/json-schema.ts';
import schema from '../../docs/schema/osv.schema.json';

export type AdvisoryEvent =
  | { readonly introduced: string }
  | { readonly fixed: string }
  | { readonly last_affected: string }
  | { readonly limit: string };

export interface AdvisoryRange {
  readonly type: 'SEMVER' | 'ECOSYSTEM' | 'GIT';
  readonly events: readonly AdvisoryEvent[];
}

export interface AffectedPackage {
  /** Absent: a range of commits in a repository, of whatever packages come from it. */
  readonly package?: { readonly ecosystem: string; readonly name: string };
  readonly versions: readonly string[];
  readonly ranges: readonly AdvisoryRange[];
}

export interface Advisory {
  readonly id: string;
  readonly aliases: readonly string[];
  /** UTC; text that sorts as time does, but for fractions of seconds. */
  readonly modified: string;
  readonly withdrawn?: string;
  readonly summary: string;
  readonly affected: readonly AffectedPackage[];
}

/** Largest advisory that is read, bytes; the largest of Debian's have some hundred KiB. */
export const LARGEST_ADVISORY = 16 * 1024 * 1024;

interface AdvisoryText extends Omit<Partial<Advisory>, 'affected'> {
  readonly id: string;
  readonly modified: string;
  readonly affected?: readonly { [Key in keyof AffectedPackage]?: AffectedPackage[Key] | null }[] | null;
}

/** UTF-8 text of at most so many bytes. `file` is how messages name it. Errors: 'limit', 'advisory'. */
export function boundedText(bytes: Uint8Array, file: string, most: number): string {
  if (bytes.length > most) fail('limit', `${printable(file)}: ${bytes.length} bytes, more than the ${most} allowed`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return fail('advisory', `${printable(file)}: holds bytes that are no UTF-8`);
  }
}

/** Reads an advisory. Errors: 'advisory', 'limit'. */
export function parseAdvisory(bytes: Uint8Array, file: string): Advisory {
  const text = boundedText(bytes, file, LARGEST_ADVISORY);
  const { value } = parseBySchema(text, file, { schema, accepts }, 'advisory');
  const { id, modified, withdrawn, aliases = [], summary = '', affected } = value as AdvisoryText;
  return {
    ...{ id, modified, aliases, summary, ...(withdrawn !== undefined && { withdrawn }) },
    affected: (affected ?? []).map(({ package: of, versions, ranges }) => ({
      ...(of && { package: of }),
      ...{ versions: versions ?? [], ranges: ranges ?? [] },
    })),
  };
}
