// Numbers out of kernel text. It knows no file and makes no string.
#ifndef NEXA_MEMORY_GUARD_LINUX_PARSE_H
#define NEXA_MEMORY_GUARD_LINUX_PARSE_H

#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string_view>

namespace guard::text {

// Digits were expected and are not there. NaN: no such line.
constexpr double kGarbage = -1;
// No kernel counts this many bytes; v1 writes "no limit" as 2^63 rounded down to a page of 4 or 64 KiB.
constexpr double kSentinel = 4611686018427387904.0;
// The largest number that a kernel can print is one less. As a double they are the same.
constexpr double kLargest = 18446744073709551616.0;

inline bool IsDigit(char c) noexcept { return c >= '0' && c <= '9'; }

inline std::size_t DigitsEnd(std::string_view text, std::size_t from) noexcept {
  while (from < text.size() && IsDigit(text[from])) from++;
  return from;
}

// Digits followed by a blank, a newline or the end.
inline double Decimal(std::string_view text, std::size_t from) noexcept {
  const std::size_t end = DigitsEnd(text, from);
  if (end == from) return kGarbage;
  if (end < text.size() && text[end] != '\n' && text[end] != ' ') return kGarbage;
  double value = 0;
  for (std::size_t at = from; at < end; at++) value = value * 10 + (text[at] - '0');
  if (value > kLargest) return kGarbage;
  return value >= kSentinel ? std::numeric_limits<double>::infinity() : value;
}

// A whole file of one number, "536870912\n", or "max\n".
inline double NumberFile(std::string_view text) noexcept {
  const bool max = text.substr(0, 3) == "max";
  const std::size_t end = max ? 3 : DigitsEnd(text, 0);
  if (text.size() - end > 1 || (text.size() - end == 1 && text[end] != '\n')) return kGarbage;
  return max ? std::numeric_limits<double>::infinity() : Decimal(text, 0);
}

inline std::size_t NextLine(std::string_view text, std::size_t at) noexcept {
  const void* newline = std::memchr(text.data() + at, '\n', text.size() - at);
  return newline == nullptr ? text.size() : static_cast<std::size_t>(static_cast<const char*>(newline) - text.data()) + 1;
}

inline bool StandsAt(std::string_view text, std::size_t at, std::string_view key) noexcept {
  return text.size() - at >= key.size() && std::memcmp(text.data() + at, key.data(), key.size()) == 0;
}

inline double NumberAfter(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) at++;
  return Decimal(text, at);
}

// Where the line of `key` begins, or the end of the text.
inline std::size_t FindLine(std::string_view text, std::string_view key) noexcept {
  std::size_t at = 0;
  while (at < text.size() && !StandsAt(text, at, key)) at = NextLine(text, at);
  return at;
}

// The numbers behind the first `count` keys. One pass suffices where the file has them in the order given, as every kernel
// so far; otherwise they are found in any order.
template <std::size_t N>
void ScanKeys(std::string_view text, const std::array<std::string_view, N>& keys, std::size_t count,
              double* values) noexcept {
  std::size_t wanted = 0;
  for (std::size_t at = 0; at < text.size() && wanted < count; at = NextLine(text, at)) {
    if (!StandsAt(text, at, keys[wanted])) continue;
    values[wanted] = NumberAfter(text, at + keys[wanted].size());
    wanted++;
  }
  for (; wanted < count; wanted++) {
    const std::size_t at = FindLine(text, keys[wanted]);
    values[wanted] =
        at == text.size() ? std::numeric_limits<double>::quiet_NaN() : NumberAfter(text, at + keys[wanted].size());
  }
}

}  // namespace guard::text

#endif
