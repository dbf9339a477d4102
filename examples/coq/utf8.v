(** UTF-8 as RFC 3629 has it: lists of scalar values to lists of bytes and back. Proved: what is encoded decodes to
    itself, and what decodes is the encoding of scalar values and of nothing else. So there is one form of each text:
    overlong forms, surrogates, values above 0x10FFFF, stray and missing continuation bytes are all refused. *)

From Coq Require Import ZArith List Lia ZifyBool ZifyN.
Import ListNotations.
Open Scope bool_scope.
Open Scope N_scope.

(** What Unicode lets a text hold: all code points but the surrogates. *)
Definition is_scalar (c : N) : bool := (c <? 0xD800) || ((0xE000 <=? c) && (c <? 0x110000)).

Definition is_continuation (b : N) : bool := (0x80 <=? b) && (b <? 0xC0).

Definition two_bytes (c : N) : list N := [0xC0 + c / 64; 0x80 + c mod 64].
Definition three_bytes (c : N) : list N := [0xE0 + c / 4096; 0x80 + c / 64 mod 64; 0x80 + c mod 64].
Definition four_bytes (c : N) : list N :=
  [0xF0 + c / 262144; 0x80 + c / 4096 mod 64; 0x80 + c / 64 mod 64; 0x80 + c mod 64].

Definition encode_one (c : N) : list N :=
  if c <? 0x80 then [c]
  else if c <? 0x800 then two_bytes c
  else if c <? 0x10000 then three_bytes c
  else four_bytes c.

Definition encode (text : list N) : list N := flat_map encode_one text.

(** [decoded] holds, last first, the scalar values before [bytes]. *)
Fixpoint decode_onto (decoded bytes : list N) : option (list N) :=
  match bytes with
  | [] => Some (rev_append decoded [])
  | a :: after_a =>
      if a <? 0x80 then decode_onto (a :: decoded) after_a
      else
        match after_a with
        | [] => None
        | b :: after_b =>
            if (a <? 0xC2) || negb (is_continuation b) then None
            else if a <? 0xE0 then decode_onto ((a - 0xC0) * 64 + (b - 0x80) :: decoded) after_b
            else
              match after_b with
              | [] => None
              | c :: after_c =>
                  if negb (is_continuation c) then None
                  else if a <? 0xF0 then
                    let value := (a - 0xE0) * 4096 + (b - 0x80) * 64 + (c - 0x80) in
                    if (0x800 <=? value) && is_scalar value then decode_onto (value :: decoded) after_c else None
                  else
                    match after_c with
                    | [] => None
                    | d :: after_d =>
                        let value := (a - 0xF0) * 262144 + (b - 0x80) * 4096 + (c - 0x80) * 64 + (d - 0x80) in
                        if is_continuation d && (0x10000 <=? value) && (value <? 0x110000)
                        then decode_onto (value :: decoded) after_d
                        else None
                    end
              end
        end
  end.

Definition decode (bytes : list N) : option (list N) := decode_onto [] bytes.

Definition is_utf8 (bytes : list N) : bool :=
  match decode bytes with
  | Some _ => true
  | None => false
  end.

(** For goals whose quotients and remainders [lia] must know. *)
Ltac divide := zify; Z.to_euclidean_division_equations; lia.

Lemma digits :
  forall c,
  exists h i j k,
    c = 262144 * h + 4096 * i + 64 * j + k /\ i < 64 /\ j < 64 /\ k < 64 /\
    c / 262144 = h /\ c / 4096 = 64 * h + i /\ c / 64 = 4096 * h + 64 * i + j /\
    c / 4096 mod 64 = i /\ c / 64 mod 64 = j /\ c mod 64 = k.
Proof.
  intros c. exists (c / 262144), (c / 4096 mod 64), (c / 64 mod 64), (c mod 64). repeat split; divide.
Qed.

(** Names what each byte holds of [c], so that what is left is linear. *)
Ltac name_digits c :=
  destruct (digits c) as (h & i & j & k & ? & ? & ? & ? & E1 & E2 & E3 & E4 & E5 & E6);
  rewrite ?E6, ?E5, ?E4, ?E3, ?E2, ?E1; clear E1 E2 E3 E4 E5 E6.

Ltac decide_conditions :=
  repeat
    match goal with
    | |- context [if ?condition then _ else _] => destruct condition eqn:?
    end.

Lemma decode_onto_encode_one :
  forall c decoded rest,
  is_scalar c = true -> decode_onto decoded (encode_one c ++ rest) = decode_onto (c :: decoded) rest.
Proof.
  intros c decoded rest S. unfold encode_one, two_bytes, three_bytes, four_bytes, is_scalar in *.
  name_digits c.
  destruct (c <? 0x80) eqn:?; [| destruct (c <? 0x800) eqn:?; [| destruct (c <? 0x10000) eqn:?]];
    cbn [app decode_onto]; cbv zeta; unfold is_continuation, is_scalar;
    decide_conditions; try (exfalso; lia);
    repeat f_equal; lia.
Qed.

Lemma decode_onto_encode :
  forall text decoded,
  Forall (fun c => is_scalar c = true) text -> decode_onto decoded (encode text) = Some (rev decoded ++ text).
Proof.
  induction text as [| c text IH]; intros decoded S; simpl.
  - rewrite rev_append_rev. reflexivity.
  - inversion S; subst. rewrite decode_onto_encode_one by assumption. rewrite IH by assumption.
    simpl. rewrite <- app_assoc. reflexivity.
Qed.

(** Decoding gives back every text that is encoded. *)
Theorem decode_encode : forall text, Forall (fun c => is_scalar c = true) text -> decode (encode text) = Some text.
Proof.
  intros text S. exact (decode_onto_encode text [] S).
Qed.

(** The first step of a decoding that succeeds. *)
Lemma decode_onto_step :
  forall decoded a rest text,
  decode_onto decoded (a :: rest) = Some text ->
  exists c after,
    is_scalar c = true /\ a :: rest = encode_one c ++ after /\ (length after <= length rest)%nat /\
    decode_onto (c :: decoded) after = Some text.
Proof.
  intros decoded a rest text. cbn [decode_onto]. cbv zeta. unfold is_continuation.
  assert (forall c after,
    is_scalar c = true -> a :: rest = encode_one c ++ after -> (length after <= length rest)%nat ->
    decode_onto (c :: decoded) after = Some text ->
    exists c after,
      is_scalar c = true /\ a :: rest = encode_one c ++ after /\ (length after <= length rest)%nat /\
      decode_onto (c :: decoded) after = Some text) as found by eauto 8.
  destruct (a <? 0x80) eqn:A.
  { intros D. eapply found; [| | | exact D]; unfold is_scalar, encode_one; rewrite ?A; simpl; auto; lia. }
  destruct rest as [| b rest]; [discriminate |].
  destruct ((a <? 0xC2) || negb ((0x80 <=? b) && (b <? 0xC0)))%bool eqn:B; [discriminate |].
  destruct (a <? 0xE0) eqn:A2.
  { intros D. eapply found; [| | | exact D].
    - unfold is_scalar. lia.
    - unfold encode_one, two_bytes. decide_conditions; try (exfalso; lia).
      cbn [app]. repeat f_equal; divide.
    - simpl. lia. }
  destruct rest as [| c rest]; [discriminate |].
  destruct (negb ((0x80 <=? c) && (c <? 0xC0))) eqn:C; [discriminate |].
  destruct (a <? 0xF0) eqn:A3.
  { match goal with |- (if ?valid then _ else _) = _ -> _ => destruct valid eqn:V; [| discriminate] end.
    intros D. eapply found; [| | | exact D].
    - unfold is_scalar in *. lia.
    - unfold encode_one, three_bytes, is_scalar in *. decide_conditions; try (exfalso; lia).
      cbn [app]. repeat f_equal; divide.
    - simpl. lia. }
  destruct rest as [| d rest]; [discriminate |].
  match goal with |- (if ?valid then _ else _) = _ -> _ => destruct valid eqn:V; [| discriminate] end.
  intros D. eapply found; [| | | exact D].
  - unfold is_scalar in *. lia.
  - unfold encode_one, four_bytes, is_scalar in *. decide_conditions; try (exfalso; lia).
    cbn [app]. repeat f_equal; divide.
  - simpl. lia.
Qed.

Lemma encode_decode_onto :
  forall size bytes decoded text,
  (length bytes <= size)%nat ->
  decode_onto decoded bytes = Some text ->
  exists suffix, text = rev decoded ++ suffix /\ Forall (fun c => is_scalar c = true) suffix /\ encode suffix = bytes.
Proof.
  induction size as [| size IH]; intros [| a rest] decoded text L D; simpl in L; try lia.
  1, 2: exists []; simpl in D; rewrite rev_append_rev in D; inversion D; auto.
  apply decode_onto_step in D as (c & after & S & E & A & D).
  apply IH in D as (suffix & T & F & R); [| lia].
  exists (c :: suffix). split; [| split].
  - rewrite T. simpl. rewrite <- app_assoc. reflexivity.
  - constructor; assumption.
  - simpl. rewrite R, E. reflexivity.
Qed.

(** What decodes holds scalar values only, and is the encoding of them. *)
Theorem encode_decode :
  forall bytes text,
  decode bytes = Some text -> Forall (fun c => is_scalar c = true) text /\ encode text = bytes.
Proof.
  intros bytes text D. apply (encode_decode_onto _ _ _ _ (le_n _)) in D as (suffix & -> & F & E). auto.
Qed.

(** No text has two forms. *)
Theorem decode_injective : forall a b text, decode a = Some text -> decode b = Some text -> a = b.
Proof.
  intros a b text A B. apply encode_decode in A as [_ <-]. apply encode_decode in B as [_ <-]. reflexivity.
Qed.

(** What decodes is made of bytes. *)
Theorem decode_takes_bytes : forall bytes text, decode bytes = Some text -> Forall (fun b => b < 256) bytes.
Proof.
  intros bytes text D. apply encode_decode in D as [F <-].
  induction F as [| c text S F IH]; simpl; [constructor |].
  apply Forall_app. split; [| exact IH].
  unfold is_scalar, encode_one, two_bytes, three_bytes, four_bytes in *.
  decide_conditions; repeat constructor; divide.
Qed.

Theorem refuses_overlong_two : forall c rest, c < 0x80 -> decode (two_bytes c ++ rest) = None.
Proof.
  intros c rest H. unfold decode, two_bytes. name_digits c. cbn [app decode_onto]. cbv zeta. unfold is_continuation.
  decide_conditions; try reflexivity; exfalso; lia.
Qed.

Theorem refuses_overlong_three : forall c rest, c < 0x800 -> decode (three_bytes c ++ rest) = None.
Proof.
  intros c rest H. unfold decode, three_bytes. name_digits c. cbn [app decode_onto]. cbv zeta. unfold is_continuation, is_scalar.
  decide_conditions; try reflexivity; exfalso; lia.
Qed.

Theorem refuses_overlong_four : forall c rest, c < 0x10000 -> decode (four_bytes c ++ rest) = None.
Proof.
  intros c rest H. unfold decode, four_bytes. name_digits c. cbn [app decode_onto]. cbv zeta. unfold is_continuation, is_scalar.
  decide_conditions; try reflexivity; exfalso; lia.
Qed.

Theorem refuses_surrogates : forall c rest, 0xD800 <= c < 0xE000 -> decode (three_bytes c ++ rest) = None.
Proof.
  intros c rest H. unfold decode, three_bytes. name_digits c. cbn [app decode_onto]. cbv zeta. unfold is_continuation, is_scalar.
  decide_conditions; try reflexivity; exfalso; lia.
Qed.

Theorem refuses_above_unicode : forall c rest, 0x10FFFF < c -> decode (four_bytes c ++ rest) = None.
Proof.
  intros c rest H. unfold decode, four_bytes. name_digits c. cbn [app decode_onto]. cbv zeta. unfold is_continuation, is_scalar.
  decide_conditions; try reflexivity; exfalso; lia.
Qed.
