// Static C++: exceptions through several objects and frames with destructors, RTTI, threads, mutexes and futures,
// thread-locals with constructors and destructors, iostreams and locales, COMDAT functions with static variables,
// initialisation order inside a file, and atexit. Prints one digest line.
#include <algorithm>
#include <any>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <regex>
#include <sstream>
#include <thread>
#include <unordered_map>
#include <vector>
#include "cxx-shared.h"

std::atomic<int> alive, counters_destroyed;
static uint64_t digest = 1469598103934665603u;

static void fold(const std::string &text) {
  for (unsigned char c : text) digest = (digest ^ c) * 1099511628211u;
}

template <typename T> static void check(const char *name, const T &got, const T &want) {
  std::ostringstream text;
  text << name << '=' << got;
  if (!(got == want)) {
    std::cerr << text.str() << ", want " << want << std::endl;
    std::exit(1);
  }
  fold(text.str());
}

static std::vector<std::string> &order() {
  static std::vector<std::string> names;
  return names;
}
struct Named {
  explicit Named(const char *name) { order().push_back(name); }
};
static Named first("first"), second("second");

static void exceptions() {
  std::string seen;
  try {
    throw_from_here(50);
  } catch (const std::logic_error &) {
    seen = "wrong type";
  } catch (const Failure &failure) {
    seen = failure.what() + std::to_string(failure.code);
  }
  check("caught", seen, std::string("from another object42"));
  check("destructors ran", alive.load(), 0);
  check("type_info is one object", failure_type() == typeid(Failure), true);

  std::exception_ptr kept;
  try {
    try {
      std::vector<int>().at(3);
    } catch (...) {
      std::throw_with_nested(std::runtime_error("outer"));
    }
  } catch (...) {
    kept = std::current_exception();
  }
  try {
    std::rethrow_exception(kept);
  } catch (const std::exception &e) {
    try {
      std::rethrow_if_nested(e);
    } catch (const std::out_of_range &) {
      seen = std::string("nested in ") + e.what();
    }
  }
  check("nested", seen, std::string("nested in outer"));
  auto sorter = [](int a, int b) -> bool { if (a + b == 11) throw 7; return a < b; };
  std::vector<int> numbers{9, 2, 8, 5, 6, 1};
  int thrown = 0;
  try {
    std::sort(numbers.begin(), numbers.end(), sorter); // through frames of the library
  } catch (int value) {
    thrown = value;
  }
  check("through std::sort", thrown, 7);
  bool bad_cast = false;
  try {
    (void)std::any_cast<std::string>(std::any(5));
  } catch (const std::bad_any_cast &) {
    bad_cast = true;
  }
  check("bad_any_cast", bad_cast, true);
}

static void threads() {
  std::mutex mutex;
  std::condition_variable ready;
  int sum = 0, arrived = 0;
  std::vector<std::thread> crew;
  for (int i = 0; i < 8; i++)
    crew.emplace_back([&, i] {
      counter.value += i;
      plain_counter += i;
      std::unique_lock<std::mutex> lock(mutex);
      sum += counter.value + plain_counter;
      arrived++;
      ready.notify_all();
      ready.wait(lock, [&] { return arrived == 8; });
    });
  for (auto &thread : crew) thread.join();
  check("thread-locals are per thread", sum, 8 * 107 + 2 * 28);
  check("the main thread's own", counter.value + plain_counter, 107);
  check("thread-local destructors", counters_destroyed.load(), 8);
  auto future = std::async(std::launch::async, [] {
    throw_from_here(3);
    return 0;
  });
  std::string message;
  try {
    future.get();
  } catch (const Failure &failure) {
    message = failure.what();
  }
  check("an exception crosses threads", message, std::string("from another object"));
  std::once_flag once;
  int ran = 0;
  for (int i = 0; i < 3; i++) std::call_once(once, [&] { ran++; });
  check("call_once", ran, 1);
}

static void linkage() {
  check("one inline function", shared_inline_address() == &inline_function, true);
  inline_function(1);
  check("one static in it", shared_inline_address()(5), 2005);
  ++Shared<int>::instances;
  check("one inline variable", instances_seen_here(), 2);
  check("initialisation order", order().size() == 2 && order()[0] == "first", true);
}

static void library() {
  std::ostringstream out;
  out << std::fixed << std::setprecision(3) << 3.14159 << ' ' << std::hex << std::showbase << 255 << ' ' << std::boolalpha
      << true << ' ' << std::setw(6) << std::setfill('*') << "ab";
  check("streams", out.str(), std::string("3.142 0xff true ****ab"));
  std::unordered_map<std::string, int> counts;
  for (int i = 0; i < 10000; i++) counts[std::to_string(i % 137)]++;
  check("unordered_map", counts["5"], 73);
  check("regex", std::regex_replace(std::string("a1b22c"), std::regex("[0-9]+"), "#"), std::string("a#b#c"));
  std::shared_ptr<Guard> shared = std::make_shared<Guard>();
  std::weak_ptr<Guard> weak = shared;
  shared.reset();
  check("weak_ptr", weak.expired() && alive == 0, true);
  std::istringstream in("12 0x1f 2.5");
  int a = 0;
  double d = 0;
  std::string hex;
  in >> a >> hex >> d;
  check("parsed", a + d + std::stoi(hex, nullptr, 16), 45.5);
  check("locale", std::isalpha('x', std::locale::classic()), true);
}

int main() {
  exceptions();
  threads();
  linkage();
  library();
  std::atexit([] { std::printf("cxx %016llx\n", (unsigned long long)digest); });
  return 0;
}
