// Finds texts that end an answer, wherever tokens cut them apart. Bytes in, bytes out; it knows no library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace guard::nexa {

class StopText {
 public:
  // Empty texts end nothing.
  explicit StopText(std::vector<std::string> stops);

  // Adds to `out` what can't be part of a stop text any more. True once one is complete; it is not part of `out`.
  bool Feed(std::string_view token, std::string& out);

  // What was held back for a stop text that never came.
  std::string Rest() noexcept;

 private:
  std::vector<std::string> stops_;
  std::string held_;
};

}  // namespace guard::nexa
