#include "left_bytes.h"

#include <cmath>
#include <limits>

#include "row_arithmetic.h"

namespace guard {
namespace {

// By how much a scope has less than it had. If either reading left out what can be reclaimed, all that is used more counts.
double ComputeFall(const double* before, const double* now, bool host) noexcept {
  if (host) return before[kAvailable] - now[kAvailable];
  const double used = now[kUsed] - before[kUsed];
  if (std::isnan(before[kReclaimable]) || std::isnan(now[kReclaimable])) return used;
  return used - (TakeLower(now[kUsed], now[kReclaimable]) - TakeLower(before[kUsed], before[kReclaimable]));
}

// Swap that was taken is gone for every scope. What a group has left of it is its limit less its usage; for the host, the
// limit is the free swap.
double ComputeSwapFall(const std::vector<double>& before, const std::vector<double>& now) noexcept {
  double most = 0;
  for (std::size_t at = 0; at < now.size(); at += kStride) {
    const double fall = (before[at + kSwapLimit] - before[at + kSwapUsed]) - (now[at + kSwapLimit] - now[at + kSwapUsed]);
    if (fall > most) most = fall;
  }
  return most;
}

// Whether every limit is what it was. One that either reading left out says nothing. The host's swap limit is what is free,
// which changes all the time.
bool HasSameLimits(const std::vector<double>& before, const std::vector<double>& now) noexcept {
  for (std::size_t at = 0; at < now.size(); at += kStride) {
    for (const std::size_t column : {kLimit, kHigh, kHidden, kSwapLimit}) {
      const double limit = now[at + column];
      const double had = before[at + column];
      const bool changed = limit < had || limit > had;
      if (changed && (at > 0 || column != kSwapLimit)) return false;
    }
  }
  return true;
}

}  // namespace

std::optional<double> ComputeLeftBytes(const Judgement& judgement, const std::vector<double>& rows, bool swap) noexcept {
  if (!HasSameLimits(judgement.rows, rows)) return std::nullopt;
  const double swap_fall = swap ? ComputeSwapFall(judgement.rows, rows) : 0;
  double left = std::numeric_limits<double>::infinity();
  for (std::size_t row = 0; row < judgement.left.size(); row++) {
    const double fall = ComputeFall(&judgement.rows[row * kStride], &rows[row * kStride], row == 0);
    left = TakeLower(left, judgement.left[row] - fall - swap_fall);
  }
  return left;
}

}  // namespace guard
