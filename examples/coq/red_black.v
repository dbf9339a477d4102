(** Red-black trees, as Okasaki has them: maps from integers to values of any type. Proved: what is inserted is found,
    and nothing else changes; the entries are listed in the order of their keys, each key once; the tree stays
    balanced, so that with [n] keys it is at most [2 * log2 (n + 1) + 1] deep. *)

From Coq Require Import ZArith List Sorted Lia.
Import ListNotations.
Open Scope Z_scope.

Inductive color := Red | Black.

Inductive tree (V : Type) :=
  | Leaf
  | Node (c : color) (left : tree V) (key : Z) (value : V) (right : tree V).

Arguments Leaf {V}.
Arguments Node {V} c left key value right.

Section Maps.
  Context {V : Type}.

  Fixpoint find (k : Z) (t : tree V) : option V :=
    match t with
    | Leaf => None
    | Node _ l x v r =>
        match k ?= x with
        | Eq => Some v
        | Lt => find k l
        | Gt => find k r
        end
    end.

  (** A black node of which one child may be red with a red child: that becomes a red node with two black ones. *)
  Definition balance (c : color) (l : tree V) (k : Z) (v : V) (r : tree V) : tree V :=
    match c, l, k, v, r with
    | Black, Node Red (Node Red a x vx b) y vy c, z, vz, d
    | Black, Node Red a x vx (Node Red b y vy c), z, vz, d
    | Black, a, x, vx, Node Red (Node Red b y vy c) z vz d
    | Black, a, x, vx, Node Red b y vy (Node Red c z vz d) =>
        Node Red (Node Black a x vx b) y vy (Node Black c z vz d)
    | c, l, k, v, r => Node c l k v r
    end.

  Fixpoint insert_below (k : Z) (v : V) (t : tree V) : tree V :=
    match t with
    | Leaf => Node Red Leaf k v Leaf
    | Node c l x vx r =>
        match k ?= x with
        | Eq => Node c l k v r
        | Lt => balance c (insert_below k v l) x vx r
        | Gt => balance c l x vx (insert_below k v r)
        end
    end.

  Definition blacken (t : tree V) : tree V :=
    match t with
    | Leaf => Leaf
    | Node _ l x v r => Node Black l x v r
    end.

  Definition insert (k : Z) (v : V) (t : tree V) : tree V := blacken (insert_below k v t).

  Definition insert_all (pairs : list (Z * V)) (t : tree V) : tree V :=
    fold_left (fun t '(k, v) => insert k v t) pairs t.

  Definition of_list (pairs : list (Z * V)) : tree V := insert_all pairs Leaf.

  (** The entries in the order of their keys, before [later]. *)
  Fixpoint entries_onto (t : tree V) (later : list (Z * V)) : list (Z * V) :=
    match t with
    | Leaf => later
    | Node _ l k v r => entries_onto l ((k, v) :: entries_onto r later)
    end.

  Definition entries (t : tree V) : list (Z * V) := entries_onto t [].

  Fixpoint size (t : tree V) : nat :=
    match t with
    | Leaf => 0
    | Node _ l _ _ r => S (size l + size r)
    end.

  Fixpoint depth (t : tree V) : nat :=
    match t with
    | Leaf => 0
    | Node _ l _ _ r => S (Nat.max (depth l) (depth r))
    end.

  (** * Order *)

  Fixpoint all_keys (P : Z -> Prop) (t : tree V) : Prop :=
    match t with
    | Leaf => True
    | Node _ l k _ r => P k /\ all_keys P l /\ all_keys P r
    end.

  Fixpoint in_order (t : tree V) : Prop :=
    match t with
    | Leaf => True
    | Node _ l k _ r => all_keys (fun x => x < k) l /\ all_keys (fun x => k < x) r /\ in_order l /\ in_order r
    end.

  Lemma all_keys_weaken : forall (P Q : Z -> Prop) t, (forall x, P x -> Q x) -> all_keys P t -> all_keys Q t.
  Proof.
    intros P Q t H. induction t; simpl; intuition.
  Qed.

  (** Tries each shape that [balance] tells apart. *)
  Ltac each_shape :=
    unfold balance;
    repeat
      match goal with
      | |- context [match ?x with _ => _ end] => is_var x; destruct x
      end.

  Lemma balance_keys :
    forall (P : Z -> Prop) c l k v r, all_keys P (balance c l k v r) <-> P k /\ all_keys P l /\ all_keys P r.
  Proof.
    intros P c l k v r. each_shape; simpl; tauto.
  Qed.

  Lemma insert_below_keys :
    forall (P : Z -> Prop) k v t, P k -> all_keys P t -> all_keys P (insert_below k v t).
  Proof.
    intros P k v t K. induction t as [| c l IHl x vx r IHr]; simpl; [tauto |].
    destruct (k ?= x); rewrite ?balance_keys; simpl; tauto.
  Qed.

  Ltac weaken :=
    match goal with
    | H : all_keys _ ?t |- all_keys _ ?t => apply (all_keys_weaken _ _ t) with (2 := H); intros; lia
    end.

  Lemma balance_in_order :
    forall c l k v r,
    all_keys (fun x => x < k) l -> all_keys (fun x => k < x) r -> in_order l -> in_order r ->
    in_order (balance c l k v r).
  Proof.
    intros c l k v r. each_shape; simpl; intuition; try weaken.
  Qed.

  Lemma insert_below_in_order : forall k v t, in_order t -> in_order (insert_below k v t).
  Proof.
    intros k v t. induction t as [| c l IHl x vx r IHr]; simpl; [tauto |].
    intros (L & R & OL & OR). destruct (Z.compare_spec k x).
    - subst. simpl. tauto.
    - apply balance_in_order; auto. apply insert_below_keys; assumption.
    - apply balance_in_order; auto. apply insert_below_keys; assumption.
  Qed.

  Theorem insert_in_order : forall k v t, in_order t -> in_order (insert k v t).
  Proof.
    intros k v t O. apply (insert_below_in_order k v) in O. unfold insert, blacken.
    destruct (insert_below k v t); exact O.
  Qed.

  (** * What is found *)

  Lemma find_balance :
    forall c l k v r q,
    all_keys (fun x => x < k) l -> all_keys (fun x => k < x) r -> in_order l -> in_order r ->
    find q (balance c l k v r) = find q (Node c l k v r).
  Proof.
    intros c l k v r q.
    each_shape; simpl; try reflexivity; intuition;
      repeat match goal with |- context [?a ?= ?b] => destruct (Z.compare_spec a b) end; try reflexivity; lia.
  Qed.

  Lemma find_insert_below :
    forall k v t q, in_order t -> find q (insert_below k v t) = if q =? k then Some v else find q t.
  Proof.
    intros k v t q. induction t as [| c l IHl x vx r IHr]; simpl.
    - intros _. destruct (Z.eqb_spec q k), (Z.compare_spec q k); reflexivity || lia.
    - intros (L & R & OL & OR). specialize (IHl OL). specialize (IHr OR).
      destruct (Z.compare_spec k x).
      + subst. simpl. destruct (Z.eqb_spec q x), (Z.compare_spec q x); reflexivity || lia.
      + rewrite find_balance; simpl; auto using insert_below_in_order, insert_below_keys.
        rewrite IHl. destruct (Z.eqb_spec q k), (Z.compare_spec q x); reflexivity || lia.
      + rewrite find_balance; simpl; auto using insert_below_in_order, insert_below_keys.
        rewrite IHr. destruct (Z.eqb_spec q k), (Z.compare_spec q x); reflexivity || lia.
  Qed.

  (** What is inserted is found under its key; under all other keys, what was found before. *)
  Theorem find_insert : forall k v t q, in_order t -> find q (insert k v t) = if q =? k then Some v else find q t.
  Proof.
    intros k v t q O. rewrite <- find_insert_below by exact O. unfold insert, blacken.
    destruct (insert_below k v t); reflexivity.
  Qed.

  (** * Balance *)

  Definition is_red (t : tree V) : Prop :=
    match t with
    | Node Red _ _ _ _ => True
    | _ => False
    end.

  (** No red node has a red child, and all paths pass [n] black nodes. *)
  Fixpoint balanced (n : nat) (t : tree V) : Prop :=
    match t with
    | Leaf => n = 0%nat
    | Node Red l _ _ r => ~ is_red l /\ ~ is_red r /\ balanced n l /\ balanced n r
    | Node Black l _ _ r =>
        match n with
        | O => False
        | S m => balanced m l /\ balanced m r
        end
    end.

  (** The same, but for the root: it may be red with one red child. *)
  Definition nearly_balanced (n : nat) (t : tree V) : Prop :=
    match t with
    | Node Red l _ _ r => (~ is_red l \/ ~ is_red r) /\ balanced n l /\ balanced n r
    | t => balanced n t
    end.

  Lemma balanced_nearly : forall n t, balanced n t -> nearly_balanced n t.
  Proof.
    intros n [| [] ? ? ? ?]; simpl; tauto.
  Qed.

  Lemma nearly_balanced_black : forall n t, nearly_balanced n t -> ~ is_red t -> balanced n t.
  Proof.
    intros n [| [] ? ? ? ?]; simpl; tauto.
  Qed.

  Lemma balance_left :
    forall n l k v r, nearly_balanced n l -> balanced n r -> balanced (S n) (balance Black l k v r).
  Proof.
    intros n l k v r. each_shape; simpl; tauto.
  Qed.

  Lemma balance_right :
    forall n l k v r, balanced n l -> nearly_balanced n r -> balanced (S n) (balance Black l k v r).
  Proof.
    intros n l k v r. each_shape; simpl; tauto.
  Qed.

  Lemma insert_below_balanced :
    forall k v t n,
    balanced n t -> nearly_balanced n (insert_below k v t) /\ (~ is_red t -> balanced n (insert_below k v t)).
  Proof.
    intros k v t. induction t as [| c l IHl x vx r IHr]; intros n; [simpl; tauto |].
    destruct c.
    - intros (L & R & BL & BR). split; [| simpl; tauto].
      simpl. destruct (k ?= x); simpl; [tauto | |].
      + apply IHl in BL as [_ BL]. tauto.
      + apply IHr in BR as [_ BR]. tauto.
    - destruct n as [| n]; [simpl; tauto |]. intros [BL BR].
      assert (balanced (S n) (insert_below k v (Node Black l x vx r))) as B.
      { simpl insert_below. destruct (k ?= x).
        - simpl. tauto.
        - apply balance_left; [apply IHl |]; assumption.
        - apply balance_right; [| apply IHr]; assumption. }
      auto using balanced_nearly.
  Qed.

  Definition is_balanced (t : tree V) : Prop := exists n, balanced n t.

  Theorem insert_balanced : forall k v t, is_balanced t -> is_balanced (insert k v t).
  Proof.
    intros k v t [n B]. apply (insert_below_balanced k v) in B as [B _]. unfold insert, blacken.
    destruct (insert_below k v t) as [| [] ? ? ? ?]; simpl in B.
    - exists n. exact B.
    - exists (S n). simpl. tauto.
    - exists n. exact B.
  Qed.

  Lemma depth_bound :
    forall t n, balanced n t -> (depth t <= 2 * n + 1)%nat /\ (~ is_red t -> (depth t <= 2 * n)%nat).
  Proof.
    induction t as [| [] l IHl k v r IHr]; intros n; simpl.
    - lia.
    - intros (L & R & BL & BR). apply IHl in BL as [_ BL]. apply IHr in BR as [_ BR].
      specialize (BL L). specialize (BR R). lia.
    - destruct n as [| n]; [tauto |]. intros [BL BR]. apply IHl in BL as [BL _]. apply IHr in BR as [BR _]. lia.
  Qed.

  Lemma size_bound : forall t n, balanced n t -> (2 ^ n <= size t + 1)%nat.
  Proof.
    induction t as [| [] l IHl k v r IHr]; intros n; simpl.
    - intros ->. simpl. lia.
    - intros (_ & _ & BL & BR). apply IHl in BL. lia.
    - destruct n as [| n]; [tauto |]. intros [BL BR]. apply IHl in BL. apply IHr in BR. simpl. lia.
  Qed.

  Theorem depth_logarithmic :
    forall t, is_balanced t -> (depth t <= 2 * Nat.log2 (size t + 1) + 1)%nat.
  Proof.
    intros t [n B]. pose proof (size_bound t n B) as L. apply depth_bound in B as [D _].
    apply Nat.log2_le_pow2 in L; lia.
  Qed.

  (** * What is listed *)

  Lemma entries_onto_app : forall t later, entries_onto t later = entries t ++ later.
  Proof.
    unfold entries. induction t as [| c l IHl k v r IHr]; intros later; simpl; [reflexivity |].
    rewrite IHl, IHr, (IHl (_ :: _)), <- app_assoc. reflexivity.
  Qed.

  Lemma entries_node : forall c l k v r, entries (Node c l k v r) = entries l ++ (k, v) :: entries r.
  Proof.
    intros c l k v r. unfold entries at 1. simpl. apply entries_onto_app.
  Qed.

  Lemma entries_keys :
    forall (P : Z -> Prop) t, all_keys P t <-> Forall (fun '(k, _) => P k) (entries t).
  Proof.
    intros P. induction t as [| c l IHl k v r IHr].
    - split; [constructor | simpl; tauto].
    - rewrite entries_node, Forall_app, Forall_cons_iff, <- IHl, <- IHr. simpl. tauto.
  Qed.

  Lemma sorted_app :
    forall (R : Z * V -> Z * V -> Prop) a b,
    StronglySorted R a -> StronglySorted R b -> (forall x y, In x a -> In y b -> R x y) -> StronglySorted R (a ++ b).
  Proof.
    intros R a b A B H. induction A as [| x a A IH F]; simpl; [exact B |].
    constructor.
    - apply IH. intros y z Y Z. apply H; [right |]; assumption.
    - apply Forall_app. split; [exact F |]. apply Forall_forall. intros y Y. apply H; [left; reflexivity | exact Y].
  Qed.

  Theorem entries_sorted : forall t, in_order t -> StronglySorted (fun a b => fst a < fst b) (entries t).
  Proof.
    induction t as [| c l IHl k v r IHr]; [constructor |].
    simpl in_order. rewrite entries_node, !entries_keys, !Forall_forall. intros (L & R & OL & OR).
    apply sorted_app; [auto | |].
    - constructor; [auto |]. apply Forall_forall. intros [x w] X. apply (R _ X).
    - intros [x w] y X [<- | Y]; specialize (L _ X); simpl in *; [lia |].
      destruct y as [y u]. specialize (R _ Y). simpl in *. lia.
  Qed.

  Theorem entries_are_found : forall t k v, in_order t -> (In (k, v) (entries t) <-> find k t = Some v).
  Proof.
    intros t k v. induction t as [| c l IHl x w r IHr]; [simpl; intuition discriminate |].
    simpl in_order. rewrite entries_node, !entries_keys, !Forall_forall, in_app_iff. intros (L & R & OL & OR).
    specialize (IHl OL). specialize (IHr OR). simpl. destruct (Z.compare_spec k x) as [-> | B | B].
    - split.
      + intros [I | [I | I]]; [specialize (L _ I) | inversion I | specialize (R _ I)]; try reflexivity; simpl in *; lia.
      + intros E. inversion E. auto.
    - rewrite <- IHl. split; [| auto].
      intros [I | [I | I]]; [exact I | inversion I | specialize (R _ I)]; simpl in *; lia.
    - rewrite <- IHr. split; [| auto].
      intros [I | [I | I]]; [specialize (L _ I) | inversion I | exact I]; simpl in *; lia.
  Qed.

  (** * Whole maps *)

  Theorem insert_all_sound :
    forall pairs t, in_order t -> is_balanced t -> in_order (insert_all pairs t) /\ is_balanced (insert_all pairs t).
  Proof.
    induction pairs as [| [k v] rest IH]; simpl; [tauto |].
    intros t O B. apply IH; auto using insert_in_order, insert_balanced.
  Qed.

  (** Of several pairs with one key, the last counts. *)
  Theorem find_insert_all :
    forall pairs t q, in_order t ->
    find q (insert_all pairs t) =
    fold_left (fun found '(k, v) => if q =? k then Some v else found) pairs (find q t).
  Proof.
    induction pairs as [| [k v] rest IH]; simpl; [reflexivity |].
    intros t q O. rewrite IH, find_insert by auto using insert_in_order. reflexivity.
  Qed.

  Theorem of_list_sound : forall pairs, in_order (of_list pairs) /\ is_balanced (of_list pairs).
  Proof.
    intros pairs. apply insert_all_sound; [exact I | exists 0%nat; reflexivity].
  Qed.
End Maps.
