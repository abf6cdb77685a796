#include "thread_spinning.h"

#include "../nexa_os.h"

namespace guard::nexa {
namespace {

struct Variable {
  const char* name;
  const char* value;
};

// GNU's OpenMP takes the second one if it has both. Its own default is 300,000 spins, and 1000 once it has more threads
// than processors; it does not see what else computes. Of texts on two threads beside two busy processes, 600 tokens took
// 34 s with the default, 5.2 to 5.4 s with 1000 and 5.8 to 7.5 s with 0, which is what the first one alone means. On a
// quiet machine they took 1.71 and 1.88 s, 1.68 and 1.84 s, 2.32 and 2.56 s.
constexpr Variable kVariables[] = {{"OMP_WAIT_POLICY", "PASSIVE"}, {"GOMP_SPINCOUNT", "1000"}};

}  // namespace

void LimitThreadSpinning() {
  for (const Variable& each : kVariables) {
    if (!os::ReadVariable(each.name).empty()) return;
  }
  for (const Variable& each : kVariables) os::WriteVariable(each.name, each.value);
}

}  // namespace guard::nexa
