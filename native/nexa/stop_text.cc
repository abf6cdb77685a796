// The search is simple, because what is held back is never longer than the longest stop text and one token.
#include "stop_text.h"

#include <algorithm>
#include <utility>

namespace guard::nexa {

StopText::StopText(std::vector<std::string> stops) : stops_(std::move(stops)) {
  stops_.erase(std::remove(stops_.begin(), stops_.end(), std::string()), stops_.end());
}

bool StopText::Feed(std::string_view token, std::string& out) {
  held_ += token;
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, held_.find(stop));
  if (first != std::string::npos) {
    out.append(held_, 0, first);
    held_.clear();
    return true;
  }
  std::size_t kept = 0;
  for (const std::string& stop : stops_) {
    for (std::size_t length = std::min(stop.size() - 1, held_.size()); length > kept; length--) {
      if (held_.compare(held_.size() - length, length, stop, 0, length) == 0) kept = length;
    }
  }
  out.append(held_, 0, held_.size() - kept);
  held_.erase(0, held_.size() - kept);
  return false;
}

std::string StopText::TakeRest() noexcept { return std::exchange(held_, std::string()); }

}  // namespace guard::nexa
