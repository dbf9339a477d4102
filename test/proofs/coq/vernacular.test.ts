/** A handwritten proof is read for what it may say before Coq reads it; what might do anything is refused, with its line. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUnfinished, objectionsTo, sentences } from '../../../proofs/coq/vernacular.ts';

const proof = (body: string): string =>
  `Require Import ZArith Lia.\nTheorem proof : contract_f.\nProof.\n${body}\nQed.\n`;

describe('sentences', () => {
  it('end at a dot before a space, and not inside a comment or a name', () => {
    const text = 'Require Import Coq.ZArith (* a. "b. *) c" (* d. *) *) Lia.\nProof.\n- lia.\nQed.';
    expect(sentences(text).map((one) => `${one.line}: ${one.text}`)).toEqual([
      '1: Require Import Coq.ZArith Lia.',
      '2: Proof.',
      '3: -',
      '3: lia.',
      '4: Qed.',
    ]);
  });
  it('never hang or throw anything but a reason, whatever the text is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('(', '*', ')', '"', '.', ' ', '\n', 'a', 'Q', '-', 'é') }),
        (text) => {
          expect(Array.isArray(objectionsTo(text))).toBe(true);
        },
      ),
      { seed: 1, numRuns: 2000 },
    );
  });
});

describe('a proof', () => {
  it('may use tactics, bullets, lemmas, definitions of its own and libraries of Coq', () => {
    const text = `From Coq Require Import ZArith.\nRequire Import Verified.Casemate.\nOpen Scope Z_scope.
Lemma helper x : 0 <= x * x.\nProof. nia. Qed.
Definition two := 2.
Ltac mine := intros; lia.
${proof('  intros a b [first second].\n  split.\n  - pose proof (helper a). mine.\n  - { exact second. }\n  all: lia.')}`;
    expect(objectionsTo(text)).toEqual([]);
    expect(isUnfinished(text)).toBe(false);
  });
  it('is unfinished when it is aborted, admitted, or has no end', () => {
    for (const end of ['Abort.', 'Admitted.']) expect(isUnfinished(proof('').replace('Qed.', end))).toBe(true);
    expect(isUnfinished('Require Import ZArith.\n')).toBe(true);
    expect(isUnfinished(`${proof('lia.')}Lemma b : True.\nProof.\nAdmitted.`)).toBe(true);
  });
});

describe('refuses', () => {
  const attacks: Readonly<Record<string, string>> = {
    'an axiom': 'Axiom cheat : forall P : Prop, P.',
    'an axiom under another name': 'Parameter cheat : forall P : Prop, P.',
    'a conjecture': 'Conjecture cheat : False.',
    'a hypothesis of a section': 'Section s. Hypothesis cheat : False. End s.',
    'a variable': 'Variable cheat : False.',
    'a context': 'Context (cheat : False).',
    'another meaning of equality': 'Notation "a = b" := True.',
    'another meaning of equality without a string': 'Infix eq := or.',
    'a notation for a name': 'Notation contract_f := True.',
    'a coercion': 'Coercion f : nat >-> bool.',
    'a canonical structure': 'Canonical Structure s := t.',
    'types in types': 'Set Universe Checking.',
    'no guard': 'Unset Guard Checking.',
    'no check of positivity': 'Unset Positivity Checking.',
    'an attribute that switches checks off': '#[bypass_check(guard)] Fixpoint f (n : nat) : False := f n.',
    'an attribute': '#[local] Definition a := 1.',
    'native code': 'Declare ML Module "evil".',
    'native code without a string': 'Declare ML Module evil.',
    'another file': 'Load evil.',
    'another folder': 'Add LoadPath here.',
    'output into a file': 'Redirect out Print nat.',
    'extraction into a file': 'Extraction evil nat.',
    'a separate extraction': 'Separate Extraction nat.',
    'a change of folders': 'Cd here.',
    'a library that is not of Coq': 'Require Import Evil.Library.',
    'a library of axioms': 'From Coq Require Import Classical.',
    'real numbers, which rest on axioms': 'Require Import Reals.',
    'a module that hides another': 'Module Verified. End Verified.',
    'a module type': 'Module Type T. End T.',
    'an include': 'Include Nothing.',
    'an export': 'Require Export ZArith.',
    'a command behind a control': 'Time Axiom cheat : False.',
    'a command that may fail': 'Fail Axiom cheat : False.',
    'a hint that runs anything': 'Hint Extern 0 => idtac : core.',
    'a global instance': 'Existing Instance x.',
    'an inductive type': 'Inductive cheat := make (f : cheat -> False).',
    'a primitive': 'Primitive int := x.',
    'a universe': 'Universe u.',
    'a print': 'Print nat.',
    'an evaluation': 'Eval compute in 1.',
    'an obligation': 'Obligation Tactic := idtac.',
    'a program': 'Program Definition a := 1.',
    'an opaque name made transparent': 'Transparent nat.',
    'a reset': 'Reset Initial.',
    'an end of the file': 'Quit.',
    'another language': 'From Ltac2 Require Import Ltac2.',
  };
  it.each(Object.entries(attacks))('%s', (_, text) => {
    expect(objectionsTo(proof('lia.') + text)).not.toEqual([]);
    expect(objectionsTo(text + proof('lia.'))).not.toEqual([]);
  });
  it.each(['admit.', 'give_up.', 'native_compute.', 'vm_cast_no_check I.', 'idtac "Closed under the global context".'])(
    'the tactic %s',
    (tactic) => expect(objectionsTo(proof(tactic))[0].line).toBe(4),
  );
  it('a command in the middle of a proof', () => {
    expect(objectionsTo(proof('intros.\nAxiom cheat : False.\nexact (cheat).'))[0]).toMatchObject({ line: 5 });
  });
  it('what a comment seems to hide: comments nest, and strings in them are strings', () => {
    expect(objectionsTo('(* (* *) Axiom a : False. *)')).toEqual([]);
    expect(objectionsTo('(* " *) Axiom a : False. (* " *)')).toEqual([]);
    expect(objectionsTo('(* " *) " *) Axiom a : False.')).not.toEqual([]);
    expect(objectionsTo('(**) Axiom a : False.')).not.toEqual([]);
    expect(objectionsTo('(* never ends')[0].what).toContain('does not end');
  });
  it('characters that look like others', () => expect(objectionsTo('Definition а := 1.')[0].what).toContain('ASCII'));
});
