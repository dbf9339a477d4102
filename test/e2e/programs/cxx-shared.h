// What the two halves of the C++ self-check share.
#pragma once
#include <atomic>
#include <stdexcept>
#include <string>
#include <typeinfo>

extern std::atomic<int> alive, counters_destroyed;

struct Guard {
  Guard() { ++alive; }
  ~Guard() { --alive; }
};

struct Failure : std::runtime_error {
  int code;
  Failure(const std::string &what, int code) : std::runtime_error(what), code(code) {}
};

// Dynamically initialised and destroyed per thread.
struct Counter {
  int value;
  Counter() : value(100) {}
  ~Counter() { ++counters_destroyed; }
};
extern thread_local Counter counter;
extern thread_local int plain_counter;

inline int inline_function(int x) {
  static int calls = 0; // one variable, whichever object's copy survives
  return ++calls * 1000 + x;
}

template <typename T> struct Shared {
  static inline int instances = 0;
};

void throw_from_here(int depth);
int (*shared_inline_address())(int);
const std::type_info &failure_type();
int instances_seen_here();
