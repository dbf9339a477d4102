(** Insertion sort on lists of integers, with its proof: the result is sorted, it is a permutation of what was given,
    and so it is the one sorted list with those elements. Two ways to insert are given: the one of the textbook, whose
    recursion is as deep as the list is long, and one with an accumulator, which extracts to a loop. They are proved
    equal. *)

From Coq Require Import ZArith List Sorted Permutation Lia.
Import ListNotations.
Open Scope Z_scope.

Fixpoint insert (x : Z) (l : list Z) : list Z :=
  match l with
  | [] => [x]
  | y :: rest => if x <=? y then x :: l else y :: insert x rest
  end.

Fixpoint sort (l : list Z) : list Z :=
  match l with
  | [] => []
  | x :: rest => insert x (sort rest)
  end.

(** [passed] holds, last first, the elements that [x] has moved past. *)
Fixpoint insert_after (passed : list Z) (x : Z) (l : list Z) : list Z :=
  match l with
  | [] => rev_append passed [x]
  | y :: rest => if x <=? y then rev_append passed (x :: l) else insert_after (y :: passed) x rest
  end.

(** [sorted] holds the elements that are sorted already. *)
Fixpoint sort_onto (sorted l : list Z) : list Z :=
  match l with
  | [] => sorted
  | x :: rest => sort_onto (insert_after [] x sorted) rest
  end.

Definition sort_in_loop (l : list Z) : list Z := sort_onto [] l.

Fixpoint is_sorted (l : list Z) : bool :=
  match l with
  | x :: (y :: _) as rest => (x <=? y) && is_sorted rest
  | _ => true
  end.

Lemma insert_permutes : forall x l, Permutation (x :: l) (insert x l).
Proof.
  intros x l. induction l as [| y rest IH]; simpl; auto.
  destruct (x <=? y); auto.
  eapply Permutation_trans; [apply perm_swap |]. auto.
Qed.

Lemma insert_keeps_order : forall x l, StronglySorted Z.le l -> StronglySorted Z.le (insert x l).
Proof.
  intros x l H. induction H as [| y rest H IH A]; simpl.
  - repeat constructor.
  - destruct (Z.leb_spec x y).
    + constructor; [constructor; assumption |].
      constructor; [assumption |].
      eapply Forall_impl; [| exact A]. simpl. lia.
    + constructor; [exact IH |].
      eapply Permutation_Forall; [apply insert_permutes |].
      constructor; [lia | exact A].
Qed.

Theorem sort_permutes : forall l, Permutation l (sort l).
Proof.
  induction l as [| x rest IH]; simpl; auto.
  eapply Permutation_trans; [| apply insert_permutes]. auto.
Qed.

Theorem sort_sorts : forall l, StronglySorted Z.le (sort l).
Proof.
  induction l as [| x rest IH]; simpl.
  - constructor.
  - apply insert_keeps_order. exact IH.
Qed.

Lemma sorted_permutation_unique :
  forall a b, StronglySorted Z.le a -> StronglySorted Z.le b -> Permutation a b -> a = b.
Proof.
  intros a b Sa. revert b. induction Sa as [| x a Sa IH Fa]; intros b Sb P.
  - symmetry. apply Permutation_nil. exact P.
  - destruct Sb as [| y b Sb Fb].
    + apply Permutation_sym, Permutation_nil in P. discriminate.
    + assert (x = y) as <-.
      { assert (In y (x :: a)) as [? | Iy] by (eapply Permutation_in; [apply Permutation_sym; exact P | now left]); auto.
        assert (In x (y :: b)) as [? | Ix] by (eapply Permutation_in; [exact P | now left]); auto.
        rewrite Forall_forall in Fa, Fb. specialize (Fa y Iy). specialize (Fb x Ix). lia. }
      f_equal. apply IH; [exact Sb |]. eapply Permutation_cons_inv. exact P.
Qed.

(** Whatever sorts, sorts as [sort] does. *)
Theorem sort_is_the_only_one :
  forall l sorted, StronglySorted Z.le sorted -> Permutation l sorted -> sorted = sort l.
Proof.
  intros l sorted S P. apply sorted_permutation_unique; [exact S | apply sort_sorts |].
  eapply Permutation_trans; [apply Permutation_sym; exact P | apply sort_permutes].
Qed.

Theorem sort_idempotent : forall l, sort (sort l) = sort l.
Proof.
  intros l. symmetry. apply sort_is_the_only_one; [apply sort_sorts | apply Permutation_refl].
Qed.

Lemma insert_after_spec : forall x l passed, insert_after passed x l = rev passed ++ insert x l.
Proof.
  intros x l. induction l as [| y rest IH]; intros passed; simpl.
  - apply rev_append_rev.
  - destruct (x <=? y).
    + apply rev_append_rev.
    + rewrite IH. simpl. rewrite <- app_assoc. reflexivity.
Qed.

Lemma sort_onto_permutes : forall l sorted, Permutation (sorted ++ l) (sort_onto sorted l).
Proof.
  induction l as [| x rest IH]; intros sorted; simpl.
  - rewrite app_nil_r. apply Permutation_refl.
  - eapply Permutation_trans; [| apply IH].
    rewrite insert_after_spec. simpl.
    eapply Permutation_trans; [apply Permutation_sym, Permutation_middle |].
    change (x :: sorted ++ rest) with ((x :: sorted) ++ rest).
    apply Permutation_app_tail, insert_permutes.
Qed.

Lemma sort_onto_sorts :
  forall l sorted, StronglySorted Z.le sorted -> StronglySorted Z.le (sort_onto sorted l).
Proof.
  induction l as [| x rest IH]; intros sorted S; simpl; [exact S |].
  apply IH. rewrite insert_after_spec. apply insert_keeps_order. exact S.
Qed.

Theorem sort_in_loop_spec : forall l, sort_in_loop l = sort l.
Proof.
  intros l. apply sort_is_the_only_one.
  - apply sort_onto_sorts. constructor.
  - apply (sort_onto_permutes l []).
Qed.

Theorem is_sorted_spec : forall l, is_sorted l = true <-> Sorted Z.le l.
Proof.
  induction l as [| x [| y rest] IH].
  - split; [constructor | reflexivity].
  - split; [repeat constructor | reflexivity].
  - change (is_sorted (x :: y :: rest)) with ((x <=? y) && is_sorted (y :: rest))%bool.
    rewrite Bool.andb_true_iff, IH, Z.leb_le. split.
    + intros [L S]. constructor; [exact S | constructor; exact L].
    + intros S. inversion S as [| ? ? S' H]; subst. inversion H; subst. auto.
Qed.

Theorem sort_is_sorted : forall l, is_sorted (sort l) = true.
Proof.
  intros l. apply is_sorted_spec, StronglySorted_Sorted, sort_sorts.
Qed.
