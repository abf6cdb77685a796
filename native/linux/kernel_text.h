// Finds numbers in kernel text. It opens no file and makes no string.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string_view>

namespace guard::text {

// Digits were expected and are not there. NaN means that there is no such line.
constexpr double kGarbage = -1;
// No kernel counts this many bytes. Control groups v1 write "no limit" as 2^63 rounded down to a page of 4 or 64 KiB.
constexpr double kSentinel = 4611686018427387904.0;
// The largest number that a kernel can print is one less. As a double they are the same.
constexpr double kLargest = 18446744073709551616.0;

inline bool IsDigit(char c) noexcept { return c >= '0' && c <= '9'; }

inline std::size_t FindDigitsEnd(std::string_view text, std::size_t from) noexcept {
  while (from < text.size() && IsDigit(text[from])) from++;
  return from;
}

// Parses digits that are followed by a blank, a newline or the end.
inline double ParseDecimal(std::string_view text, std::size_t from) noexcept {
  const std::size_t end = FindDigitsEnd(text, from);
  if (end == from) return kGarbage;
  if (end < text.size() && text[end] != '\n' && text[end] != ' ') return kGarbage;
  double value = 0;
  for (std::size_t at = from; at < end; at++) value = value * 10 + (text[at] - '0');
  if (value > kLargest) return kGarbage;
  return value >= kSentinel ? std::numeric_limits<double>::infinity() : value;
}

// Parses a whole file of one number, "536870912\n", or "max\n".
inline double ParseNumberFile(std::string_view text) noexcept {
  const bool max = text.substr(0, 3) == "max";
  const std::size_t end = max ? 3 : FindDigitsEnd(text, 0);
  if (text.size() - end > 1 || (text.size() - end == 1 && text[end] != '\n')) return kGarbage;
  return max ? std::numeric_limits<double>::infinity() : ParseDecimal(text, 0);
}

inline std::size_t FindNextLine(std::string_view text, std::size_t at) noexcept {
  const void* newline = std::memchr(text.data() + at, '\n', text.size() - at);
  return newline == nullptr ? text.size() : static_cast<std::size_t>(static_cast<const char*>(newline) - text.data()) + 1;
}

inline bool HasKeyAt(std::string_view text, std::size_t at, std::string_view key) noexcept {
  return text.size() - at >= key.size() && std::memcmp(text.data() + at, key.data(), key.size()) == 0;
}

inline double ParseNumberAfter(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) at++;
  return ParseDecimal(text, at);
}

// Returns where the line of `key` begins, or the end of the text.
inline std::size_t FindLine(std::string_view text, std::string_view key) noexcept {
  std::size_t at = 0;
  while (at < text.size() && !HasKeyAt(text, at, key)) at = FindNextLine(text, at);
  return at;
}

// Parses the numbers behind the first `count` keys. One pass suffices if the file has them in this order, as with every
// kernel so far; otherwise they are found in any order.
template <std::size_t N>
void ScanKeys(std::string_view text, const std::array<std::string_view, N>& keys, std::size_t count,
              double* values) noexcept {
  std::size_t wanted = 0;
  for (std::size_t at = 0; at < text.size() && wanted < count; at = FindNextLine(text, at)) {
    if (!HasKeyAt(text, at, keys[wanted])) continue;
    values[wanted] = ParseNumberAfter(text, at + keys[wanted].size());
    wanted++;
  }
  for (; wanted < count; wanted++) {
    const std::size_t at = FindLine(text, keys[wanted]);
    values[wanted] =
        at == text.size() ? std::numeric_limits<double>::quiet_NaN() : ParseNumberAfter(text, at + keys[wanted].size());
  }
}

}  // namespace guard::text
