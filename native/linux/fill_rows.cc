// Fills the same cells from the same lines as src/sensors/linux/fill-rows.ts, which has a sample of each format.
#include "fill_rows.h"

#include <algorithm>
#include <cmath>

#include "kernel_text.h"
#include "row_arithmetic.h"

namespace guard {
namespace {

// The key whose number is missing or garbage, if there is one.
using BadKey = std::optional<std::string_view>;

// The lines of meminfo, in the order in which the kernel writes them, and their places in this list.
constexpr std::array<std::string_view, 11> kMeminfo = {
    "MemTotal:", "MemFree:",   "MemAvailable:", "Active(file):", "Inactive(file):", "SwapFree:",
    "Dirty:",    "Writeback:", "SReclaimable:", "CommitLimit:",  "Committed_AS:"};
enum MeminfoKey : std::size_t {
  kMemTotal,
  kMemFree,
  kMemAvailable,
  kActiveFile,
  kInactiveFile,
  kSwapFree,
  kDirtyFile,
  kWriteback,
  kSReclaimable,
  kCommitLimit,
  kCommittedAs,
};
// A measure needs only so many of them, and they are the first lines of the file.
constexpr std::size_t kMeminfoShort = 3;

constexpr std::array<std::string_view, 2> kStatus = {"VmSize:", "VmData:"};
constexpr std::array<std::string_view, 4> kStatV1 = {"total_dirty ", "total_writeback ", "total_inactive_file ",
                                                     "total_active_file "};
constexpr std::array<std::string_view, 5> kHierarchical = {"hierarchical_memory_limit ", "total_dirty ", "total_writeback ",
                                                           "total_inactive_file ", "total_active_file "};
constexpr std::array<std::string_view, 6> kStatV2 = {"file_dirty ",  "file_writeback ", "inactive_file ",
                                                     "active_file ", "unevictable ",    "slab_reclaimable "};
// Slab that locked pages hold is called reclaimable and is not (measured in fill-rows.ts).
constexpr double kSlabOfLocked = 1.0 / 32;

template <std::size_t N>
BadKey FindMissing(const std::array<std::string_view, N>& keys, const double* values, std::size_t from,
                   std::size_t to) noexcept {
  for (std::size_t at = from; at < to; at++) {
    if (!(values[at] >= 0) || std::isinf(values[at])) return keys[at];
  }
  return std::nullopt;
}

// These may be absent, but must not be garbage.
template <std::size_t N>
BadKey FindGarbage(const std::array<std::string_view, N>& keys, const double* values, std::size_t from,
                   std::size_t to) noexcept {
  for (std::size_t at = from; at < to; at++) {
    if (values[at] < 0 || std::isinf(values[at])) return keys[at];
  }
  return std::nullopt;
}

BadKey FillRestOfMeminfo(const double* values, double* rows, std::size_t commit, bool swap) noexcept {
  if (BadKey bad = FindMissing(kMeminfo, values, kActiveFile, kSwapFree)) return bad;
  if (swap) {
    if (BadKey bad = FindMissing(kMeminfo, values, kSwapFree, kDirtyFile)) return bad;
  }
  if (BadKey bad = FindGarbage(kMeminfo, values, kDirtyFile, kCommitLimit)) return bad;
  if (commit != 0) {
    if (BadKey bad = FindMissing(kMeminfo, values, kCommitLimit, kMeminfo.size())) return bad;
    rows[commit * kStride + kLimit] = values[kCommitLimit] * 1024;
    rows[commit * kStride + kUsed] = values[kCommittedAs] * 1024;
  }
  rows[kReclaimable] = (values[kActiveFile] + values[kInactiveFile]) * 1024;
  if (values[kSReclaimable] > 0) rows[kReclaimable] += values[kSReclaimable] * 1024;
  rows[kDirty] = (values[kDirtyFile] + values[kWriteback]) * 1024;
  if (swap) rows[kSwapLimit] = values[kSwapFree] * 1024;
  return std::nullopt;
}

BadKey FillMeminfo(std::string_view text, double* rows, std::size_t commit, bool full, bool swap) noexcept {
  std::array<double, kMeminfo.size()> values{};
  const bool all = full || swap || commit != 0;
  text::ScanKeys(text, kMeminfo, all ? kMeminfo.size() : kMeminfoShort, values.data());
  if (BadKey bad = FindMissing(kMeminfo, values.data(), 0, kMeminfoShort)) return bad;
  rows[kLimit] = values[kMemTotal] * 1024;
  rows[kUsed] = (values[kMemTotal] - values[kMemFree]) * 1024;
  rows[kAvailable] = values[kMemAvailable] * 1024;
  return all ? FillRestOfMeminfo(values.data(), rows, commit, swap) : std::nullopt;
}

BadKey FillStatus(std::string_view text, double* rows, std::size_t size_row, std::size_t data_row) noexcept {
  std::array<double, kStatus.size()> values{};
  text::ScanKeys(text, kStatus, kStatus.size(), values.data());
  if (BadKey bad = FindMissing(kStatus, values.data(), 0, kStatus.size())) return bad;
  if (size_row != 0) rows[size_row * kStride + kUsed] = values[0] * 1024;
  if (data_row != 0) rows[data_row * kStride + kUsed] = values[1] * 1024;
  return std::nullopt;
}

// The keys end with two for dirty pages and two for lists of file pages.
template <std::size_t N>
BadKey FillStatV1(const std::array<std::string_view, N>& keys, std::string_view text, double* row) noexcept {
  std::array<double, N> values{};
  constexpr std::size_t first = N - 4;
  text::ScanKeys(text, keys, N, values.data());
  if (first == 1 && !(values[0] >= 0)) return keys[0];
  if (BadKey bad = FindGarbage(keys, values.data(), first, first + 2)) return bad;
  if (BadKey bad = FindMissing(keys, values.data(), first + 2, N)) return bad;
  if (first == 1) row[kHidden] = values[0];
  row[kDirty] = values[first] + values[first + 1];
  row[kReclaimable] = values[first + 2] + values[first + 3];
  return std::nullopt;
}

// Two keys for dirty pages, two for lists of file pages, then locked pages and slab.
BadKey FillStatV2(std::string_view text, double* row) noexcept {
  std::array<double, kStatV2.size()> values{};
  text::ScanKeys(text, kStatV2, kStatV2.size(), values.data());
  if (BadKey bad = FindGarbage(kStatV2, values.data(), 0, 2)) return bad;
  if (BadKey bad = FindMissing(kStatV2, values.data(), 2, kStatV2.size())) return bad;
  row[kDirty] = values[0] + values[1];
  row[kReclaimable] = values[2] + values[3] + std::max(0.0, values[5] - values[4] * kSlabOfLocked);
  return std::nullopt;
}

}  // namespace

BadKey FillRows(const PlannedFile& file, std::string_view text, double* rows, bool full, bool swap) noexcept {
  double* row = rows + file.row * kStride;
  switch (file.parse) {
    case Parse::kNumber: {
      const double value = text::ParseNumberFile(text);
      if (value < 0 || (std::isinf(value) && IsUsage(file.column))) return std::string_view{};
      row[file.column] = value;
      return std::nullopt;
    }
    case Parse::kMeminfo: return FillMeminfo(text, rows, file.column, full, swap);
    case Parse::kStatus: return FillStatus(text, rows, file.row, file.column);
    case Parse::kStatV1: return file.column != 0 ? FillStatV1(kHierarchical, text, row) : FillStatV1(kStatV1, text, row);
    case Parse::kStatV2: return FillStatV2(text, row);
  }
  return std::string_view{};
}

}  // namespace guard
