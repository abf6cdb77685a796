// Finds texts that end an answer, however tokens cut them apart. It takes bytes and returns bytes, and knows no library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace guard::nexa {

class StopText {
 public:
  // Empty texts are ignored.
  explicit StopText(std::vector<std::string> stops);

  // Appends to `out` what cannot be part of a stop text any more. True if a stop text is complete; it is not part of `out`.
  bool Feed(std::string_view token, std::string& out);

  // Returns what was held back for a stop text that did not come.
  std::string TakeRest() noexcept;

 private:
  std::vector<std::string> stops_;
  std::string held_;
};

}  // namespace guard::nexa
