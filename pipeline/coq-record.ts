/**
 * What evidence says of proofs that Coq has checked, and the texts that go with it into the bundle.
 *
 * Both follow from the sources, from which claims are closed by what, and from the proofs by hand: whoever builds and
 * whoever verifies makes them here, the one to write them down and the other to hold them against what is written.
 */
import { positionOf } from '../analyzers/diagnostics.ts';
import type { Program, Span } from '../analyzers/ir.ts';
import { bundleNames, type EvidenceCoq } from '../evidence/evidence.ts';
import { hashOf, uniqueIds } from '../evidence/identity.ts';
import type { CoqExport } from '../proofs/coq/export.ts';
import { type ClosedBy, closedProject, makefileText, type ProjectText, projectText } from '../proofs/coq/project.ts';
import { readCoqLibrary } from './coq.ts';
import { clipped } from './image-record.ts';
import { sha256 } from './lock.ts';
import { functionName } from './verified-record.ts';

/** What came of each claim, by its name in Coq. */
export interface CoqVerdict {
  /** Absent: it is open. */
  readonly closed?: ClosedBy;
  /** Why it is open. */
  readonly why?: string;
}

export interface CoqProved {
  readonly program: Program;
  readonly sources: ReadonlyMap<string, string>;
  readonly exported: CoqExport;
  readonly version: string;
  readonly verdicts: ReadonlyMap<string, CoqVerdict>;
  /** Proofs by hand that closed something. */
  readonly written: ReadonlyMap<string, string>;
}

export interface CoqBundled {
  readonly record: EvidenceCoq;
  /** The project, without what is for editors and for make. */
  readonly project: readonly ProjectText[];
  /** Texts of the bundle, by their names there. */
  readonly files: ReadonlyMap<string, string>;
}

/** A file of Coq as the bundle names it. */
export const coqFile = (name: string): string => `${bundleNames.coq}${name}.v`;

const SCRIPT = 'a script';

/** What `by` says of what closed a claim. */
export const closedBy = (statement: string, by: ClosedBy): string =>
  by === 'script' ? SCRIPT : coqFile(`handwritten/${statement}`);

/** Records and files of what was proved. */
export function bundledCoq(proved: CoqProved): CoqBundled {
  const { program, sources, exported, version, verdicts, written } = proved;
  const byKey = new Map(program.functions.map((fn) => [fn.key, functionName(fn)]));
  const closed = new Map(
    [...verdicts].flatMap(([id, verdict]): [string, ClosedBy][] => (verdict.closed ? [[id, verdict.closed]] : [])),
  );
  const project = closedProject(exported, readCoqLibrary(), closed, written);
  const files = new Map<string, string>([
    [`${bundleNames.coq}Makefile`, makefileText(project)],
    [`${bundleNames.coq}_CoqProject`, projectText(project)],
    ...project.map(({ name, text }): [string, string] => [coqFile(name), text]),
  ]);
  const claims = exported.units.flatMap((unit) => unit.claims);
  const { refusals } = exported;
  const ids = uniqueIds(
    [...claims, ...refusals].map(({ span, name }) => clipped(`coq:${span.file}:${name}`).slice(0, 900)),
  );
  const subject = ({ name, function: key, span }: { name: string; function: string; span: Span }) => {
    const text = sources.get(span.file) ?? '';
    return {
      ...{ name: clipped(name), function: clipped(byKey.get(key) ?? key), file: clipped(span.file) },
      ...positionOf(text, Math.min(span.start, text.length)),
    };
  };
  return {
    project,
    files,
    record: {
      version: clipped(version).slice(0, 1000),
      coqchk: closed.size > 0 ? 'no axioms' : 'not run',
      files: [...files]
        .map(([name, text]) => ({ name, sha256: sha256(Buffer.from(text)) }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
      claims: claims.map((claim, i) => {
        const by = closed.get(claim.id);
        const status = by === undefined ? 'open' : 'closed';
        const why = clipped(verdicts.get(claim.id)?.why ?? 'no script closes it');
        return {
          ...{ id: ids[i]!, ...subject(claim), kind: claim.kind, statement: claim.id, status },
          ...{ by: by === undefined ? why : closedBy(claim.id, by) },
          fingerprint: hashOf('coq', ids[i]!, status),
        };
      }),
      refusals: refusals.map((refusal, i) => {
        const id = ids[claims.length + i]!;
        const reason = clipped(refusal.why);
        return { id, ...subject(refusal), reason, fingerprint: hashOf('coq-refusal', id, reason) };
      }),
      trusted: program.functions.flatMap((fn) => (fn.body === undefined ? [clipped(functionName(fn))] : [])),
    },
  };
}
