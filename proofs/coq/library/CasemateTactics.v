(** What closes the goals of exported programs. Nothing rests on it: whatever a tactic here comes to, Coq checks.

    [cm_walk] goes through a definition as it computes, until only goals about numbers and arrays are left. [cm_close]
    closes those: it says what is known of each element of an array that is mentioned, uses what holds for all indices at
    the indices that are there, and leaves the rest to lia and nia. *)
Require Import ZArith List Bool Lia ZifyBool.
Require Import Verified.Casemate.
Import ListNotations.
Open Scope Z_scope.

Ltac Zify.zify_post_hook ::= Z.to_euclidean_division_equations.

(** Said once of each term. *)
Definition cm_said {A : Type} (_ : A) : Prop := True.
Ltac cm_new term :=
  lazymatch goal with
  | _ : cm_said term |- _ => fail
  | _ => assert (cm_said term) by exact I
  end.

(** * Truths *)

Lemma cm_eqb_bool a b : Bool.eqb a b = true <-> (a = true <-> b = true).
Proof. destruct a, b; simpl; intuition congruence. Qed.
Lemma cm_not_true b : ~ b = true -> b = false.
Proof. destruct b; congruence. Qed.

Ltac cm_facts :=
  repeat match goal with
  | held : cm_between _ _ _ = true |- _ => apply cm_between_spec in held
  | held : cm_safe _ = true |- _ => apply cm_safe_spec in held
  | held : cm_inside _ _ = true |- _ => apply cm_inside_spec in held
  | held : (_ && _) = true |- _ => apply andb_prop in held
  | held : (_ || _) = false |- _ => apply orb_false_elim in held
  | held : (_ || _) = true |- _ => apply orb_true_iff in held
  | held : (_ && _) = false |- _ => apply andb_false_iff in held
  | held : negb _ = true |- _ => apply negb_true_iff in held
  | held : negb _ = false |- _ => apply negb_false_iff in held
  | held : (_ <? _) = true |- _ => apply Z.ltb_lt in held
  | held : (_ <? _) = false |- _ => apply Z.ltb_ge in held
  | held : (_ <=? _) = true |- _ => apply Z.leb_le in held
  | held : (_ <=? _) = false |- _ => apply Z.leb_gt in held
  | held : (_ =? _) = true |- _ => apply Z.eqb_eq in held
  | held : (_ =? _) = false |- _ => apply Z.eqb_neq in held
  | held : Bool.eqb _ _ = true |- _ => apply cm_eqb_bool in held
  | held : true = false |- _ => discriminate held
  | held : false = true |- _ => discriminate held
  | held : true = true |- _ => clear held
  | held : False |- _ => destruct held
  | held : True |- _ => clear held
  | held : _ /\ _ |- _ => destruct held
  | held : exists _, _ |- _ => destruct held
  | held : ~ (_ = true) |- _ => apply cm_not_true in held
  | held : ?x = ?x |- _ => clear held
  end.

Ltac cm_goal :=
  repeat match goal with
  | |- _ /\ _ => split
  | |- _ <-> _ => split
  | |- forall _, _ => intros
  | |- ~ _ => intro
  | |- True => exact I
  | |- cm_between _ _ _ = true => apply cm_between_spec
  | |- cm_safe _ = true => apply cm_safe_spec
  | |- cm_inside _ _ = true => apply cm_inside_spec
  | |- (_ && _) = true => apply andb_true_intro
  | |- (_ || _) = true => apply orb_true_iff
  | |- negb _ = true => apply negb_true_iff
  | |- (_ <? _) = true => apply Z.ltb_lt
  | |- (_ <? _) = false => apply Z.ltb_ge
  | |- (_ <=? _) = true => apply Z.leb_le
  | |- (_ <=? _) = false => apply Z.leb_gt
  | |- (_ =? _) = true => apply Z.eqb_eq
  | |- (_ =? _) = false => apply Z.eqb_neq
  | |- Bool.eqb _ _ = true => apply cm_eqb_bool
  end.

(** Linear arithmetic alone: without what holds under conditions, and with quotients as numbers of which nothing is known,
    since lia would look at each case of each of them. *)
Ltac cm_plainly :=
  repeat match goal with
  | held : ?given -> _ |- _ => lazymatch type of given with Prop => clear held end
  end;
  repeat match goal with
  | |- context [Z.quot ?a ?b] => cm_opaque (Z.quot a b)
  | _ : context [Z.quot ?a ?b] |- _ => cm_opaque (Z.quot a b)
  | |- context [Z.rem ?a ?b] => cm_opaque (Z.rem a b)
  | _ : context [Z.rem ?a ?b] |- _ => cm_opaque (Z.rem a b)
  | |- context [Z.div ?a ?b] => cm_opaque (Z.div a b)
  | _ : context [Z.div ?a ?b] |- _ => cm_opaque (Z.div a b)
  | |- context [Z.modulo ?a ?b] => cm_opaque (Z.modulo a b)
  | _ : context [Z.modulo ?a ?b] |- _ => cm_opaque (Z.modulo a b)
  end
with cm_opaque term := let n := fresh "n" in set (n := term) in *; clearbody n.
Ltac cm_light := cm_plainly; first [assumption | lia].

(** * Bits *)

Ltac cm_constant term := lazymatch term with Z0 => idtac | Zpos ?p => cm_digits p | Zneg ?p => cm_digits p end
with cm_digits p := lazymatch p with xH => idtac | xO ?q => cm_digits q | xI ?q => cm_digits q end.

Ltac cm_power n := let p := eval vm_compute in (2 ^ n) in p.

(** No operation on bits is in the term, so it is time to take the one around it apart. *)
Ltac cm_flat term :=
  lazymatch term with
  | context [Z.shiftr _ _] => fail
  | context [Z.shiftl _ _] => fail
  | context [Z.land _ _] => fail
  | context [Z.lor _ _] => fail
  | context [Z.lxor _ _] => fail
  | context [cm_signed _ _] => fail
  | context [cm_unsigned _ _] => fail
  | context [Z.div _ _] => fail
  | context [Z.modulo _ _] => fail
  | context [Z.rem _ _] => fail
  | context [Z.quot _ _] => fail
  | _ => idtac
  end.

Ltac cm_becomes term other proof :=
  let e := fresh in assert (e : term = other) by proof; rewrite !e in *; clear e.

(** The quotient of a and a constant, from now on a number of which its bounds are known. *)
Ltac cm_divide a p :=
  lazymatch p with
  | 1 => cm_becomes (a / 1) a ltac:(apply Z.div_1_r)
  | _ =>
      first [
        cm_becomes (a / p) 0 ltac:(apply Z.div_small; cm_light)
      | pose proof (cm_quotient a p eq_refl); let q := fresh "q" in set (q := a / p) in *; clearbody q ]
  end.

Ltac cm_any_divide a b :=
  pose proof (cm_quotient a b ltac:(lia)); let q := fresh "q" in set (q := a / b) in *; clearbody q;
  try (assert (0 <= q) by nia).

Ltac cm_remainder a p :=
  first [
    cm_becomes (a mod p) a ltac:(apply Z.mod_small; cm_light)
  | cm_becomes (a mod p) (a - p * (a / p)) ltac:(apply Z.mod_eq; discriminate); cm_divide a p ].

Ltac cm_lowest m := let r := eval vm_compute in (Z.land m (- m)) in r.

(** a & m: run by run of ones in m. *)
Ltac cm_mask a m :=
  lazymatch m with
  | 0 => cm_becomes (Z.land a 0) 0 ltac:(apply Z.land_0_r)
  | Zneg _ => let r := eval vm_compute in (- m - 1) in cm_becomes (Z.land a m) (a - Z.land a r) ltac:(apply (cm_land_not a m))
  | _ =>
      let low := cm_lowest m in
      let run := eval vm_compute in (Z.land m (Z.lnot (m + low))) in
      let rest := eval vm_compute in (m - run) in
      let high := eval vm_compute in (run + low) in
      lazymatch rest with
      | 0 =>
          let l := eval vm_compute in (Z.log2 low) in
          let h := eval vm_compute in (Z.log2 high) in
          cm_becomes (Z.land a m) (a mod high - a mod low) ltac:(apply (cm_land_run a l h); lia);
          cm_remainder a high; lazymatch low with 1 => rewrite ?Z.mod_1_r in * | _ => cm_remainder a low end
      | _ =>
          cm_becomes (Z.land a m) (Z.land a run + Z.land a rest) ltac:(apply (cm_land_split a run rest); reflexivity);
          cm_mask a run; cm_mask a rest
      end
  end.

Ltac cm_below lemma a b :=
  first [
    pose proof (lemma 8 a b ltac:(lia) ltac:(simpl; lia) ltac:(simpl; lia))
  | pose proof (lemma 16 a b ltac:(lia) ltac:(simpl; lia) ltac:(simpl; lia))
  | pose proof (lemma 32 a b ltac:(lia) ltac:(simpl; lia) ltac:(simpl; lia))
  | pose proof (lemma 64 a b ltac:(lia) ltac:(simpl; lia) ltac:(simpl; lia))
  | idtac ].

Ltac cm_sum_at k a b :=
  let p := cm_power k in
  cm_becomes (Z.lor a b) (a + b) ltac:(apply (cm_lor_add a b k); [lia | change (2 ^ k) with p; lia | change (2 ^ k) with p; lia]).

(** A bit operation with constants, as sums and quotients. *)
Ltac cm_bits_in term :=
  lazymatch term with
  | Z.modulo ?a ?b =>
      cm_flat a; tryif cm_constant b
      then (tryif cm_constant a
        then (let v := eval vm_compute in (Z.modulo a b) in change (Z.modulo a b) with v in *)
        else cm_remainder a b)
      else (cm_flat b; cm_becomes (a mod b) (a - b * (a / b)) ltac:(apply Z.mod_eq; lia); cm_any_divide a b)
  | Z.div ?a ?b => cm_flat a; tryif cm_constant b then cm_divide a b else (cm_flat b; cm_any_divide a b)
  | Z.rem ?a ?b => cm_flat a; cm_flat b; cm_becomes (Z.rem a b) (a mod b) ltac:(apply Z.rem_mod_nonneg; first [cm_light | lia])
  | Z.quot ?a ?b => cm_flat a; cm_flat b; cm_becomes (Z.quot a b) (a / b) ltac:(apply Z.quot_div_nonneg; first [cm_light | lia])
  | Z.shiftr ?a ?k =>
      cm_constant k; cm_flat a; let p := cm_power k in
      cm_becomes (Z.shiftr a k) (a / p) ltac:(rewrite Z.shiftr_div_pow2 by lia; reflexivity); cm_divide a p
  | Z.shiftl ?a ?k =>
      cm_constant k; let p := cm_power k in
      cm_becomes (Z.shiftl a k) (a * p) ltac:(rewrite Z.shiftl_mul_pow2 by lia; reflexivity)
  | Z.land ?m ?a => cm_constant m; cm_becomes (Z.land m a) (Z.land a m) ltac:(apply Z.land_comm)
  | Z.land ?a ?m =>
      cm_flat a;
      tryif cm_constant m then cm_mask a m
      else (cm_flat m; try (pose proof (cm_land_natural a m ltac:(lia))); let n := fresh "n" in set (n := Z.land a m) in *; clearbody n)
  | Z.lor ?a ?b =>
      cm_flat a; cm_flat b;
      first [
        cm_sum_at 8 a b | cm_sum_at 4 a b | cm_sum_at 6 a b | cm_sum_at 2 a b | cm_sum_at 16 a b | cm_sum_at 24 a b
      | cm_sum_at 12 a b | cm_sum_at 18 a b
      | cm_below cm_lor_below a b; let n := fresh "n" in set (n := Z.lor a b) in *; clearbody n ]
  | Z.lxor ?a ?b =>
      cm_flat a; cm_flat b; cm_below cm_lxor_below a b; let n := fresh "n" in set (n := Z.lxor a b) in *; clearbody n
  | cm_unsigned ?n (cm_signed ?n ?x) => rewrite !(cm_unsigned_signed n x) in *
  | cm_signed ?n (cm_unsigned ?n ?x) => rewrite !(cm_signed_unsigned n x) in *
  | cm_unsigned ?n ?x =>
      cm_flat x; let p := cm_power n in
      cm_becomes (cm_unsigned n x) (x mod p) ltac:(reflexivity); cm_remainder x p
  | cm_signed ?n ?x =>
      cm_flat x;
      first [
        cm_becomes (cm_signed n x) x ltac:(apply cm_signed_small; simpl; lia)
      | let p := cm_power n in let h := cm_power (n - 1) in
        cm_becomes (cm_signed n x) ((x + h) mod p - h) ltac:(reflexivity); cm_remainder (x + h) p ]
  end.

Ltac cm_bits :=
  repeat match goal with
  | |- context [Z.modulo ?a ?b] => cm_bits_in (Z.modulo a b)
  | _ : context [Z.modulo ?a ?b] |- _ => cm_bits_in (Z.modulo a b)
  | |- context [Z.rem ?a ?b] => cm_bits_in (Z.rem a b)
  | _ : context [Z.rem ?a ?b] |- _ => cm_bits_in (Z.rem a b)
  | |- context [Z.quot ?a ?b] => cm_bits_in (Z.quot a b)
  | _ : context [Z.quot ?a ?b] |- _ => cm_bits_in (Z.quot a b)
  | |- context [Z.shiftr ?a ?b] => cm_bits_in (Z.shiftr a b)
  | _ : context [Z.shiftr ?a ?b] |- _ => cm_bits_in (Z.shiftr a b)
  | |- context [Z.shiftl ?a ?b] => cm_bits_in (Z.shiftl a b)
  | _ : context [Z.shiftl ?a ?b] |- _ => cm_bits_in (Z.shiftl a b)
  | |- context [Z.land ?a ?b] => cm_bits_in (Z.land a b)
  | _ : context [Z.land ?a ?b] |- _ => cm_bits_in (Z.land a b)
  | |- context [Z.lor ?a ?b] => cm_bits_in (Z.lor a b)
  | _ : context [Z.lor ?a ?b] |- _ => cm_bits_in (Z.lor a b)
  | |- context [Z.lxor ?a ?b] => cm_bits_in (Z.lxor a b)
  | _ : context [Z.lxor ?a ?b] |- _ => cm_bits_in (Z.lxor a b)
  | |- context [cm_unsigned ?a ?b] => cm_bits_in (cm_unsigned a b)
  | _ : context [cm_unsigned ?a ?b] |- _ => cm_bits_in (cm_unsigned a b)
  | |- context [cm_signed ?a ?b] => cm_bits_in (cm_signed a b)
  | _ : context [cm_signed ?a ?b] |- _ => cm_bits_in (cm_signed a b)
  | |- context [Z.div ?a ?b] => cm_bits_in (Z.div a b)
  | _ : context [Z.div ?a ?b] |- _ => cm_bits_in (Z.div a b)
  end.

(** * A number of which there are few: each of its values by itself *)

Ltac cm_computed := intros; vm_compute in *; intuition (discriminate || congruence).

(** Where it is worth it. *)
Ltac cm_has_bits :=
  lazymatch goal with
  | |- context [Z.land _ _] => idtac
  | |- context [Z.lor _ _] => idtac
  | |- context [Z.lxor _ _] => idtac
  | |- context [Z.shiftr _ _] => idtac
  end.

Ltac cm_enumerate :=
  cm_has_bits;
  lazymatch goal with
  | |- context [cm_get _ _ _] => fail
  | _ => idtac
  end;
  repeat match goal with e : ?v = _ |- _ => is_var v; subst v end;
  match goal with
  | low : 0 <= ?x, top : ?x <= ?high |- context [?x] =>
      is_var x; cm_constant high; let bound := fresh "bound" in assert (bound : 0 <= x <= high) by (split; assumption);
      let small := eval vm_compute in (high <=? 255) in constr_eq small true;
      let count := eval vm_compute in (Z.to_nat (high + 1)) in
      repeat match goal with
      | other : ?fact |- _ =>
          lazymatch fact with context [x] => idtac | _ => fail end;
          tryif constr_eq other bound then fail else revert other
      end;
      revert bound; revert x;
      refine (cm_few _ high count eq_refl _); 
      repeat (eapply cm_all_one; [ vm_compute; reflexivity | cbv beta; solve [cm_computed] | ]); exact I
  end.

(** * Arrays *)

(** Names of arrays and records that stand for others. *)
Ltac cm_names :=
  repeat match goal with
  | held : ?x = ?y |- _ =>
      is_var x;
      lazymatch type of x with Z => fail | _ => subst x end
  end;
  repeat match goal with
  | held : cm_count _ = cm_count _ |- _ => progress rewrite ?cm_count_set in held
  | |- context [cm_count (cm_set ?a ?i ?v)] => rewrite (cm_count_set a i v)
  | held : context [cm_count (cm_set ?a ?i ?v)] |- _ => rewrite (cm_count_set a i v) in held
  end.

Ltac cm_cheap := lia.

(** An element behind a store. *)
Ltac cm_stores :=
  repeat match goal with
  | |- context [cm_get ?d (cm_set ?a ?i ?v) ?j] => cm_store d a i v j
  | _ : context [cm_get ?d (cm_set ?a ?i ?v) ?j] |- _ => cm_store d a i v j
  | |- context [cm_get 0 (cm_zeros ?n) ?j] => rewrite (cm_get_zeros n j)
  | held : context [cm_get 0 (cm_zeros ?n) ?j] |- _ => rewrite (cm_get_zeros n j) in held
  end
with cm_store d a i v j :=
  let e := fresh in
  assert (e : cm_get d (cm_set a i v) j = if j =? i then v else cm_get d a j)
    by (apply cm_get_set; rewrite ?cm_count_set; cm_cheap);
  rewrite !e in *; clear e; destruct (Z.eqb_spec j i).

Ltac cm_elements :=
  repeat match goal with
  | typed : cm_array ?l ?h ?a |- _ =>
      cm_new (cm_array l h a); pose proof (cm_array_count _ _ _ typed)
  | typed : cm_array ?l ?h ?a |- context [cm_get 0 ?a ?i] =>
      cm_new (cm_get 0 a i);
      try assert (l <= cm_get 0 a i <= h) by (apply (cm_array_get _ _ _ _ typed); cm_cheap)
  | typed : cm_array ?l ?h ?a, _ : context [cm_get 0 ?a ?i] |- _ =>
      cm_new (cm_get 0 a i);
      try assert (l <= cm_get 0 a i <= h) by (apply (cm_array_get _ _ _ _ typed); cm_cheap)
  end.

(** What holds for all indices, at the index [i]. *)
Ltac cm_instances :=
  repeat match goal with
  | all : forall i, ?l <= i < ?h -> _ |- context [cm_get _ _ ?j] => cm_instance all j
  | all : forall i, ?l <= i < ?h -> _, _ : context [cm_get _ _ ?j] |- _ => cm_instance all j
  end
with cm_instance all j :=
  cm_new (all, j); let held := fresh "held" in pose proof (all j) as held;
  match type of held with
  | ?bounds -> _ =>
      tryif (let b := fresh in assert (b : bounds) by cm_cheap; specialize (held b)) then cbv beta in held
      else (match type of held with _ -> forall _, _ => clear held | _ => idtac end)
  end.

(** Equal indices have equal elements. *)
Ltac cm_equals :=
  repeat match goal with
  | |- context [cm_get ?d ?a ?i] => cm_equal d a i
  | _ : context [cm_get ?d ?a ?i] |- _ => cm_equal d a i
  end
with cm_equal d a i :=
  match goal with
  | |- context [cm_get d a ?j] => cm_pair d a i j
  | _ : context [cm_get d a ?j] |- _ => cm_pair d a i j
  end
with cm_pair d a i j :=
  tryif constr_eq i j then fail else
  lazymatch goal with
  | _ : cm_said (i, j, a) |- _ => fail
  | _ : cm_said (j, i, a) |- _ => fail
  | _ => assert (cm_said (i, j, a)) by exact I; assert (i = j -> cm_get d a i = cm_get d a j) by (intros ->; reflexivity)
  end.

(** Multiples of one number. *)
Ltac cm_products :=
  repeat match goal with
  | _ : context [?b * ?x], _ : context [?b * ?y] |- _ =>
      tryif constr_eq x y then fail else
      (is_var x; is_var y; cm_new (b, x, y); pose proof (cm_multiples b x y ltac:(lia)))
  end.

Ltac cm_arrays :=
  repeat match goal with
  | |- cm_array _ _ (cm_set _ _ _) => apply cm_array_set; rewrite ?cm_count_set
  | |- cm_array _ _ (cm_zeros _) => apply cm_array_zeros
  | |- cm_array _ _ _ => assumption
  end.

Ltac cm_branches :=
  repeat match goal with
  | |- context [if ?b then _ else _] => let e := fresh "e" in destruct b eqn:e
  | _ : context [if ?b then _ else _] |- _ => let e := fresh "e" in destruct b eqn:e
  end.

(** The same, of the goal alone. *)
Ltac cm_choices := repeat match goal with |- context [if ?b then _ else _] => let e := fresh "e" in destruct b eqn:e end.

Ltac cm_quick := first [assumption | reflexivity | lia | congruence | solve [intuition (lia || congruence)]].

(** Where lia would have cases to look at, those are taken apart first. *)
Ltac cm_no_quotients :=
  lazymatch goal with
  | |- context [Z.quot _ _] => fail
  | _ : context [Z.quot _ _] |- _ => fail
  | |- context [Z.rem _ _] => fail
  | _ : context [Z.rem _ _] |- _ => fail
  | _ => idtac
  end.

Ltac cm_values := idtac.

(** The parts of what is known; of what holds under a condition, that whose condition is known to hold. *)
Ltac cm_take held :=
  lazymatch type of held with
  | _ /\ _ =>
      let a := fresh "held" in let b := fresh "held" in destruct held as [a b]; cm_take a; cm_take b
  | ?given -> _ =>
      lazymatch type of given with
      | Prop =>
          let g := fresh "given" in
          tryif assert (g : given) by (cm_goal; cm_light) then (specialize (held g); cm_take held) else clear held
      | _ => idtac
      end
  | _ => idtac
  end.

(** What contracts say of values of functions in clauses. *)
Ltac cm_value_facts := idtac.
Ltac cm_value_fact otherwise theorem requires ensures said :=
  cm_new said;
  let held := fresh "held" in
  try (
    assert (held : _) by (eapply (cm_ends_value otherwise); apply theorem; requires; cm_goal; cm_light);
    destruct held as [_ held]; ensures held; cm_take held).

(** The same on both sides, given which way was come. *)
Ltac cm_same :=
  repeat match goal with e : ?x = _ |- _ => is_var x; subst x | e : _ = ?x |- _ => is_var x; subst x end;
  repeat match goal with
  | way : ?b = true |- context [?b] => rewrite way
  | way : ?b = false |- context [?b] => rewrite way
  end;
  cbn [andb orb negb implb]; first [reflexivity | rewrite ?andb_true_r, ?andb_false_r, ?orb_true_r, ?orb_false_r; reflexivity].

(** Fields of records that were just made. *)
Ltac cm_fields := idtac.

(** Two indices that are one: what is said of bits at the one is said at the other. *)
Ltac cm_merge :=
  cm_has_bits; cm_facts; cm_instances; cm_facts;
  match goal with
  | _ : context [cm_get _ ?a ?j] |- context [cm_get _ ?a ?i] =>
      is_var i; is_var j;
      tryif constr_eq i j then fail else
      (let e := fresh "e" in assert (e : i = j) by lia; rewrite e in *; first [assumption | cm_quick])
  end.

Ltac cm_close_now :=
  cbv beta iota in *; cm_fields; cm_values; cm_goal;
  try solve [cm_same];
  cm_facts; cm_names; cm_arrays; cm_goal;
  try solve [cm_enumerate];
  try solve [cm_light];
  try (cm_no_quotients; cm_quick);
  cm_choices; cm_value_facts; try solve [cm_light]; cm_fields; cm_branches; cm_facts; cm_goal; try solve [cm_merge]; cm_bits; cm_stores; cm_elements; cm_instances; cm_elements; cm_instances; cm_facts;
  try cm_quick; cm_equals; try cm_quick; cm_products; try solve [lia];
  try solve [
    match goal with
    | |- ?a \/ ?b =>
        let h := fresh "h" in
        first [
          assert (h : a \/ ~ a) by cm_decide; destruct h as [h|h]; [left; exact h | right; solve [cm_close_again]]
        | left; solve [cm_close_again] | right; solve [cm_close_again]]
    | |- exists _, _ => cm_exists
    end];
  try solve [nia]
with cm_decide := first [lia | match goal with |- context [?b = true] => destruct b; intuition congruence end]
with cm_close_again :=
  cm_goal; try solve [cm_exists]; cm_facts; cm_bits; cm_elements; cm_instances; cm_facts; try cm_quick; cm_equals; cm_quick
with cm_exists :=
  match goal with
  | _ : context [cm_get _ _ ?i] |- _ => exists i; solve [cm_close_again]
  | i : Z |- _ => exists i; solve [cm_close_again]
  end.

Ltac cm_close := solve [cm_close_now].

(** * Walking through a definition *)

(** A call of a function that something is proved of; proofs of a program say of which. *)
Ltac cm_call := fail.

Ltac cm_walk_step :=
  cbv beta iota;
  lazymatch goal with
  | |- cm_ends (Ok _) _ _ => apply cm_ends_ok
  | |- cm_ends (Throws _) _ _ => apply cm_ends_throws
  | |- cm_ends (cm_need _ _) _ _ => apply cm_ends_need; [ | intro]
  | |- cm_ends (cm_claim _ _) _ _ => apply cm_ends_claim; [ | intro]
  | |- cm_ends (let join := ?value in @?rest join) ?P ?T =>
      lazymatch type of value with
      | _ -> _ => let j := fresh "join" in pose (j := value); change (cm_ends (rest j) P T)
      | _ => let named := fresh "x" in let e := fresh "e" in apply cm_ends_let; intros named e
      end
  | |- cm_ends (cm_bind (cm_loop_with _ _ _ _ _) _) _ _ =>
      eapply cm_ends_loop; [ | | let before := fresh "state" in let held := fresh "held" in intros before held]
  | |- cm_ends (cm_bind _ _) _ _ => first [cm_call | apply cm_ends_bind]
  | |- cm_ends (if _ then _ else _) _ _ => apply cm_ends_if; intro
  | |- cm_ends (match ?turn with Again _ => _ | Leave _ => _ | Return _ => _ end) _ _ => destruct turn
  | |- cm_ends (match ?pair with pair _ _ => _ end) _ _ => destruct pair
  | |- cm_ends (?f _ _ _ _ _ _) _ _ => is_var f; unfold f
  | |- cm_ends (?f _ _ _ _ _) _ _ => is_var f; unfold f
  | |- cm_ends (?f _ _ _ _) _ _ => is_var f; unfold f
  | |- cm_ends (?f _ _ _) _ _ => is_var f; unfold f
  | |- cm_ends (?f _ _) _ _ => is_var f; unfold f
  | |- cm_ends (?f _) _ _ => is_var f; unfold f
  end.

Ltac cm_walk := repeat cm_walk_step.

(** * Obligations, whose arrays are functions from Z to Z *)

Ltac cm_lets :=
  repeat match goal with
  | x := ?value : Z |- _ => let e := fresh "e" in assert (e : x = value) by reflexivity; clearbody x
  | x := _ : Prop |- _ => unfold x in *; clear x
  end.

Ltac cm_at all j :=
  cm_new (all, j); let held := fresh "held" in pose proof (all j) as held; cbv beta in held;
  repeat match type of held with
  | ?given -> _ => let h := fresh in assert (h : given) by lia; specialize (held h); clear h
  end.

(** What holds for all indices, at those of the goal. *)
Ltac cm_at_goal :=
  repeat match goal with
  | a : Z -> Z, all : forall i : Z, _ |- context [?a ?j] =>
      lazymatch type of all with Z -> Z => fail | Z -> _ -> Z => fail | _ => cm_at all j end
  end.

Ltac cm_at_all :=
  repeat match goal with
  | a : Z -> Z, all : forall i : Z, _, _ : context [?a ?j] |- _ =>
      lazymatch type of all with Z -> Z => fail | Z -> _ -> Z => fail | _ => cm_at all j end
  end.

Ltac cm_same_indices :=
  repeat match goal with
  | a : Z -> Z |- context [?a ?i] =>
      match goal with
      | _ : context [a ?j] |- _ =>
          tryif constr_eq i j then fail else
          (cm_new (a, i, j); assert (i = j -> a i = a j) by (intros ->; reflexivity))
      end
  end.

Ltac cm_fast := first [assumption | lia | congruence].

(** Which way was come, and what is known of it. *)
Ltac cm_paths :=
  repeat match goal with
  | b : bool, _ : context [?c = true -> _] |- _ => constr_eq b c; destruct b
  | held : true = true -> _ |- _ => specialize (held eq_refl)
  | held : false = true -> _ |- _ => clear held
  | held : ~ (true = true) -> _ |- _ => clear held
  | held : ~ (false = true) -> _ |- _ => specialize (held ltac:(discriminate))
  end;
  cm_facts;
  repeat match goal with
  | held : ?given -> ?said |- _ =>
      lazymatch type of given with Prop => idtac end;
      let h := fresh in
      first [ assert (h : given) by (clear held; cm_small) | assert (h : ~ given) by (clear held; cm_small); clear held ];
      try specialize (held h); clear h
  end;
  cm_facts
with cm_small := first [assumption | timeout 2 lia].

Ltac cm_obligation_now :=
  intros; cm_lets; cm_facts; cm_goal; cm_facts;
  try timeout 3 cm_fast;
  cm_paths; try cm_fast;
  cm_at_goal; try cm_fast;
  cm_same_indices; try cm_fast;
  try solve [cm_enumerate];
  cm_branches; cm_facts; cm_goal; cm_bits; try cm_fast;
  cm_at_all; try cm_fast;
  try solve [cm_goal; cm_facts; nia].

Ltac cm_obligation := solve [cm_obligation_now].
