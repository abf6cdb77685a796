#include "left_bytes.h"

#include <cmath>
#include <limits>

namespace guard {
namespace {

double Lower(double bound, double candidate) noexcept { return candidate < bound ? candidate : bound; }

// By how much a scope has less than it had. Where one of two readings left out what can be reclaimed, all that is used more
// counts.
double Fallen(const double* before, const double* now, bool host) noexcept {
  if (host) return before[kAvailable] - now[kAvailable];
  const double used = now[kUsed] - before[kUsed];
  if (std::isnan(before[kReclaimable]) || std::isnan(now[kReclaimable])) return used;
  return used - (Lower(now[kUsed], now[kReclaimable]) - Lower(before[kUsed], before[kReclaimable]));
}

// Swap that was taken is gone for every scope; what a group has left of it is limit less usage, of the host the free swap.
double SwapFallen(const std::vector<double>& before, const std::vector<double>& now) noexcept {
  double most = 0;
  for (std::size_t at = 0; at < now.size(); at += kStride) {
    const double fallen = (before[at + kSwapLimit] - before[at + kSwapUsed]) - (now[at + kSwapLimit] - now[at + kSwapUsed]);
    if (fallen > most) most = fallen;
  }
  return most;
}

// What a reading is measured against; one that either reading left out says nothing. Of the host, swap is what is free, and
// changes all the time.
bool SameLimits(const std::vector<double>& before, const std::vector<double>& now) noexcept {
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

std::optional<double> LeftSince(const Judged& judged, const std::vector<double>& rows, bool swap) noexcept {
  if (!SameLimits(judged.rows, rows)) return std::nullopt;
  const double swap_fallen = swap ? SwapFallen(judged.rows, rows) : 0;
  double left = std::numeric_limits<double>::infinity();
  for (std::size_t row = 0; row < judged.left.size(); row++) {
    const double fallen = Fallen(&judged.rows[row * kStride], &rows[row * kStride], row == 0);
    left = Lower(left, judged.left[row] - fallen - swap_fallen);
  }
  return left;
}

}  // namespace guard
