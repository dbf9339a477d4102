/**
 * Scripts that are to prove contracts and obligations. They are written for nobody to read and nobody to believe: a
 * script that does not work leaves its claim open, and a script that works has been checked by Coq's kernel.
 *
 * A contract's script walks through the definition. At a call it uses the contract of what is called; at a loop the
 * invariants that the source gives; what is left are goals about numbers and arrays.
 */
import type { Definition } from './contracts.ts';
import type { Claim } from './export.ts';
import { valueName } from './expressions.ts';
import { atom } from './names.ts';
import type { Exported } from './program.ts';
import { someValue } from './types.ts';

/** Seconds for one goal where all of them are tried. What is kept has no limit as a whole, so a slower machine proves it too. */
const GOAL_SECONDS = 15;

export const PREAMBLE = `Require Import ZArith List Bool Lia.
Import ListNotations.
Require Import Verified.Casemate Verified.CasemateTactics Verified.Program Verified.Statements.
Open Scope Z_scope.
`;

const stem = (name: string): string => name.slice(2);

/** How a call of a function is walked through: by its contract. */
function callCase(exported: Exported, { name, function: subject, pure }: Definition): string {
  const own = stem(name);
  const otherwise = pure ? someValue(exported.types, subject.result) : '';
  const noted = pure
    ? exported.plain.has(subject.key)
      ? 'clear e'
      : `apply (cm_the_ok ${otherwise}) in e; fold_${own} e`
    : 'clear e';
  const holes = subject.parameters.map(() => ' _').join('');
  return `  | |- cm_ends (cm_bind (${name}${holes}) _) _ _ =>
      eapply cm_ends_call; [ apply Verified.Contract_${own}.proof; unfold requires_${own} | unfold throws_${own}; intros |
        let v := fresh "value" in let e := fresh "e" in let held := fresh "held" in
        intros v e held; unfold ensures_${own} in held; ${noted} ]`;
}

/** What is known of the value of a function in a clause: its contract. */
function valueFact(exported: Exported, { name, function: subject }: Definition): string {
  const own = stem(name);
  const args = subject.parameters.map((_, i) => `?a${i}`);
  const given = subject.parameters.map((_, i) => `a${i}`);
  const call = [valueName(name), ...args].join(' ');
  const said = given.length === 0 ? name : `(${given.join(', ')})`;
  const use = `cm_value_fact ${atom(someValue(exported.types, subject.result))} (Verified.Contract_${own}.proof${given.map((one) => ` ${one}`).join('')}) ltac:(unfold requires_${own} in *) ltac:(fun held => unfold ensures_${own} in held; fold (${[valueName(name), ...given].join(' ')}) in held) (${name}, ${said})`;
  return `  | |- context [${call}] => ${use}\n  | _ : context [${call}] |- _ => ${use}`;
}

export function contractScript(
  exported: Exported,
  { name }: Definition,
  called: readonly Definition[],
  all: readonly Definition[],
): string {
  const own = stem(name);
  const lines: string[] = [];
  for (const callee of called) lines.push(`Require Verified.Contract_${stem(callee.name)}.`);
  for (const callee of called) {
    if (!callee.pure || exported.plain.has(callee.function.key)) continue;
    const call = [valueName(callee.name), ...callee.function.parameters.map((_, i) => `a${i}`)].join(' ');
    const pattern = [callee.name, ...callee.function.parameters.map((_, i) => `?a${i}`)].join(' ');
    lines.push(
      `Ltac fold_${stem(callee.name)} e := lazymatch type of e with cm_the _ (${pattern}) = _ => fold (${call}) in e end.`,
    );
  }
  // Callers first: what they are made of is unfolded next.
  const plain = all
    .filter(({ function: { key } }) => exported.plain.has(key))
    .map((one) => valueName(one.name))
    .reverse();
  if (plain.length > 0) lines.push(`Ltac cm_values ::= unfold ${plain.join(', ')} in *.`);
  const cases = called.map((callee) => callCase(exported, callee));
  if (cases.length > 0) lines.push(`Ltac cm_call ::= lazymatch goal with\n${cases.join('\n')}\n  end.`);
  const facts = called
    .filter(({ pure, function: { key } }) => pure && !exported.plain.has(key))
    .map((one) => valueFact(exported, one));
  if (facts.length > 0) lines.push(`Ltac cm_value_facts ::= repeat match goal with\n${facts.join('\n')}\n  end.`);
  lines.push(`
Theorem proof : contract_${own}.
Proof.
  unfold contract_${own}; intros; change ${name} with proving_${own}.
  unfold proving_${own}, requires_${own} in *.
  cm_walk.
  all: unfold ensures_${own}, throws_${own} in *.
  all: cm_close.
Qed.`);
  return `${lines.join('\n')}\n`;
}

/** Proofs of a function's obligations, and a text that tells which of them work. */
export function goalScript(claims: readonly Claim[]): {
  readonly text: (proved: ReadonlySet<string>) => string;
  readonly trial: string;
} {
  const constant = ({ proof }: Claim): string => proof.slice(proof.lastIndexOf('.') + 1);
  return {
    text: (proved) =>
      claims
        .filter(({ id }) => proved.has(id))
        .map((claim) => `Lemma ${constant(claim)} : ${claim.id}.\nProof. unfold ${claim.id}; cm_obligation. Qed.\n`)
        .join('\n'),
    trial: claims
      .map(
        ({ id }) =>
          `Goal ${id}.\nProof. unfold ${id}. tryif timeout ${GOAL_SECONDS} cm_obligation then idtac "closed ${id}" else idtac "open ${id}". Abort.\n`,
      )
      .join('\n'),
  };
}
