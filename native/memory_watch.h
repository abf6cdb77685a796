// Watches memory on a thread of its own, also while JavaScript is blocked. The interface knows no operating system and no
// N-API, and the thread knows no policy: it is told what each scope had left, and below which figure it must report.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "memory_files.h"

namespace guard {

// A kernel notification that can be asked for: a file, and the row whose usage it is about. The kinds are counted as in
// src/sensors/linux/memory-watch.ts.
struct Notice {
  enum class Kind { kUsageThreshold = 0, kEvents = 1, kPressure = 2 };
  Kind kind;
  // The directory of a v1 group for kUsageThreshold, a file for the others.
  std::string path;
  std::size_t row;
};

// What JavaScript judged last: the rows as they were read, what the scope of each row had left by them, and the figure
// below which the judgement changes.
struct Judgement {
  std::vector<double> rows;
  std::vector<double> left;
  double below_bytes;
};

// The least that was left since it was last taken, and how long ago that was.
struct LeastLeft {
  double left_bytes;
  double age_ms;
};

// Every method may be called from any thread. None of them waits for a reading.
class MemoryWatch {
 public:
  virtual ~MemoryWatch() = default;
  // Starts the watch, or goes on with other figures. What was seen so far is forgotten.
  virtual void Watch(Judgement&& judgement) noexcept = 0;
  virtual std::optional<LeastLeft> Take() noexcept = 0;
};

bool MemoryWatchSupported() noexcept;

// Calls `woken`, which must not throw, on a thread of its own: once for each `Watch` whose figure was crossed, and if the
// files cannot be read any more. A call may still come while the watch is destroyed and for a moment after it. Null if
// there is no thread or no memory for it.
std::unique_ptr<MemoryWatch> OpenMemoryWatch(ReadPlan&& plan, std::vector<Notice>&& notices,
                                             std::function<void()> woken) noexcept;

}  // namespace guard
