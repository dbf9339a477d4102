/**
 * A program as a folder of Coq: definitions, statements, and scripts that are to prove them.
 *
 *   Casemate.v, CasemateTactics.v   the library, as it is shipped
 *   Program.v                       each function as a definition; computes, and says nothing
 *   Statements.v                    each contract, and each obligation, as a Prop with a name
 *   Contract_f.v, Goals_f.v         proofs: one file for a contract, one for the obligations of a function
 *   handwritten/NAME.v              what no script proves, for a person
 *   Checked.v                       each proof as the only member of a module of a module type that states it
 *
 * A proof is believed for nothing that stands in its own file. Checked.v is made by us, imports nothing, and takes from a
 * proof one constant, which Coq's kernel compares with the statement: no notation, coercion or name of a proof's file has
 * a meaning there.
 */
import type { FunctionIr, Program, Span } from '../../analyzers/ir.ts';
import { groupFunctions } from '../groups.ts';
import { obligationsOf } from '../verify.ts';
import { type Definition, define } from './contracts.ts';
import { atom, comment, zText } from './names.ts';
import { createExported, type Exported, Unsupported } from './program.ts';
import { contractScript, goalScript, PREAMBLE } from './scripts.ts';
import { statement } from './terms.ts';
import { recordText } from './types.ts';

/** One thing that is to be proved. */
export interface Claim {
  /** Name of its statement, and of a handwritten file: contract_f or goal_f_N. */
  readonly id: string;
  readonly kind: 'contract' | 'obligation';
  readonly function: string;
  /** As `casemate prove` calls it. */
  readonly name: string;
  readonly span: Span;
  /** A constant's name, and the library that has it when a script proves it. */
  readonly proof: string;
  /** The claims that its proof uses. */
  readonly uses: readonly string[];
}

/** Something that has no form in Coq. */
export interface Refusal {
  readonly function: string;
  readonly name: string;
  readonly span: Span;
  readonly why: string;
}

/** A file of proofs. */
export interface Unit {
  readonly name: string;
  readonly claims: readonly Claim[];
  /** Its text when scripts prove these of its claims. */
  readonly text: (proved: ReadonlySet<string>) => string;
  /** A text that says which of its claims scripts close. */
  readonly trial?: string;
}

export interface CoqExport {
  readonly program: string;
  readonly statements: string;
  readonly units: readonly Unit[];
  readonly refusals: readonly Refusal[];
  /** Functions that have a definition, with the names of definitions. */
  readonly definitions: readonly Definition[];
  readonly skeleton: (claim: Claim) => string;
}

const REQUIRE = 'Require Import ZArith List Bool Lia.\nImport ListNotations.\n';
const SCOPE = 'Open Scope Z_scope.\n';
export const LIBRARY = 'Require Import Verified.Casemate.\n';
const WHOLE = `${REQUIRE}${LIBRARY}`;

const constantText = (
  exported: Exported,
  value: Program['tables'][number]['values'][number],
  type: FunctionIr['result'],
): string => {
  if (typeof value === 'bigint') return zText(value);
  if (typeof value === 'boolean') return String(value);
  if (type.kind !== 'record') throw new TypeError('fields of no record');
  const { name } = exported.types.record(type);
  return `make_${name} ${value.fields.map((field, i) => atom(constantText(exported, field, type.fields[i].type))).join(' ')}`;
};

/** Why a function has no definition before it is looked at. */
function refusedAtOnce({ body, diverges, name }: FunctionIr, recursive: boolean): string | undefined {
  if (body === undefined) return 'it is trusted: it has no body';
  if (diverges) return `${name} may run for ever (@diverges)`;
  return recursive ? 'it calls itself, directly or through others' : undefined;
}

/** What a definition calls, and what those of them call that proofs unfold: their values turn up in its proof. */
function callsThroughPlain(exported: Exported, { calls }: Definition, all: readonly Definition[]): string[] {
  const found = new Set(calls);
  for (const key of found) {
    if (!exported.plain.has(key)) continue;
    const plain = all.find(({ function: { key: other } }) => other === key);
    for (const callee of plain?.calls ?? []) found.add(callee);
  }
  return [...found];
}

export function exportProgram(program: Program): CoqExport {
  const exported = createExported(program);
  const refusals: Refusal[] = [];
  const definitions: Definition[] = [];
  const units: Unit[] = [];
  const goals: string[] = [];
  const ending = new Set<string>();
  const claimOf = new Map<string, Claim>();
  for (const group of groupFunctions(program.functions)) {
    for (const subject of group.functions) {
      const { key, name, span } = subject;
      const refuse = (why: string): void => {
        exported.refused.set(key, why);
        if (subject.body !== undefined) refusals.push({ function: key, name: `${name}: definition`, span, why });
      };
      const own = exported.nameOf(key).slice(2);
      const why = refusedAtOnce(subject, group.recursive);
      if (why !== undefined) refuse(why);
      else {
        try {
          const definition = define(exported, subject);
          definitions.push(definition);
          const calls = callsThroughPlain(exported, definition, definitions);
          const used = calls.map((callee) => claimOf.get(callee)!);
          const claim: Claim = {
            id: `contract_${own}`,
            kind: 'contract',
            function: key,
            name: `${name}/contract`,
            span,
            proof: `Verified.Contract_${own}.proof`,
            uses: used.map(({ id }) => id),
          };
          claimOf.set(key, claim);
          const called = definitions.filter(({ function: { key: other } }) => calls.includes(other));
          const text = contractScript(exported, definition, called, definitions);
          units.push({ name: `Contract_${own}`, claims: [claim], text: () => text });
        } catch (error) {
          if (!(error instanceof Unsupported)) throw error;
          refuse(error.message);
        }
      }
      const { obligations } = obligationsOf(program, subject, group, ending);
      const claims: Claim[] = [];
      for (const obligation of obligations) {
        if (obligation.question !== 'holds') continue;
        const id = `goal_${own}_${claims.length + 1}`;
        try {
          goals.push(`${comment(obligation.name)}\nDefinition ${id} : Prop :=\n${statement(obligation.query)}.`);
        } catch (error) {
          if (!(error instanceof Unsupported)) throw error;
          refusals.push({ function: key, name: obligation.name, span: obligation.span, why: error.message });
          continue;
        }
        claims.push({
          ...{ id, kind: 'obligation', function: key, name: obligation.name, span: obligation.span },
          ...{ proof: `Verified.Goals_${own}.proof_${claims.length + 1}`, uses: [] },
        });
      }
      if (claims.length > 0) units.push({ name: `Goals_${own}`, claims, ...goalScript(claims) });
      // As proofs have it once all is proved; a statement says nothing by itself, and rests on nothing.
      for (const { key: done } of group.functions) ending.add(done);
    }
  }
  const tables = program.tables.map(({ variable, values }) => {
    const rows = values.map((value) => constantText(exported, value, variable.type.element)).join('; ');
    return `Definition ${exported.tableOf(variable.id)} : ${exported.types.of(variable.type)} := [${rows}].`;
  });
  const records = exported.types.records().map((record) => recordText(exported.types, record));
  const projections = exported.types.records().flatMap(({ fields }) => fields);
  const fields = projections.length === 0 ? '' : `Ltac cm_fields ::= cbn [${projections.join(' ')}] in *.\n`;
  return {
    program: [WHOLE, SCOPE, ...records, ...tables, ...definitions.map(({ text }) => text)].join('\n\n').concat('\n'),
    statements: [
      `${WHOLE}Require Import Verified.Program.\n${SCOPE}`,
      ...definitions.map(({ contract }) => contract),
      ...goals,
    ]
      .join('\n\n')
      .concat('\n'),
    units: units.map((unit) => ({
      ...unit,
      text: (proved) => `${PREAMBLE}${fields}${unit.text(proved)}`,
      ...(unit.trial !== undefined && { trial: `${PREAMBLE}${fields}${unit.trial}` }),
    })),
    refusals,
    definitions,
    skeleton: (claim) => skeletonOf(claim),
  };
}

/** What a person begins with. */
function skeletonOf({ id, name }: Claim): string {
  return `${comment(name)}
(* No script proves this. Put a proof between Proof and Qed, and put Qed where Abort is; then run casemate again, *)
(* or make. The file is kept. What may stand in it: docs/coq.md. *)
${PREAMBLE}
Theorem proof : ${id}.
Proof.
  unfold ${id}.
Abort.
`;
}

/** What every proof needs, in the order in which each uses the earlier ones. `library`: the files that are shipped. */
export const baseTexts = (
  { program, statements }: Pick<CoqExport, 'program' | 'statements'>,
  library: ReadonlyMap<string, string>,
): [name: string, text: string][] => [...library, ['Program', program], ['Statements', statements]];

/** The file of a contract that a person has proved: where contracts that rest on it look for its proof. */
export const handwrittenContract = ({ id }: Claim): string =>
  `Require Verified.Statements Verified.${id}.\nDefinition proof : Verified.Statements.${id} := Verified.${id}.proof.\n`;

/** The file that takes from each proof what counts. `at`: the constant of each claim that is said to be proved. */
export function checkedText(proved: readonly { readonly claim: Claim; readonly at: string }[]): string {
  const libraries = [...new Set(proved.map(({ at }) => at.slice(0, at.lastIndexOf('.'))))];
  const modules = proved.map(
    ({ claim: { id }, at }) =>
      `Module Type States_${id}.\n  Parameter proof : Verified.Statements.${id}.\nEnd States_${id}.\n` +
      `Module Proved_${id} : States_${id}.\n  Definition proof := ${at}.\nEnd Proved_${id}.\n` +
      `Print Assumptions Proved_${id}.proof.\n`,
  );
  return [`Require Verified.Statements${libraries.map((one) => ` ${one}`).join('')}.\n`, ...modules].join('\n');
}
