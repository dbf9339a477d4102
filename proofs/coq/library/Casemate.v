(** What exported programs are written in: results that may be wrong, loops with fuel, arrays as lists, 32-bit
    arithmetic; and what is proved of them once.

    A definition computes what the TypeScript computes, and checks on the way what JavaScript or a machine would not
    forgive: an index outside its array, a sum that a double does not hold, a loop that goes on too long. Then it is
    [Wrong]. So a theorem that it is [Ok] says that none of this happens.

    All is over Z; there is no axiom. *)
Require Import ZArith List Bool Lia.
Import ListNotations.
Open Scope Z_scope.
Arguments Z.add : simpl never.
Arguments Z.sub : simpl never.

(** * Results *)

Inductive cm_error : Set := Error | RangeError | TypeError.

Inductive cm_result (A : Type) : Type :=
| Ok (value : A)
| Throws (error : cm_error)
| Wrong
| Endless.
Arguments Ok {A}. Arguments Throws {A}. Arguments Wrong {A}. Arguments Endless {A}.

Definition cm_bind {A B : Type} (first : cm_result A) (rest : A -> cm_result B) : cm_result B :=
  match first with
  | Ok value => rest value
  | Throws error => Throws error
  | Wrong => Wrong
  | Endless => Endless
  end.

(** Goes on where the condition holds. *)
Definition cm_need {A : Type} (condition : bool) (rest : cm_result A) : cm_result A :=
  if condition then rest else Wrong.

(** For the proof alone: computes nothing. *)
Definition cm_claim {A : Type} (claim : Prop) (rest : cm_result A) : cm_result A := rest.

(** The value, where there is one. *)
Definition cm_the {A : Type} (otherwise : A) (result : cm_result A) : A :=
  match result with Ok value => value | _ => otherwise end.

(** * Loops *)

(** What one round comes to: another, the end of the loop, the end of the function. *)
Inductive cm_turn (S R : Type) : Type := Again (state : S) | Leave (state : S) | Return (value : R).
Arguments Again {S R}. Arguments Leave {S R}. Arguments Return {S R}.

(** So many rounds, or fewer. *)
Fixpoint cm_turns {S R : Type} (count : positive) (round : S -> cm_result (cm_turn S R)) (state : S)
  : cm_result (cm_turn S R) :=
  match count with
  | xH => round state
  | xO half =>
      match cm_turns half round state with
      | Ok (Again next) => cm_turns half round next
      | ended => ended
      end
  | xI half =>
      match round state with
      | Ok (Again next) =>
          match cm_turns half round next with
          | Ok (Again last) => cm_turns half round last
          | ended => ended
          end
      | ended => ended
      end
  end.

(** A loop: where [variant] is its measure at first, it may take that many rounds, and one more to find that it is done. *)
Definition cm_loop {S R : Type} (variant : Z) (round : S -> cm_result (cm_turn S R)) (state : S)
  : cm_result (cm_turn S R) :=
  match cm_turns (Z.to_pos (variant + 2)) round state with
  | Ok (Again _) => Endless
  | ended => ended
  end.

(** The same, with what the proof of it needs. *)
Definition cm_loop_with {S R : Type} (invariant : S -> Prop) (measure : S -> Z) (variant : Z)
  (round : S -> cm_result (cm_turn S R)) (state : S) : cm_result (cm_turn S R) := cm_loop variant round state.

(** * Arrays *)

Fixpoint cm_count {A : Type} (list : list A) : Z :=
  match list with nil => 0 | _ :: rest => 1 + cm_count rest end.

Fixpoint cm_get {A : Type} (otherwise : A) (list : list A) (index : Z) : A :=
  match list with
  | nil => otherwise
  | first :: rest => if index =? 0 then first else cm_get otherwise rest (index - 1)
  end.

Fixpoint cm_set {A : Type} (list : list A) (index : Z) (value : A) : Datatypes.list A :=
  match list with
  | nil => nil
  | first :: rest => if index =? 0 then value :: rest else first :: cm_set rest (index - 1) value
  end.

(** So many zeros. *)
Definition cm_zeros (count : Z) : list Z :=
  match count with Zpos many => Pos.iter (cons 0) nil many | _ => nil end.

Definition cm_inside {A : Type} (list : list A) (index : Z) : bool := (0 <=? index) && (index <? cm_count list).

(** Every element is at least [low] and at most [high], and there are no more than an array may have. *)
Definition cm_array (low high : Z) (list : list Z) : Prop :=
  cm_count list <= 4294967296 /\ forall index, 0 <= index < cm_count list -> low <= cm_get 0 list index <= high.

(** * Arithmetic *)

Definition cm_unsigned (n x : Z) : Z := Z.modulo x (Z.pow 2 n).
Definition cm_signed (n x : Z) : Z :=
  Z.sub (Z.modulo (Z.add x (Z.pow 2 (Z.sub n 1))) (Z.pow 2 n)) (Z.pow 2 (Z.sub n 1)).
Definition cm_between (low high x : Z) : bool := (low <=? x) && (x <=? high).
(** A safe integer: one that a double holds, as it holds its neighbours. *)
Definition cm_safe (x : Z) : bool := cm_between (-9007199254740991) 9007199254740991 x.

(** * What is proved of results *)

(** It returns, and what it returns is so; or it throws, and that is so. *)
Definition cm_ends {A : Type} (result : cm_result A) (returned : A -> Prop) (thrown : cm_error -> Prop) : Prop :=
  match result with Ok value => returned value | Throws error => thrown error | _ => False end.

Lemma cm_ends_ok {A} (value : A) (P : A -> Prop) T : P value -> cm_ends (Ok value) P T.
Proof. exact (fun holds => holds). Qed.

Lemma cm_ends_throws {A} error (P : A -> Prop) (T : cm_error -> Prop) : T error -> cm_ends (Throws error) P T.
Proof. exact (fun holds => holds). Qed.

Lemma cm_ends_need {A} (condition : bool) (rest : cm_result A) P T :
  condition = true -> (condition = true -> cm_ends rest P T) -> cm_ends (cm_need condition rest) P T.
Proof. intros holds then_; rewrite holds; auto. Qed.

Lemma cm_ends_claim {A} (claim : Prop) (rest : cm_result A) P T :
  claim -> (claim -> cm_ends rest P T) -> cm_ends (cm_claim claim rest) P T.
Proof. unfold cm_claim; auto. Qed.

Lemma cm_ends_if {A} (condition : bool) (a b : cm_result A) P T :
  (condition = true -> cm_ends a P T) -> (condition = false -> cm_ends b P T) ->
  cm_ends (if condition then a else b) P T.
Proof. destruct condition; auto. Qed.

Lemma cm_ends_let {A B} (value : B) (rest : B -> cm_result A) P T :
  (forall named, named = value -> cm_ends (rest named) P T) -> cm_ends (let named := value in rest named) P T.
Proof. auto. Qed.

Lemma cm_ends_bind {A B} (first : cm_result A) (rest : A -> cm_result B) P T :
  cm_ends first (fun value => cm_ends (rest value) P T) T -> cm_ends (cm_bind first rest) P T.
Proof. destruct first; simpl; auto. Qed.

Lemma cm_ends_weaken {A} (result : cm_result A) (P Q : A -> Prop) (T U : cm_error -> Prop) :
  cm_ends result P T -> (forall value, result = Ok value -> P value -> Q value) -> (forall error, T error -> U error) ->
  cm_ends result Q U.
Proof. destruct result; simpl; auto. Qed.

Lemma cm_ends_value {A} (otherwise : A) (result : cm_result A) P :
  cm_ends result P (fun _ => False) -> result = Ok (cm_the otherwise result) /\ P (cm_the otherwise result).
Proof. destruct result; simpl; tauto. Qed.

(** * What is proved of loops *)

Section Loops.
  Context {S R : Type} (round : S -> cm_result (cm_turn S R)).
  Context (invariant : S -> Prop) (measure : S -> Z) (left_ : S -> Prop) (returned : R -> Prop) (thrown : cm_error -> Prop).

  Definition cm_turn_post (before : Z) (rounds : Z) (turn : cm_turn S R) : Prop :=
    match turn with
    | Again next => invariant next /\ measure next + rounds <= before /\ rounds - 1 <= before
    | Leave last => left_ last
    | Return value => returned value
    end.

  Hypothesis step : forall state, invariant state ->
    cm_ends (round state) (fun turn =>
      match turn with
      | Again next => invariant next /\ measure next < measure state /\ 0 <= measure state
      | Leave last => left_ last
      | Return value => returned value
      end) thrown.

  Lemma cm_round_post state :
    invariant state -> cm_ends (round state) (cm_turn_post (measure state) 1) thrown.
  Proof.
    intros holds; specialize (step state holds); destruct (round state) as [[next | |] | | |]; simpl in *; intuition lia.
  Qed.

  Lemma cm_turns_post count : forall state,
    invariant state -> cm_ends (cm_turns count round state) (cm_turn_post (measure state) (Zpos count)) thrown.
  Proof.
    induction count as [half IH | half IH |]; intros state holds; cbn [cm_turns].
    - pose proof (cm_round_post state holds) as one.
      destruct (round state) as [[next | |] | | |]; cbn in *; auto.
      destruct one as (kept & less & least). specialize (IH next kept) as two.
      destruct (cm_turns half round next) as [[last | |] | | |]; cbn [cm_ends cm_turn_post] in *; auto.
      destruct two as (kept' & less' & least'). specialize (IH last kept').
      destruct (cm_turns half round last) as [[end_ | |] | | |]; cbn [cm_ends cm_turn_post] in *; intuition lia.
    - specialize (IH state holds) as one.
      destruct (cm_turns half round state) as [[next | |] | | |]; cbn [cm_ends cm_turn_post] in *; auto.
      destruct one as (kept & less & least). specialize (IH next kept).
      destruct (cm_turns half round next) as [[last | |] | | |]; cbn [cm_ends cm_turn_post] in *; intuition lia.
    - apply cm_round_post; assumption.
  Qed.

  (** Fuel does not run out, whatever the loop does. *)
  Lemma cm_loop_post state variant :
    invariant state -> measure state <= variant ->
    cm_ends (cm_loop variant round state)
      (fun turn => match turn with Again _ => False | Leave last => left_ last | Return value => returned value end) thrown.
  Proof.
    intros holds bounded. unfold cm_loop.
    pose proof (cm_turns_post (Z.to_pos (variant + 2)) state holds) as post.
    destruct (cm_turns _ round state) as [[next | |] | | |]; cbn [cm_ends cm_turn_post] in *; auto.
    destruct post as (_ & less & least).
    assert (variant + 2 <= Zpos (Z.to_pos (variant + 2))) by (destruct (variant + 2); cbn; lia).
    lia.
  Qed.
End Loops.

(** The rule of loops, with what comes after one. *)
Lemma cm_ends_loop {S R A} (invariant : S -> Prop) (measure : S -> Z) variant round (state : S)
  (rest : cm_turn S R -> cm_result A) P T :
  invariant state -> measure state <= variant ->
  (forall before, invariant before ->
    cm_ends (round before) (fun turn =>
      match turn with
      | Again next => invariant next /\ measure next < measure before /\ 0 <= measure before
      | Leave last => cm_ends (rest (Leave last)) P T
      | Return value => cm_ends (rest (Return value)) P T
      end) T) ->
  cm_ends (cm_bind (cm_loop_with invariant measure variant round state) rest) P T.
Proof.
  intros first bounded step. apply cm_ends_bind. unfold cm_loop_with.
  eapply cm_ends_weaken; [| | intros error held; exact held].
  - apply (cm_loop_post round invariant measure
      (fun last => cm_ends (rest (Leave last)) P T) (fun value => cm_ends (rest (Return value)) P T) T step state variant);
      assumption.
  - intros [|last|value] _; simpl; tauto.
Qed.

(** * What is proved of arrays *)

Lemma cm_count_natural {A} (list : list A) : 0 <= cm_count list.
Proof. induction list; cbn [cm_count]; lia. Qed.

Lemma cm_get_outside {A} (otherwise : A) list : forall index,
  index < 0 \/ cm_count list <= index -> cm_get otherwise list index = otherwise.
Proof.
  induction list as [|first rest IH]; intros index out; simpl in *; auto.
  pose proof (cm_count_natural rest). destruct (Z.eqb_spec index 0); [lia|]. apply IH; lia.
Qed.

Lemma cm_count_set {A} list : forall index (value : A), cm_count (cm_set list index value) = cm_count list.
Proof.
  induction list as [|first rest IH]; intros index value; simpl; auto.
  destruct (index =? 0); simpl; rewrite ?IH; reflexivity.
Qed.

Lemma cm_get_set {A} (otherwise : A) list : forall index value at_,
  0 <= index < cm_count list ->
  cm_get otherwise (cm_set list index value) at_ = if at_ =? index then value else cm_get otherwise list at_.
Proof.
  induction list as [|first rest IH]; intros index value at_ inside; simpl in *; [lia|].
  destruct (Z.eqb_spec index 0) as [->|other]; simpl.
  - destruct (at_ =? 0); reflexivity.
  - destruct (Z.eqb_spec at_ 0) as [->|another].
    + destruct (Z.eqb_spec 0 index); [lia | reflexivity].
    + rewrite IH by lia. destruct (Z.eqb_spec (at_ - 1) (index - 1)), (Z.eqb_spec at_ index); try lia; reflexivity.
Qed.

Lemma cm_count_zeros count : 0 <= count -> cm_count (cm_zeros count) = count.
Proof.
  destruct count as [|many|]; [reflexivity | intros _ | lia].
  unfold cm_zeros. induction many as [|many IH] using Pos.peano_ind; [reflexivity|].
  rewrite Pos.iter_succ. cbn [cm_count]. rewrite IH. lia.
Qed.

Lemma cm_get_zeros count index : cm_get 0 (cm_zeros count) index = 0.
Proof.
  destruct count as [|many|]; [reflexivity | revert index | reflexivity].
  unfold cm_zeros. induction many as [|many IH] using Pos.peano_ind; intros index.
  - cbn. destruct (index =? 0); reflexivity.
  - rewrite Pos.iter_succ. cbn [cm_get]. rewrite IH. destruct (index =? 0); reflexivity.
Qed.

Lemma cm_array_get low high list index :
  cm_array low high list -> 0 <= index < cm_count list -> low <= cm_get 0 list index <= high.
Proof. intros [_ all]; auto. Qed.

Lemma cm_array_count low high list : cm_array low high list -> 0 <= cm_count list <= 4294967296.
Proof. intros [most _]. pose proof (cm_count_natural list). lia. Qed.

Lemma cm_array_set low high list index value :
  cm_array low high list -> 0 <= index < cm_count list -> low <= value <= high ->
  cm_array low high (cm_set list index value).
Proof.
  intros [most all] inside ranged. split; rewrite cm_count_set; auto.
  intros at_ at_inside. rewrite cm_get_set by assumption. destruct (at_ =? index); auto.
Qed.

Lemma cm_array_zeros low high count :
  low <= 0 <= high -> 0 <= count <= 4294967296 -> cm_array low high (cm_zeros count).
Proof. intros ranged few. split; [rewrite cm_count_zeros; lia | intros; rewrite cm_get_zeros; lia]. Qed.

(** * What is proved of arithmetic *)

Lemma cm_between_spec low high x : cm_between low high x = true <-> low <= x <= high.
Proof. unfold cm_between. rewrite andb_true_iff, !Z.leb_le. reflexivity. Qed.
Lemma cm_safe_spec x : cm_safe x = true <-> -9007199254740991 <= x <= 9007199254740991.
Proof. apply cm_between_spec. Qed.
Lemma cm_inside_spec {A} (list : list A) index : cm_inside list index = true <-> 0 <= index < cm_count list.
Proof. unfold cm_inside. rewrite andb_true_iff, Z.leb_le, Z.ltb_lt. reflexivity. Qed.

Lemma cm_ends_call {A B} (first : cm_result A) (rest : A -> cm_result B) (E : A -> Prop) (U : cm_error -> Prop) P (T : cm_error -> Prop) :
  cm_ends first E U -> (forall error, U error -> T error) ->
  (forall value, first = Ok value -> E value -> cm_ends (rest value) P T) -> cm_ends (cm_bind first rest) P T.
Proof. destruct first; simpl; auto. Qed.

Lemma cm_the_ok {A} (otherwise : A) result value : result = Ok value -> cm_the otherwise result = value.
Proof. intros ->. reflexivity. Qed.

Lemma cm_land_ones x k : 0 <= k -> Z.land x (2 ^ k - 1) = x mod 2 ^ k.
Proof. intros natural. rewrite <- Z.land_ones by assumption. rewrite Z.ones_equiv. reflexivity. Qed.

Lemma cm_lor_add a b k : 0 <= k -> a mod 2 ^ k = 0 -> 0 <= b < 2 ^ k -> Z.lor a b = a + b.
Proof.
  intros natural multiple small.
  assert (disjoint : Z.land a b = 0).
  { apply Z.bits_inj'. intros n place. rewrite Z.land_spec, Z.bits_0.
    destruct (Z_lt_le_dec n k).
    - replace (Z.testbit a n) with false; [reflexivity|].
      symmetry. rewrite <- (Z.mod_pow2_bits_low a k n) by lia. rewrite multiple. apply Z.bits_0.
    - replace (Z.testbit b n) with false; [apply andb_false_r|].
      symmetry. rewrite <- (Z.mod_small b (2 ^ k)) by assumption. apply Z.mod_pow2_bits_high. lia. }
  rewrite Z.add_nocarry_lxor, Z.lxor_lor by assumption. reflexivity.
Qed.

(** * What is proved of bits *)

(** Two numbers of which no bit is in both: their sum is their union. *)
Lemma cm_or_add a b : Z.land a b = 0 -> Z.lor a b = a + b.
Proof. intros disjoint. rewrite Z.add_nocarry_lxor, Z.lxor_lor by assumption. reflexivity. Qed.

Lemma cm_land_split x a b : Z.land a b = 0 -> Z.land x (a + b) = Z.land x a + Z.land x b.
Proof.
  intros disjoint. rewrite <- (cm_or_add a b disjoint), Z.land_lor_distr_r. apply cm_or_add.
  apply Z.bits_inj'. intros n _. rewrite !Z.land_spec, Z.bits_0.
  assert (bit : Z.testbit (Z.land a b) n = false) by (rewrite disjoint; apply Z.bits_0).
  rewrite Z.land_spec in bit. destruct (Z.testbit x n), (Z.testbit a n), (Z.testbit b n); simpl in *; congruence.
Qed.

Lemma cm_land_run x low high : 0 <= low <= high -> Z.land x (2 ^ high - 2 ^ low) = x mod 2 ^ high - x mod 2 ^ low.
Proof.
  intros ordered. pose proof (Z.pow_pos_nonneg 2 low ltac:(lia) ltac:(lia)) as positive.
  assert (disjoint : Z.land (2 ^ high - 2 ^ low) (2 ^ low - 1) = 0).
  { rewrite cm_land_ones by lia. replace high with (high - low + low) by lia. rewrite Z.pow_add_r by lia.
    replace (2 ^ (high - low) * 2 ^ low - 2 ^ low) with ((2 ^ (high - low) - 1) * 2 ^ low) by lia.
    apply Z.mod_mul. lia. }
  pose proof (cm_land_split x _ _ disjoint) as whole.
  replace (2 ^ high - 2 ^ low + (2 ^ low - 1)) with (2 ^ high - 1) in whole by lia.
  rewrite !cm_land_ones in whole by lia. lia.
Qed.

(** With a mask that is negative. *)
Lemma cm_land_not x m : Z.land x m = x - Z.land x (- m - 1).
Proof.
  assert (same : Z.land x m + Z.land x (Z.lnot m) = x).
  { rewrite <- cm_or_add.
    - rewrite <- Z.land_lor_distr_r, Z.lor_lnot_diag. apply Z.land_m1_r.
    - apply Z.bits_inj'. intros n natural. rewrite !Z.land_spec, Z.bits_0, Z.lnot_spec by assumption.
      destruct (Z.testbit x n), (Z.testbit m n); reflexivity. }
  replace (- m - 1) with (Z.lnot m) by (unfold Z.lnot; lia). lia.
Qed.

Lemma cm_land_natural a b : 0 <= a -> 0 <= Z.land a b <= a.
Proof.
  intros natural. split; [apply Z.land_nonneg; auto|].
  pose proof (cm_land_not a b) as rest. assert (0 <= Z.land a (- b - 1)) by (apply Z.land_nonneg; auto). lia.
Qed.

Lemma cm_bits_below x n : 0 <= n -> 0 <= x -> (forall place, n <= place -> Z.testbit x place = false) -> 0 <= x < 2 ^ n.
Proof.
  intros natural positive zero. split; [assumption|].
  assert (same : x mod 2 ^ n = x).
  { apply Z.bits_inj'. intros place placed. destruct (Z_lt_le_dec place n).
    - apply Z.mod_pow2_bits_low. assumption.
    - rewrite Z.mod_pow2_bits_high by lia. symmetry. apply zero. assumption. }
  rewrite <- same. apply Z.mod_pos_bound. apply Z.pow_pos_nonneg; lia.
Qed.

Lemma cm_bit_above x n place : 0 <= n -> 0 <= x < 2 ^ n -> n <= place -> Z.testbit x place = false.
Proof. intros natural small high. rewrite <- (Z.mod_small x (2 ^ n)) by assumption. apply Z.mod_pow2_bits_high. lia. Qed.

Lemma cm_lor_below n a b : 0 <= n -> 0 <= a < 2 ^ n -> 0 <= b < 2 ^ n -> 0 <= Z.lor a b < 2 ^ n.
Proof.
  intros natural smallA smallB. apply cm_bits_below; [assumption | apply Z.lor_nonneg; lia |].
  intros place high. rewrite Z.lor_spec, (cm_bit_above a n), (cm_bit_above b n) by assumption. reflexivity.
Qed.

Lemma cm_lxor_below n a b : 0 <= n -> 0 <= a < 2 ^ n -> 0 <= b < 2 ^ n -> 0 <= Z.lxor a b < 2 ^ n.
Proof.
  intros natural smallA smallB. apply cm_bits_below; [assumption | apply Z.lxor_nonneg; lia |].
  intros place high. rewrite Z.lxor_spec, (cm_bit_above a n), (cm_bit_above b n) by assumption. reflexivity.
Qed.

Lemma cm_unsigned_small n x : 0 <= x < 2 ^ n -> cm_unsigned n x = x.
Proof. apply Z.mod_small. Qed.

Lemma cm_signed_small n x : 0 < n -> - 2 ^ (n - 1) <= x < 2 ^ (n - 1) -> cm_signed n x = x.
Proof.
  intros natural small. unfold cm_signed.
  assert (2 ^ n = 2 * 2 ^ (n - 1)) by (rewrite <- Z.pow_succ_r by lia; f_equal; lia).
  rewrite Z.mod_small; lia.
Qed.

Lemma cm_unsigned_signed n x : cm_unsigned n (cm_signed n x) = cm_unsigned n x.
Proof.
  unfold cm_unsigned, cm_signed. rewrite Zminus_mod_idemp_l. f_equal. lia.
Qed.

Lemma cm_signed_unsigned n x : cm_signed n (cm_unsigned n x) = cm_signed n x.
Proof. unfold cm_unsigned, cm_signed. rewrite Zplus_mod_idemp_l. reflexivity. Qed.

Lemma cm_quotient a p : 0 < p -> p * (a / p) <= a < p * (a / p) + p.
Proof. intros positive. pose proof (Z.mod_pos_bound a p positive). pose proof (Z.div_mod a p). lia. Qed.

(** All of so many numbers. *)
Fixpoint cm_all (count : nat) (from : Z) (P : Z -> Prop) : Prop :=
  match count with O => True | S rest => P from /\ cm_all rest (from + 1) P end.
Lemma cm_each (P : Z -> Prop) count : forall from, cm_all count from P -> forall x, from <= x < from + Z.of_nat count -> P x.
Proof.
  induction count as [|count IH]; intros from [first rest] x inside || intros from _ x inside; [lia|].
  destruct (Z.eq_dec x from) as [->|other]; [assumption|]. apply (IH (from + 1) rest). lia.
Qed.

(** What lies between two multiples. *)
Lemma cm_multiples b x y : 0 < b ->
  (x <= y -> b * x <= b * y) /\ (x + 1 <= y -> b * x + b <= b * y) /\ (x + 2 <= y -> b * x + 2 * b <= b * y).
Proof. intros positive. repeat split; intros less; nia. Qed.

Lemma cm_few (P : Z -> Prop) high count :
  high < Z.of_nat count -> cm_all count 0 P -> forall x, 0 <= x <= high -> P x.
Proof. intros enough all x inside. apply (cm_each P count 0 all x). lia. Qed.

Lemma cm_all_one (P : Z -> Prop) count from next : next = from + 1 -> P from -> cm_all count next P -> cm_all (S count) from P.
Proof. intros -> first rest. split; assumption. Qed.
