// Texts that end an answer. Zero bytes part the stop texts, and the last part is the answer, which comes in tokens of the
// length that the first byte says.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../../../native/nexa/stop_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t length = 1 + data[0] % 8;
  std::vector<std::string> parts(1);
  for (std::size_t at = 1; at < size; at++) {
    if (data[at] == 0) {
      parts.emplace_back();
    } else {
      parts.back() += static_cast<char>(data[at]);
    }
  }
  const std::string answer = std::move(parts.back());
  parts.pop_back();
  guard::nexa::StopText stop(parts);
  std::string out;
  bool ended = false;
  std::size_t at = 0;
  for (; at < answer.size() && !ended; at += length) ended = stop.Feed(answer.substr(at, length), out);
  if (!ended) out += stop.TakeRest();
  // What was fed, up to the first stop text in it.
  const std::string fed = answer.substr(0, std::min(at, answer.size()));
  std::size_t first = std::string::npos;
  for (const std::string& text : parts) {
    if (!text.empty()) first = std::min(first, fed.find(text));
  }
  if (ended != (first != std::string::npos) || out != fed.substr(0, first)) __builtin_trap();
  return 0;
}
