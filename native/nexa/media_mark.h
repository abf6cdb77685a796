// What stands in a prompt for a medium. The library puts the media there in their order.
#pragma once

#include <cstddef>
#include <string>

namespace guard::nexa {

constexpr char kMediaMark[] = "<__media__>";

inline std::size_t CountMediaMarks(const std::string& text) noexcept {
  std::size_t count = 0;
  for (std::size_t at = text.find(kMediaMark); at != std::string::npos; at = text.find(kMediaMark, at + 1)) count++;
  return count;
}

}  // namespace guard::nexa
