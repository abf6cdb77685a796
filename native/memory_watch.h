// Watches memory on a thread of its own, also while JavaScript is blocked. The interface knows no operating system and no
// N-API, and the thread knows no policy: it is told what each scope had left and below which figure somebody wants to hear.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "memory_files.h"

namespace guard {

// Where the kernel itself tells of pressure: a file, and the row whose usage it is about.
struct Notice {
  enum class Kind { kUsageThreshold, kEvents, kPressure };
  Kind kind;
  // kUsageThreshold: the directory of a v1 group; else the file.
  std::string path;
  std::size_t row;
};

// What was judged last: the rows as they were read, what each row's scope had left by that, and the figure below which
// the judgement changes.
struct Judged {
  std::vector<double> rows;
  std::vector<double> left;
  double below_bytes;
};

// The least that was left since it was last taken.
struct Least {
  double left_bytes;
  // How long ago.
  double age_ms;
};

class MemoryWatch {
 public:
  virtual ~MemoryWatch() = default;
  // Begins, or goes on with other figures. What was seen so far is forgotten.
  virtual void Watch(Judged&& judged) noexcept = 0;
  virtual std::optional<Least> Take() noexcept = 0;
};

bool MemoryWatchSupported() noexcept;

// A byte is written to `wake`, which the watch owns from here, once for each `Watch` whose figure was crossed, and where
// the files can't be read any more. Null where the thread or the memory can't be had; `wake` is closed then.
std::unique_ptr<MemoryWatch> OpenMemoryWatch(Plan&& plan, std::vector<Notice>&& notices, int wake) noexcept;

// Two connected ends, [0] for JavaScript. False where there are none.
bool OpenWake(int (&ends)[2]) noexcept;
void CloseWake(int end) noexcept;

}  // namespace guard
