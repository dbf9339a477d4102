/** What is read of a Coq file before Coq reads it: sentences, what may not be said, and what there is to extract. */
import { describe, expect, it } from 'vitest';
import { objectionsToSource, readSource, siblingsOf, sourceSentences } from '../../../../proofs/coq/extract/source.ts';

const read = (text: string) => readSource(sourceSentences(text));
const objections = (text: string) =>
  objectionsToSource(sourceSentences(text)).map(({ line, what }) => `${line}: ${what}`);

describe('a Coq file', () => {
  it('is split into sentences, whatever comments and strings have in them', () => {
    const text = '(* A. (* B. *) "*)" *)\nDefinition a := "x. (* y".\nDefinition b := 1.5.\n- auto. } { simpl. }';
    expect(
      sourceSentences('Definition a := "x. (* y".\n(* one. (* two. *) *) Check a.').map(({ text: one }) => one),
    ).toEqual(['Definition a := "x. (* y".', 'Check a.']);
    expect(() => sourceSentences(text)).not.toThrow();
  });

  it.each([
    'Declare ML Module "evil".',
    'Load other.',
    'Redirect "file" Print nat.',
    'Extraction "file.ml" nat.',
    'Recursive Extraction nat.',
    'Separate Extraction nat.',
    'Cd "/".',
    'Add LoadPath "/" as X.',
    'Drop.',
    'Unset Guard Checking.',
    'Primitive int := #int63_type.',
    'From Other Require Import Thing.',
    '#[local] Extract Constant a => "evil".',
    'Nonsense here.',
  ])('may not say %s', (sentence) => {
    expect(objections(`Definition a := 1.\n\n${sentence}`)).toEqual([expect.stringMatching(/^3: /)]);
  });

  it('may say what developments say', () => {
    const text = `From Coq Require Import List ZArith.
Require Import Verified.Other.
Import ListNotations.
Section S.
Variable A : Type.
Inductive tree := Leaf | Node (left : tree) (value : A) (right : tree).
Notation "a <+> b" := (app a b) (at level 60).
Theorem t : forall x : nat, x = x.
Proof.
  intros x; induction x as [|x' IH].
  - reflexivity.
  - { now f_equal. }
  1, 2: auto.
  all: try lia.
Qed.
End S.`;
    expect(objections(text)).toEqual([]);
    expect(siblingsOf(sourceSentences(text))).toEqual(['Other']);
    expect(siblingsOf(sourceSentences('From Verified Require Import A B.'))).toEqual(['A', 'B']);
  });

  it('has definitions with their modules, fields by their names, and theorems as they are written', () => {
    const { definitions, fields, theorems } = read(`
Module M. Definition inner := 1. End M.
Section S. Fixpoint even n := n with odd (n : nat) := n. End S.
Record point (A : Type) := mk { px : A; py : nat }.
Record pair := { one : nat; two : nat }.
Inductive tree := Leaf | Node (left : tree) (x y : nat) : tree.
Theorem right : forall n, even n = n. Proof. auto. Qed.
Module Type T. Definition not_there := 1. End T.`);
    expect(definitions.map(({ name }) => name)).toEqual(['M.inner', 'even', 'odd', 'point', 'pair', 'tree']);
    expect(Object.fromEntries(fields)).toEqual({
      mk: ['px', 'py'],
      Build_pair: ['one', 'two'],
      Node: ['left', 'x', 'y'],
    });
    expect(theorems).toEqual([{ name: 'right', statement: 'forall n, even n = n' }]);
  });

  it('is refused by name where it has no end, or universes of its own', () => {
    const { refused } = read('CoInductive stream := Cons : nat -> stream -> stream.\nPolymorphic Definition id := 1.');
    expect(refused.map(({ name, line, what }) => `${line} ${name}: ${what}`)).toEqual([
      expect.stringMatching(/^1 stream: coinduction/),
      expect.stringMatching(/^2 id: universes/),
    ]);
  });
});
