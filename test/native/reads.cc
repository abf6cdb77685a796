// Reads files through the addon's reader and prints every number: `reads (FORMAT PATH)…`, formats as in native/memory.h. The same on
// every system, or one of them reads wrongly.
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "../../native/memory.h"

int main(int count, char** arguments) {
  for (int at = 1; at + 1 < count; at += 2) {
    const auto format = static_cast<guard::Parse>(std::atoi(arguments[at]));
    const bool hidden = format == guard::Parse::kStatV1;
    guard::Plan plan;
    plan.files.push_back({arguments[at + 1], format, 0, hidden || format == guard::Parse::kStatus ? 1u : 0u});
    double rows[2 * guard::kStride] = {};
    const auto files = guard::OpenMemoryFiles(std::move(plan));
    if (!files) return 2;
    std::printf("%d %d", std::atoi(arguments[at]), static_cast<int>(files->Read(rows, true)));
    for (const double number : rows) std::printf(" %.17g", number);
    if (const auto& problem = files->LastProblem()) {
      const char* name = guard::ErrnoName(problem->error);
      std::printf(" %s|%s|%s", problem->expected, problem->found, name != nullptr ? name : "");
    }
    std::printf("\n");
  }
  return 0;
}
