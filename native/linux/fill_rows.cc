// The same lines and cells as src/sensors/linux/fill-rows.ts, where each format stands as a sample.
#include "fill_rows.h"

#include <algorithm>
#include <cmath>

#include "kernel_text.h"

namespace guard {
namespace {

using Bad = std::optional<std::string_view>;

constexpr std::array<std::string_view, 11> kMeminfo = {
    "MemTotal:", "MemFree:",   "MemAvailable:", "Active(file):", "Inactive(file):", "SwapFree:",
    "Dirty:",    "Writeback:", "SReclaimable:", "CommitLimit:",  "Committed_AS:"};
constexpr std::array<std::string_view, 2> kStatus = {"VmSize:", "VmData:"};
constexpr std::array<std::string_view, 4> kStatV1 = {"total_dirty ", "total_writeback ", "total_inactive_file ",
                                                     "total_active_file "};
constexpr std::array<std::string_view, 5> kHierarchical = {"hierarchical_memory_limit ", "total_dirty ", "total_writeback ",
                                                           "total_inactive_file ", "total_active_file "};
constexpr std::array<std::string_view, 6> kStatV2 = {"file_dirty ",  "file_writeback ", "inactive_file ",
                                                     "active_file ", "unevictable ",    "slab_reclaimable "};
constexpr double kSlabOfLocked = 1.0 / 32;

template <std::size_t N>
Bad Missing(const std::array<std::string_view, N>& keys, const double* values, std::size_t from, std::size_t to) noexcept {
  for (std::size_t at = from; at < to; at++) {
    if (!(values[at] >= 0) || std::isinf(values[at])) return keys[at];
  }
  return std::nullopt;
}

// Absent is allowed for these, garbage is not.
template <std::size_t N>
Bad Garbled(const std::array<std::string_view, N>& keys, const double* values, std::size_t from, std::size_t to) noexcept {
  for (std::size_t at = from; at < to; at++) {
    if (values[at] < 0 || std::isinf(values[at])) return keys[at];
  }
  return std::nullopt;
}

Bad FillRest(const double* values, double* rows, std::size_t commit, bool swap) noexcept {
  if (Bad bad = Missing(kMeminfo, values, 3, 5)) return bad;
  if (swap) {
    if (Bad bad = Missing(kMeminfo, values, 5, 6)) return bad;
  }
  if (Bad bad = Garbled(kMeminfo, values, 6, 9)) return bad;
  if (commit != 0) {
    if (Bad bad = Missing(kMeminfo, values, 9, 11)) return bad;
    rows[commit * kStride + kLimit] = values[9] * 1024;
    rows[commit * kStride + kUsed] = values[10] * 1024;
  }
  rows[kReclaimable] = (values[3] + values[4]) * 1024;
  if (values[8] > 0) rows[kReclaimable] += values[8] * 1024;
  rows[kDirty] = (values[6] + values[7]) * 1024;
  if (swap) rows[kSwapLimit] = values[5] * 1024;
  return std::nullopt;
}

Bad FillMeminfo(std::string_view text, double* rows, std::size_t commit, bool full, bool swap) noexcept {
  std::array<double, kMeminfo.size()> values{};
  const bool all = full || swap || commit != 0;
  text::ScanKeys(text, kMeminfo, all ? kMeminfo.size() : 3, values.data());
  if (Bad bad = Missing(kMeminfo, values.data(), 0, 3)) return bad;
  rows[kLimit] = values[0] * 1024;
  rows[kUsed] = (values[0] - values[1]) * 1024;
  rows[kAvailable] = values[2] * 1024;
  return all ? FillRest(values.data(), rows, commit, swap) : std::nullopt;
}

Bad FillStatus(std::string_view text, double* rows, std::size_t size_row, std::size_t data_row) noexcept {
  std::array<double, kStatus.size()> values{};
  text::ScanKeys(text, kStatus, kStatus.size(), values.data());
  if (Bad bad = Missing(kStatus, values.data(), 0, kStatus.size())) return bad;
  if (size_row != 0) rows[size_row * kStride + kUsed] = values[0] * 1024;
  if (data_row != 0) rows[data_row * kStride + kUsed] = values[1] * 1024;
  return std::nullopt;
}

template <std::size_t N>
Bad FillStatV1(const std::array<std::string_view, N>& keys, std::string_view text, double* row) noexcept {
  std::array<double, N> values{};
  constexpr std::size_t first = N - 4;
  text::ScanKeys(text, keys, N, values.data());
  if (first == 1 && !(values[0] >= 0)) return keys[0];
  if (Bad bad = Garbled(keys, values.data(), first, first + 2)) return bad;
  if (Bad bad = Missing(keys, values.data(), first + 2, N)) return bad;
  if (first == 1) row[kHidden] = values[0];
  row[kDirty] = values[first] + values[first + 1];
  row[kReclaimable] = values[first + 2] + values[first + 3];
  return std::nullopt;
}

Bad FillStatV2(std::string_view text, double* row) noexcept {
  std::array<double, kStatV2.size()> values{};
  text::ScanKeys(text, kStatV2, kStatV2.size(), values.data());
  if (Bad bad = Garbled(kStatV2, values.data(), 0, 2)) return bad;
  if (Bad bad = Missing(kStatV2, values.data(), 2, kStatV2.size())) return bad;
  row[kDirty] = values[0] + values[1];
  row[kReclaimable] = values[2] + values[3] + std::max(0.0, values[5] - values[4] * kSlabOfLocked);
  return std::nullopt;
}

}  // namespace

Bad Fill(const File& file, std::string_view text, double* rows, bool full, bool swap) noexcept {
  double* row = rows + file.row * kStride;
  switch (file.parse) {
    case Parse::kNumber: {
      const double value = text::NumberFile(text);
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
