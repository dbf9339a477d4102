/* Enters an OCaml program that was linked into one object with -output-complete-obj. It ends by OCaml's own exit. */
#include <caml/callback.h>

int main(int argc, char **argv) {
  (void)argc;
  caml_main(argv);
  return 99;
}
