// Cached reads of kernel memory files into a flat array of numbers. The interface knows no operating system and no N-API.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace guard {

// How a file is parsed, as in src/sensors/linux/read-plan.ts.
enum class Parse : std::int32_t { kNumber = 0, kMeminfo = 1, kStatus = 2, kStatV1 = 3, kStatV2 = 4 };

// The columns of a row, as in src/sensors/scope-rows.ts. A contract test reads the same trees through both readers.
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

// How a reading of all files ended: the rows are filled, this process is in another group now, or a file failed.
enum class Outcome : std::int32_t { kDone = 0, kMoved = 1, kFailed = 2 };

struct PlannedFile {
  std::string path;
  Parse parse;
  std::size_t row;
  std::size_t column;
};

// The file that names the control group of this process, and what it held when the plan was made.
struct GroupFile {
  std::string path;
  std::string bytes;
};

struct ReadPlan {
  std::vector<PlannedFile> files;
  std::optional<GroupFile> group;
  bool swap = false;
};

// Which file failed and how: an errno, or a text that its format does not allow. `file` points into the plan; the texts are
// copies and may be cut.
struct FileProblem {
  const char* file = nullptr;
  int error = 0;
  char expected[64] = {};
  char found[64] = {};
};

// Not for two threads at once.
class MemoryFiles {
 public:
  virtual ~MemoryFiles() = default;
  // Reads into `rows`, which must have room for every row of the plan. `full` reads every file; otherwise a memory.stat is
  // read only if it can change the minimum.
  virtual Outcome Read(double* rows, bool full) noexcept = 0;
  // Why the last reading was not done. Empty if this process is simply in another group.
  virtual const std::optional<FileProblem>& LastProblem() const noexcept = 0;
};

bool MemoryFilesSupported() noexcept;
// Null if there is no memory for it or the system is not supported.
std::unique_ptr<MemoryFiles> OpenMemoryFiles(ReadPlan&& plan) noexcept;
// For example "ENOENT" for 2. Null for a number that has no name here.
const char* ErrnoName(int error) noexcept;

}  // namespace guard
