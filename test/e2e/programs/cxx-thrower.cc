// The other half of cxx-selfcheck.cc: exceptions, vague linkage and thread-locals that cross object files.
#include "cxx-shared.h"

thread_local Counter counter;
thread_local int plain_counter = 7;

void throw_from_here(int depth) {
  Guard guard;
  if (depth == 0) throw Failure("from another object", 42);
  throw_from_here(depth - 1);
}

int (*shared_inline_address())(int) { return &inline_function; }
const std::type_info &failure_type() { return typeid(Failure); }
int instances_seen_here() { return ++Shared<int>::instances; }
