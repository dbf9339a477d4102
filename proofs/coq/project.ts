/**
 * What an auditor needs beside the files of Coq: _CoqProject, for editors, and a Makefile of which `make` is enough.
 *
 * The Makefile compiles everything and has coqchk, which shares little with coqc, check all of it again and say what it
 * rests on. casemate itself never runs it.
 */
import { baseTexts, type Claim, type CoqExport, checkedText, handwrittenContract } from './export.ts';

const FLAGS = '-Q . Verified -Q handwritten Verified';

export interface ProjectFile {
  /** Without .v; in the folder `handwritten` if it says so. */
  readonly name: string;
  readonly uses: readonly string[];
}

export const PROJECT_FIRST = '# Made by casemate prove --coq; made again, it is replaced.';

export function projectText(files: readonly ProjectFile[]): string {
  return `${[PROJECT_FIRST, ...['-Q . Verified', '-Q handwritten Verified'], ...files.map(({ name }) => `${name}.v`)].join('\n')}\n`;
}

export function makefileText(files: readonly ProjectFile[]): string {
  const rules = files.map(
    ({ name, uses }) =>
      `${name}.vo: ${[`${name}.v`, ...uses.map((one) => `${one}.vo`)].join(' ')}\n\t$(COQC) -q ${FLAGS} $<\n`,
  );
  return `# make: checks every proof here from nothing. Each "Closed under the global context" is a proof without an axiom; what
# coqchk says at the end is what all of them rest on together. report.json lists what is proved, and what is not.
COQC ?= coqc
COQCHK ?= coqchk

check: Checked.vo
\t$(COQCHK) -o -silent ${FLAGS} Verified.Checked

${rules.join('\n')}
clean:
\trm -f *.vo *.vok *.vos *.glob .*.aux handwritten/*.vo handwritten/*.vok handwritten/*.vos handwritten/*.glob handwritten/.*.aux

.PHONY: check clean
`;
}

/** A file with its text. */
export interface ProjectText extends ProjectFile {
  readonly text: string;
}

/** What closed a claim. */
export type ClosedBy = 'script' | 'hand';

/**
 * The files of a project in which these claims are closed, and of no other: the same whoever writes them, so that who has
 * the sources and the proofs by hand can make all of it anew. `written`: proofs by hand, by the claims' ids. Each file
 * comes after those that it uses, but for proofs by hand, which may use any.
 */
export function closedProject(
  exported: CoqExport,
  library: ReadonlyMap<string, string>,
  closed: ReadonlyMap<string, ClosedBy>,
  written: ReadonlyMap<string, string>,
): ProjectText[] {
  const base = baseTexts(exported, library);
  const names = base.map(([name]) => name);
  const isBy = (by: ClosedBy) => (claim: Claim) => closed.get(claim.id) === by;
  const claims = exported.units.flatMap((unit) => unit.claims);
  const byHand = claims
    .filter(isBy('hand'))
    .map(({ id }) => ({ name: `handwritten/${id}`, text: written.get(id) ?? '', uses: names }));
  const units = exported.units.flatMap(({ name, claims: own, text }): ProjectText[] => {
    const scripts = own.filter(isBy('script'));
    const [claim] = own;
    if (claim?.kind === 'contract' && closed.get(claim.id) === 'hand')
      return [{ name, text: handwrittenContract(claim), uses: [...names, `handwritten/${claim.id}`] }];
    if (scripts.length === 0) return [];
    const uses = own.flatMap((one) => one.uses.map((used) => used.replace(/^contract/, 'Contract')));
    return [{ name, text: text(new Set(scripts.map(({ id }) => id))), uses: [...names, ...uses] }];
  });
  const proofs = [...byHand, ...units];
  const counted = claims.flatMap((claim) => {
    const by = closed.get(claim.id);
    return by === undefined ? [] : [{ claim, at: by === 'hand' ? `Verified.${claim.id}.proof` : claim.proof }];
  });
  const before = [
    ...base.map(([name, text], i) => ({ name, text, uses: names.slice(0, i) })),
    ...proofs.map((file) => ({ ...file, uses: [...file.uses, ...usedBy(file, proofs)] })),
  ];
  return [...before, { name: 'Checked', text: checkedText(counted), uses: before.map(({ name }) => name) }];
}

/** Other files of proofs that one by hand asks for. */
function usedBy({ name, text }: ProjectText, proofs: readonly ProjectText[]): string[] {
  if (!name.startsWith('handwritten/')) return [];
  const asked = new Set([...text.matchAll(/\bVerified\.([A-Za-z_][\w']*)/g)].map(([, one]) => one));
  return proofs.map((one) => one.name).filter((one) => one !== name && asked.has(one.replace('handwritten/', '')));
}
