(** Powers modulo a number, by squaring: as many steps as the exponent has bits, on numbers below the modulus's
    square. Proved equal to [b ^ e mod m] for all integers, with negative exponents and a modulus of zero as Coq has
    them. *)

From Coq Require Import ZArith Lia.
Open Scope Z_scope.

(** [so_far * b ^ e mod m], lowest bit of the exponent first. *)
Fixpoint power_onto (so_far b : Z) (e : positive) (m : Z) : Z :=
  match e with
  | xH => so_far * b mod m
  | xO half => power_onto so_far (b * b mod m) half m
  | xI half => power_onto (so_far * b mod m) (b * b mod m) half m
  end.

Definition power_mod (b e m : Z) : Z :=
  match e with
  | Z0 => 1 mod m
  | Zpos p => power_onto 1 (b mod m) p m
  | Zneg _ => 0
  end.

(** The same for what is not zero, highest bit first: not a loop, as its last step comes after the call. *)
Fixpoint power_mod_positive (b : Z) (e : positive) (m : Z) : Z :=
  match e with
  | xH => b mod m
  | xO half =>
      let root := power_mod_positive b half m in
      root * root mod m
  | xI half =>
      let root := power_mod_positive b half m in
      b * (root * root mod m) mod m
  end.

(** The inverse of [a] modulo a prime [p], by Fermat's little theorem; of zero, zero. *)
Definition inverse_mod (a p : Z) : Z := power_mod a (p - 2) p.

(** Whether [b] is a witness that an odd [n] is not prime. *)
Definition is_fermat_witness (b n : Z) : bool := negb (power_mod b (n - 1) n =? 1 mod n).

Lemma mod_mod : forall a m, (a mod m) mod m = a mod m.
Proof.
  intros a m. destruct (Z.eq_dec m 0) as [-> |]; [rewrite !Zmod_0_r; reflexivity | apply Z.mod_mod; assumption].
Qed.

Lemma mul_mod : forall a b m, (a mod m) * (b mod m) mod m = a * b mod m.
Proof.
  intros a b m. destruct (Z.eq_dec m 0) as [-> |]; [rewrite !Zmod_0_r; reflexivity |].
  symmetry. apply Z.mul_mod. assumption.
Qed.

Lemma mul_mod_l : forall a b m, (a mod m) * b mod m = a * b mod m.
Proof.
  intros a b m. rewrite <- (mul_mod (a mod m)), mod_mod, mul_mod. reflexivity.
Qed.

Lemma mul_mod_r : forall a b m, a * (b mod m) mod m = a * b mod m.
Proof.
  intros a b m. rewrite Z.mul_comm, mul_mod_l, Z.mul_comm. reflexivity.
Qed.

Lemma pow_mod : forall b m e, 0 <= e -> (b mod m) ^ e mod m = b ^ e mod m.
Proof.
  intros b m. apply natlike_ind; [reflexivity |].
  intros e E IH. rewrite !Z.pow_succ_r by assumption.
  rewrite mul_mod_l, <- mul_mod_r, IH, mul_mod_r. reflexivity.
Qed.

Lemma pow_even : forall b p, b ^ Z.pos p~0 = (b * b) ^ Z.pos p.
Proof.
  intros b p. rewrite Pos2Z.inj_xO, Z.pow_mul_r, Z.pow_2_r by lia. reflexivity.
Qed.

Lemma pow_odd : forall b p, b ^ Z.pos p~1 = b * (b * b) ^ Z.pos p.
Proof.
  intros b p. rewrite Pos2Z.inj_xI, Z.pow_add_r, Z.pow_1_r, Z.mul_comm by lia.
  rewrite Z.pow_mul_r, Z.pow_2_r by lia. reflexivity.
Qed.

Lemma power_onto_spec : forall e so_far b m, power_onto so_far b e m = so_far * b ^ Z.pos e mod m.
Proof.
  induction e as [half IH | half IH |]; intros so_far b m; simpl power_onto.
  - rewrite IH, pow_odd, mul_mod_l, <- mul_mod_r, pow_mod, mul_mod_r by lia. f_equal. ring.
  - rewrite IH, pow_even, <- mul_mod_r, pow_mod, mul_mod_r by lia. reflexivity.
  - rewrite Z.pow_1_r. reflexivity.
Qed.

Theorem power_mod_spec : forall b e m, power_mod b e m = b ^ e mod m.
Proof.
  intros b [| e | e] m; simpl power_mod.
  - reflexivity.
  - rewrite power_onto_spec, Z.mul_1_l, pow_mod by lia. reflexivity.
  - rewrite Z.pow_neg_r, Zmod_0_l by lia. reflexivity.
Qed.

Theorem power_mod_positive_spec : forall b e m, power_mod_positive b e m = b ^ Z.pos e mod m.
Proof.
  intros b e m. induction e as [half IH | half IH |]; simpl power_mod_positive; rewrite ?IH.
  - rewrite pow_odd, mul_mod, mul_mod_r, Z.pow_mul_l. reflexivity.
  - rewrite pow_even, mul_mod, Z.pow_mul_l. reflexivity.
  - rewrite Z.pow_1_r. reflexivity.
Qed.

Theorem power_mod_bounded : forall b e m, 0 < m -> 0 <= power_mod b e m < m.
Proof.
  intros b e m M. rewrite power_mod_spec. apply Z.mod_pos_bound. exact M.
Qed.

Theorem power_mod_add :
  forall b d e m, 0 <= d -> 0 <= e -> power_mod b (d + e) m = power_mod b d m * power_mod b e m mod m.
Proof.
  intros b d e m D E. rewrite !power_mod_spec, Z.pow_add_r, mul_mod by assumption. reflexivity.
Qed.

(** What is called an inverse is one wherever Fermat's test does not say that [p] is no prime. *)
Theorem inverse_mod_spec :
  forall a p, 2 < p -> is_fermat_witness a p = false -> a * inverse_mod a p mod p = 1.
Proof.
  intros a p P W. unfold is_fermat_witness, inverse_mod in *.
  apply Bool.negb_false_iff, Z.eqb_eq in W. rewrite power_mod_spec in *.
  rewrite mul_mod_r, <- Z.pow_succ_r by lia. replace (Z.succ (p - 2)) with (p - 1) by lia.
  rewrite W. apply Z.mod_1_l. lia.
Qed.
