(* An OCaml program linked with -output-complete-obj: its runtime, garbage collector and exceptions run inside one
   object with a C main. Prints a digest over hash tables, closures, exceptions, floats, bigarrays, formatted text and
   a heap that is collected and compacted many times. *)

exception Found of int * string

module Words = Map.Make (String)

type tree = Leaf | Node of tree * int * tree

let rec insert x = function
  | Leaf -> Node (Leaf, x, Leaf)
  | Node (l, y, r) as t -> if x < y then Node (insert x l, y, r) else if x > y then Node (l, y, insert x r) else t

let rec depth = function Leaf -> 0 | Node (l, _, r) -> 1 + max (depth l) (depth r)

let digest = ref ""
let fold name value =
  digest := Digest.string (!digest ^ name ^ "=" ^ value)

let check name got want =
  if got <> want then failwith (Printf.sprintf "%s: got %s, want %s" name got want);
  fold name got

let tables () =
  let t = Hashtbl.create 16 in
  for i = 0 to 99_999 do Hashtbl.replace t (i * 7919 mod 100_003) (string_of_int i) done;
  check "entries" (string_of_int (Hashtbl.length t)) "100000";
  check "lookup" (Hashtbl.find t 7919) "1";
  let sum = Hashtbl.fold (fun k v acc -> (acc + (k lxor int_of_string v)) land 0xffffff) t 0 in
  fold "sum" (string_of_int sum)

let exceptions () =
  let find limit =
    try
      for i = 0 to limit do if i * i > 5_000_000 then raise (Found (i, "square")) done;
      "none"
    with Found (i, what) -> Printf.sprintf "%s %d" what i
  in
  check "raised" (find max_int) "square 2237";
  check "out of bounds" (try string_of_int [| 1; 2 |].(Sys.opaque_identity 5) with Invalid_argument m -> m) "index out of bounds";
  check "division" (try string_of_int (1 / Sys.opaque_identity 0) with Division_by_zero -> "zero") "zero";
  let rec runaway n = 1 + runaway (n + 1) in
  check "stack overflow" (try string_of_int (runaway 0) with Stack_overflow -> "overflow") "overflow";
  let deep = ref 0 in
  let rec unwind n = if n = 0 then raise Exit else try unwind (n - 1) with Not_found -> incr deep in
  (try unwind 100_000 with Exit -> incr deep);
  check "through 100,000 handlers" (string_of_int !deep) "1"

let garbage () =
  let keep = Array.make 1000 [] in
  for i = 0 to 2_000_000 do
    let slot = i mod 1000 in
    keep.(slot) <- (i, float_of_int i) :: (if i mod 7 = 0 then [] else keep.(slot))
  done;
  Gc.compact ();
  let total = Array.fold_left (fun acc l -> List.fold_left (fun a (i, f) -> a + i + int_of_float f) acc l) 0 keep in
  fold "kept" (string_of_int total);
  let finalised = ref 0 in
  for _ = 1 to 100 do Gc.finalise (fun _ -> incr finalised) (Bytes.create 100) done;
  Gc.full_major (); Gc.full_major ();
  check "finalisers ran" (string_of_bool (!finalised >= 99)) "true"

let text () =
  check "printf" (Printf.sprintf "%08.3f|%-5s|%+d|%x|%S" 3.14159 "ab" 7 255 "q\n") "0003.142|ab   |+7|ff|\"q\\n\"";
  check "scanf" (Scanf.sscanf "12 0x1f word" "%d %i %s" (fun a b c -> Printf.sprintf "%d %d %s" a b c)) "12 31 word";
  let words = List.fold_left (fun m w -> Words.update w (fun n -> Some (1 + Option.value n ~default:0)) m) Words.empty
      (String.split_on_char ' ' "to be or not to be that is the question to") in
  check "to" (string_of_int (Words.find "to" words)) "3";
  check "float" (Printf.sprintf "%h" (sqrt 2.0)) "0x1.6a09e667f3bcdp+0";
  check "int64" (Int64.to_string (Int64.mul 0x100000001L 0x100000001L)) "8589934593"

let trees () =
  let seed = ref 12345 and t = ref Leaf in
  for _ = 1 to 20_000 do
    seed := (!seed * 1103515245 + 12345) land 0x7fffffff;
    t := insert !seed !t
  done;
  fold "depth" (string_of_int (depth !t))

let () =
  Printexc.record_backtrace true;
  tables (); exceptions (); garbage (); text (); trees ();
  at_exit (fun () -> Printf.printf "ocaml %s\n" (Digest.to_hex !digest));
  exit 0
