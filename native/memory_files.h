// Cached reads of kernel memory files into a flat array of numbers. The interface knows no operating system and no N-API.
#ifndef NEXA_MEMORY_GUARD_MEMORY_H
#define NEXA_MEMORY_GUARD_MEMORY_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace guard {

// As in src/sensors/linux/read-plan.ts and src/sensors/scope-rows.ts; a contract test reads the same trees through both
// readers.
enum class Parse : std::int32_t { kNumber = 0, kMeminfo = 1, kStatus = 2, kStatV1 = 3, kStatV2 = 4 };
enum Column : std::size_t {
  kLimit = 0,
  kHigh = 1,
  kUsed = 2,
  kReclaimable = 3,
  kDirty = 4,
  kSwapLimit = 5,
  kSwapUsed = 6,
  kHidden = 7,
  kAvailable = 8,
  kSwappiness = 9,
  kStride = 10,
};
enum class Outcome : std::int32_t { kDone = 0, kMoved = 1, kFailed = 2 };

struct File {
  std::string path;
  Parse parse;
  std::size_t row;
  std::size_t column;
};

struct Group {
  std::string path;
  std::string bytes;
};

struct Plan {
  std::vector<File> files;
  std::optional<Group> group;
  bool swap = false;
};

// Which file failed and how: an errno, or a text that is not what its format promises. The texts are cut, never owned
// elsewhere.
struct Problem {
  const char* file = nullptr;
  int error = 0;
  char expected[64] = {};
  char found[64] = {};
};

class MemoryFiles {
 public:
  virtual ~MemoryFiles() = default;
  // Reads into `rows`, which has room for every row of the plan. `full`: every file; else memory.stat only where it can
  // change the minimum.
  virtual Outcome Read(double* rows, bool full) noexcept = 0;
  // Of the last reading that was not done; none where the group is simply another one.
  virtual const std::optional<Problem>& LastProblem() const noexcept = 0;
};

bool MemoryFilesSupported() noexcept;
// Null where memory is short or the system is not supported.
std::unique_ptr<MemoryFiles> OpenMemoryFiles(Plan&& plan) noexcept;
// ENOENT for 2. Null for a number without a name.
const char* ErrnoName(int error) noexcept;

}  // namespace guard

#endif
