(** A little of each thing that a program of Coq's may hold: mutual inductive types and functions, records, options,
    strings, polymorphism, functions as arguments and results, fixpoints within functions, nested patterns, types with
    proofs in them, recursion on a measure. What each part computes is said and proved after it. *)

From Coq Require Import Arith ZArith List Ascii String Permutation Wf_nat Lia.
Import ListNotations.
Open Scope string_scope.
Open Scope list_scope.
Open Scope nat_scope.

(** * Mutual recursion *)

Fixpoint is_even (n : nat) : bool :=
  match n with
  | O => true
  | S m => is_odd m
  end
with is_odd (n : nat) : bool :=
  match n with
  | O => false
  | S m => is_even m
  end.

Theorem is_even_spec : forall n, is_even n = Nat.even n /\ is_odd n = Nat.odd n.
Proof.
  induction n as [| n [E O]]; [split; reflexivity |].
  rewrite Nat.even_succ, Nat.odd_succ. auto.
Qed.

(** A tree with any number of children, and lists of such trees. *)
Inductive rose (A : Type) :=
  | Rose (label : A) (children : forest A)
with forest (A : Type) :=
  | Nothing
  | Trees (first : rose A) (others : forest A).

Arguments Rose {A} label children.
Arguments Nothing {A}.
Arguments Trees {A} first others.

Scheme rose_mutual := Induction for rose Sort Prop
with forest_mutual := Induction for forest Sort Prop.
Combined Scheme rose_forest from rose_mutual, forest_mutual.

Fixpoint labels {A} (t : rose A) : list A :=
  match t with
  | Rose a children => a :: forest_labels children
  end
with forest_labels {A} (f : forest A) : list A :=
  match f with
  | Nothing => []
  | Trees t others => labels t ++ forest_labels others
  end.

Fixpoint map_rose {A B} (f : A -> B) (t : rose A) : rose B :=
  match t with
  | Rose a children => Rose (f a) (map_forest f children)
  end
with map_forest {A B} (f : A -> B) (trees : forest A) : forest B :=
  match trees with
  | Nothing => Nothing
  | Trees t others => Trees (map_rose f t) (map_forest f others)
  end.

Theorem labels_map :
  forall A B (f : A -> B),
  (forall t, labels (map_rose f t) = map f (labels t)) /\
  (forall trees, forest_labels (map_forest f trees) = map f (forest_labels trees)).
Proof.
  intros A B f. apply rose_forest; simpl; auto.
  - intros a children ->. reflexivity.
  - intros t -> others ->. rewrite map_app. reflexivity.
Qed.

(** A forest of [width] roses at each of [height] levels, labelled with what is left of the height. *)
Fixpoint grow (height width : nat) : rose nat :=
  match height with
  | O => Rose 0 Nothing
  | S below =>
      Rose height
        ((fix trees (n : nat) : forest nat :=
            match n with
            | O => Nothing
            | S m => Trees (grow below width) (trees m)
            end) width)
  end.

(** * Records *)

Record point := { x : Z; y : Z }.

Record segment := { from : point; to : point; name : string }.

Definition plus (a b : point) : point := {| x := a.(x) + b.(x); y := a.(y) + b.(y) |}%Z.
Definition minus (a b : point) : point := {| x := a.(x) - b.(x); y := a.(y) - b.(y) |}%Z.
Definition turned (a : point) : point := {| x := - a.(y); y := a.(x) |}%Z.
Definition squared_length (s : segment) : Z :=
  let d := minus s.(to) s.(from) in
  (d.(x) * d.(x) + d.(y) * d.(y))%Z.
Definition reversed (s : segment) : segment := {| from := s.(to); to := s.(from); name := ("-" ++ s.(name))%string |}.

Theorem plus_minus : forall a b, plus (minus a b) b = a.
Proof.
  intros [ax ay] [bx by_]. unfold plus, minus. simpl. f_equal; lia.
Qed.

Theorem turned_four_times : forall a, turned (turned (turned (turned a))) = a.
Proof.
  intros [ax ay]. unfold turned. simpl. f_equal; lia.
Qed.

Theorem reversed_length : forall s, squared_length (reversed s) = squared_length s.
Proof.
  intros s. unfold squared_length, reversed, minus. simpl. ring.
Qed.

(** A record of functions, as a dictionary of operations is. *)
Record monoid (A : Type) := { unit : A; join : A -> A -> A }.

Arguments unit {A} m.
Arguments join {A} m _ _.

Definition total {A} (m : monoid A) (l : list A) : A := fold_left m.(join) l m.(unit).

Definition sums : monoid nat := {| unit := 0; join := Nat.add |}.
Definition texts : monoid string := {| unit := ""; join := append |}.
Definition pairs {A B} (m : monoid A) (n : monoid B) : monoid (A * B) :=
  {| unit := (m.(unit), n.(unit)); join := fun '(a, b) '(c, d) => (m.(join) a c, n.(join) b d) |}.

Theorem total_sums : forall l, total sums l = list_sum l.
Proof.
  intros l. unfold total. simpl. apply fold_symmetric; intros; lia.
Qed.

(** * Options *)

Fixpoint position {A} (is : A -> bool) (l : list A) : option nat :=
  match l with
  | [] => None
  | a :: rest => if is a then Some 0 else option_map S (position is rest)
  end.

Definition bind {A B} (o : option A) (f : A -> option B) : option B :=
  match o with
  | Some a => f a
  | None => None
  end.

(** An option of an option: that there is no first is not that the first is none. *)
Definition safe_head {A} (l : list (option A)) : option (option A) :=
  match l with
  | [] => None
  | first :: _ => Some first
  end.

Definition first_two {A} (l : list A) : option (A * A) :=
  bind (nth_error l 0) (fun a => bind (nth_error l 1) (fun b => Some (a, b))).

Theorem position_spec :
  forall A (is : A -> bool) l n, position is l = Some n -> exists a, nth_error l n = Some a /\ is a = true.
Proof.
  intros A is. induction l as [| a rest IH]; simpl; [discriminate |].
  destruct (is a) eqn:E.
  - intros n H. inversion H. exists a. auto.
  - destruct (position is rest) as [m |]; simpl; [| discriminate].
    intros n H. inversion H. apply IH. reflexivity.
Qed.

Theorem position_none : forall A (is : A -> bool) l, position is l = None -> forall a, In a l -> is a = false.
Proof.
  intros A is. induction l as [| a rest IH]; simpl; [tauto |].
  destruct (is a) eqn:E; [discriminate |]. destruct (position is rest); [discriminate |].
  intros _ b [<- | I]; auto.
Qed.

(** * Strings *)

Definition is_digit (c : ascii) : bool := let n := nat_of_ascii c in (48 <=? n) && (n <=? 57).

Fixpoint count (c : ascii) (s : string) : nat :=
  match s with
  | EmptyString => 0
  | String d rest => (if Ascii.eqb c d then 1 else 0) + count c rest
  end.

Fixpoint reverse_onto (done s : string) : string :=
  match s with
  | EmptyString => done
  | String c rest => reverse_onto (String c done) rest
  end.

Definition reverse (s : string) : string := reverse_onto "" s.

(** The number that [s] writes in decimal; [None] when it holds anything else or nothing. *)
Fixpoint digits_onto (n : N) (s : string) : option N :=
  match s with
  | EmptyString => Some n
  | String c rest => if is_digit c then digits_onto (10 * n + (N_of_ascii c - 48)) rest else None
  end.

Definition number (s : string) : option N :=
  match s with
  | EmptyString => None
  | _ => digits_onto 0 s
  end.

Definition greeting (who : string) : string := ("Hello, ""world"" of " ++ who ++ "!")%string.

Definition command (s : string) : nat :=
  match s with
  | "get"%string => 1
  | "put"%string => 2
  | "g"%string => 3
  | _ => 0
  end.

Lemma count_reverse_onto : forall c s done, count c (reverse_onto done s) = count c s + count c done.
Proof.
  intros c. induction s as [| d s IH]; intros done; simpl; [reflexivity |].
  rewrite IH. simpl. lia.
Qed.

Theorem count_reverse : forall c s, count c (reverse s) = count c s.
Proof.
  intros c s. unfold reverse. rewrite count_reverse_onto. simpl. lia.
Qed.

Theorem number_example : number "18446744073709551616" = Some (2 ^ 64)%N.
Proof.
  reflexivity.
Qed.

Theorem command_put : forall s, command s = 2 <-> s = "put"%string.
Proof.
  intros s. split; [| intros ->; reflexivity].
  unfold command. repeat (destruct s as [| [[] [] [] [] [] [] [] []] s]; try discriminate; try reflexivity).
Qed.

(** * Functions as arguments and results *)

Definition compose {A B C} (g : B -> C) (f : A -> B) (a : A) : C := g (f a).

Fixpoint iterate {A} (n : nat) (f : A -> A) : A -> A :=
  match n with
  | O => fun a => a
  | S m => compose (iterate m f) f
  end.

Definition flip {A B C} (f : A -> B -> C) : B -> A -> C := fun b a => f a b.
Definition adders (l : list nat) : list (nat -> nat) := map Nat.add l.
Definition apply_all {A} (fs : list (A -> A)) (a : A) : A := fold_right (fun f b => f b) a fs.
Definition twice {A} : (A -> A) -> A -> A := iterate 2.

(** Numbers as Church has them: a function that takes functions to functions. *)
Definition church (n : nat) : forall A, (A -> A) -> A -> A := fun A f => iterate n f.

Theorem iterate_add : forall A (f : A -> A) m n a, iterate (m + n) f a = iterate n f (iterate m f a).
Proof.
  intros A f. induction m as [| m IH]; intros n a; simpl; [reflexivity |]. apply IH.
Qed.

Theorem apply_all_adders : forall l n, apply_all (adders l) n = list_sum l + n.
Proof.
  intros l n. unfold apply_all, adders. induction l as [| m l IH]; simpl; [reflexivity |]. rewrite IH. lia.
Qed.

Theorem twice_twice : forall n, twice twice S n = 4 + n.
Proof.
  reflexivity.
Qed.

(** * Fixpoints within functions *)

(** Merges two sorted lists: each recursion goes down one of them. *)
Fixpoint merge (a : list nat) : list nat -> list nat :=
  match a with
  | [] => fun b => b
  | m :: a' =>
      fix merge_with (b : list nat) : list nat :=
        match b with
        | [] => a
        | n :: b' => if m <=? n then m :: merge a' b else n :: merge_with b'
        end
  end.

(** Ackermann's function, which no primitive recursion on numbers computes. *)
Fixpoint ackermann (m : nat) : nat -> nat :=
  match m with
  | O => S
  | S m' =>
      fix inner (n : nat) : nat :=
        match n with
        | O => ackermann m' 1
        | S n' => ackermann m' (inner n')
        end
  end.

Definition sum_of_squares (n : nat) : nat :=
  let square := fun k => k * k in
  let fix go (so_far k : nat) : nat :=
    match k with
    | O => so_far
    | S below => go (so_far + square k) below
    end in
  go 0 n.

Theorem merge_permutes : forall a b, Permutation (a ++ b) (merge a b).
Proof.
  induction a as [| m a IHa]; [reflexivity |].
  induction b as [| n b IHb]; simpl.
  - rewrite app_nil_r. reflexivity.
  - destruct (m <=? n).
    + apply perm_skip, IHa.
    + change (m :: a ++ n :: b) with ((m :: a) ++ n :: b).
      eapply Permutation_trans; [apply Permutation_sym, Permutation_middle |]. apply perm_skip, IHb.
Qed.

Theorem ackermann_two : forall n, ackermann 2 n = 2 * n + 3.
Proof.
  assert (forall n, ackermann 1 n = n + 2) as one.
  { induction n as [| n IH]; [reflexivity |].
    change (ackermann 1 (S n)) with (S (ackermann 1 n)). rewrite IH. reflexivity. }
  induction n as [| n IH]; [reflexivity |].
  change (ackermann 2 (S n)) with (ackermann 1 (ackermann 2 n)). rewrite IH, one. lia.
Qed.

Theorem sum_of_squares_spec : forall n, 6 * sum_of_squares n = n * (n + 1) * (2 * n + 1).
Proof.
  intros n. unfold sum_of_squares.
  match goal with
  | |- 6 * ?go 0 n = _ => assert (forall n s, 6 * go s n = 6 * s + n * (n + 1) * (2 * n + 1)) as H
  end.
  { clear n. induction n as [| n IH]; intros s; [simpl; lia |]. rewrite IH. lia. }
  rewrite H. lia.
Qed.

(** * Nested patterns *)

Inductive term :=
  | Const (n : Z)
  | Var (v : Z)
  | Add (a b : term)
  | Mul (a b : term)
  | Neg (a : term).

Fixpoint value (variables : Z -> Z) (t : term) : Z :=
  match t with
  | Const n => n
  | Var v => variables v
  | Add a b => value variables a + value variables b
  | Mul a b => value variables a * value variables b
  | Neg a => - value variables a
  end.

(** One step at the root of what [simplify] does. *)
Definition simplify_root (t : term) : term :=
  match t with
  | Add (Const 0) a | Add a (Const 0) => a
  | Mul (Const 0) _ | Mul _ (Const 0) => Const 0
  | Mul (Const 1) a | Mul a (Const 1) => a
  | Add (Const m) (Const n) => Const (m + n)
  | Add (Add a (Const m)) (Const n) => Add a (Const (m + n))
  | Mul (Const m) (Const n) => Const (m * n)
  | Neg (Neg a) => a
  | Neg (Const n) => Const (- n)
  | t => t
  end.

Fixpoint simplify (t : term) : term :=
  match t with
  | Add a b => simplify_root (Add (simplify a) (simplify b))
  | Mul a b => simplify_root (Mul (simplify a) (simplify b))
  | Neg a => simplify_root (Neg (simplify a))
  | t => t
  end.

(** Terms in reverse Polish notation, as numbers: what to do, and after 3 and 4 with which constant or variable. *)
Fixpoint code_of (t : term) : list Z :=
  match t with
  | Add a b => code_of a ++ code_of b ++ [0%Z]
  | Mul a b => code_of a ++ code_of b ++ [1%Z]
  | Neg a => code_of a ++ [2%Z]
  | Const n => [3%Z; n]
  | Var v => [4%Z; v]
  end.

Fixpoint term_of (stack : list term) (code : list Z) : option term :=
  match code, stack with
  | [], [t] => Some t
  | 0%Z :: rest, b :: a :: stack => term_of (Add a b :: stack) rest
  | 1%Z :: rest, b :: a :: stack => term_of (Mul a b :: stack) rest
  | 2%Z :: rest, a :: stack => term_of (Neg a :: stack) rest
  | 3%Z :: n :: rest, stack => term_of (Const n :: stack) rest
  | 4%Z :: v :: rest, stack => term_of (Var v :: stack) rest
  | _, _ => None
  end.

Fixpoint zip {A B} (a : list A) (b : list B) : list (A * B) :=
  match a, b with
  | x :: a', y :: b' => (x, y) :: zip a' b'
  | _, _ => []
  end.

Fixpoint alternate {A} (l : list A) : list A :=
  match l with
  | a :: _ :: rest => a :: alternate rest
  | l => l
  end.

Definition classify (p : nat * (bool + option nat)) : nat :=
  match p with
  | (S (S n), inl true) => n
  | (S n, inr (Some (S m))) => n + m
  | (0, inr None) => 7
  | (n, inl false) => 10 * n
  | (_, _) => 1
  end.

Ltac each_pattern :=
  repeat
    match goal with
    | |- context [match ?t with _ => _ end] => is_var t; destruct t
    end.

Lemma simplify_root_sound : forall variables t, value variables (simplify_root t) = value variables t.
Proof.
  intros variables t. unfold simplify_root. each_pattern; cbn [value]; ring.
Qed.

Theorem simplify_sound : forall variables t, value variables (simplify t) = value variables t.
Proof.
  intros variables. induction t; cbn [simplify]; rewrite ?simplify_root_sound; cbn [value]; congruence.
Qed.

Lemma term_of_code_before : forall t stack rest, term_of stack (code_of t ++ rest) = term_of (t :: stack) rest.
Proof.
  induction t; intros stack rest; simpl; rewrite <- ?app_assoc, ?IHt, ?IHt1, <- ?app_assoc, ?IHt2; reflexivity.
Qed.

Theorem term_of_code : forall t, term_of [] (code_of t) = Some t.
Proof.
  intros t. rewrite <- (app_nil_r (code_of t)). apply term_of_code_before.
Qed.

Theorem zip_lengths : forall A B (a : list A) (b : list B), List.length (zip a b) = min (List.length a) (List.length b).
Proof.
  intros A B. induction a as [| x a IH]; intros [| y b]; simpl; auto.
Qed.

(** * Types with proofs in them *)

(** Division by what is proved not to be zero. *)
Definition divide (n : nat) (d : {d : nat | d <> 0}) : nat := n / proj1_sig d.

Definition index (n : nat) := {i : nat | i < n}.

(** The next index of a ring. *)
Definition next {n : nat} (i : index n) : index n.
Proof.
  destruct i as [i H]. destruct (Nat.eq_dec (S i) n) as [_ | E].
  - exists 0. lia.
  - exists (S i). lia.
Defined.

Definition to_index (n i : nat) : option (index n) :=
  match lt_dec i n with
  | left H => Some (exist _ i H)
  | right _ => None
  end.

Definition next_of (n i : nat) : option nat := option_map (fun i => proj1_sig (next i)) (to_index n i).

Theorem next_value : forall n (i : index n), proj1_sig (next i) = (proj1_sig i + 1) mod n.
Proof.
  intros n [i H]. unfold next, proj1_sig. rewrite Nat.add_1_r. destruct (Nat.eq_dec (S i) n) as [E | E].
  - rewrite E, Nat.mod_same; lia.
  - rewrite Nat.mod_small; lia.
Qed.

Theorem next_of_spec : forall n i, i < n -> next_of n i = Some ((i + 1) mod n).
Proof.
  intros n i H. unfold next_of, to_index, option_map. destruct (lt_dec i n); [| tauto].
  rewrite next_value. reflexivity.
Qed.

(** * Recursion on a measure *)

(** The greatest common divisor, as Euclid has it: the proof that it ends is no part of the program. *)
Fixpoint gcd_below (a b : nat) (ends : Acc lt b) {struct ends} : nat :=
  match Nat.eq_dec b 0 with
  | left _ => a
  | right positive => gcd_below b (a mod b) (Acc_inv ends (Nat.mod_upper_bound a b positive))
  end.

Definition gcd (a b : nat) : nat := gcd_below a b (lt_wf b).

Theorem gcd_spec : forall a b, gcd a b = Nat.gcd a b.
Proof.
  intros a b. unfold gcd. generalize (lt_wf b) as ends. revert a.
  induction b as [b IH] using lt_wf_ind. intros a [ends]. simpl.
  destruct (Nat.eq_dec b 0) as [-> | positive].
  - rewrite Nat.gcd_0_r. lia.
  - rewrite IH by (apply Nat.mod_upper_bound; exact positive).
    rewrite (Nat.gcd_comm a b), (Nat.gcd_comm b (a mod b)). apply Nat.gcd_mod. exact positive.
Qed.
