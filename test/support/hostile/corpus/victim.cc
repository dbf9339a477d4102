// The C++ object that is mutated: COMDAT groups, virtual tables, unwind tables with a personality, guard-free statics.
struct Base {
  virtual int value(int x) { return x; }
};
struct Derived : Base {
  int value(int x) override { return x * 3; }
};
template <int N> inline int repeated(int x) {
  static int count;
  return count += N + x;
}
extern "C" {
int victim_data[4] = {1, 2, 3, 4};
thread_local int victim_tls = 3;
void outside(int) __attribute__((weak));
int victim(int x);
}
inline thread_local int shared_tls = 8;
struct Guard {
  int *place;
  ~Guard() { ++*place; }
};
static Derived derived;
Base *volatile object = &derived;

int victim(int x) {
  Guard guard{&victim_data[2]};
  if (outside) outside(x);
  return object->value(x) + repeated<1>(x) + repeated<2>(x) + shared_tls;
}
