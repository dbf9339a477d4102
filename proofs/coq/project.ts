/**
 * What an auditor needs beside the files of Coq: _CoqProject, for editors, and a Makefile of which `make` is enough.
 *
 * The Makefile compiles everything and has coqchk, which shares little with coqc, check all of it again and say what it
 * rests on. casemate itself never runs it.
 */
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
