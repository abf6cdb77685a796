#include "context_lines.h"

#include <cstdio>
#include <cstring>

namespace guard::nexa {
namespace {

constexpr char kMatch[] = "prefix match: past_prompt_tokens size: ";
constexpr char kRollback[] = "prefix match: n_past_global rollback to: ";
constexpr char kShift[] = "Context shifting - discarding ";
constexpr char kNoRoom[] = "failed to decode ";

template <std::size_t size>
bool Begins(const char* line, const char (&begin)[size]) noexcept {
  return std::strncmp(line, begin, size - 1) == 0;
}

}  // namespace

const char* SkipLogPlace(const char* line) noexcept {
  if (*line != '[') return line;
  const char* end = std::strstr(line, "] ");
  return end != nullptr ? end + 2 : line;
}

bool ContextLines::Take(const char* given) noexcept {
  const char* line = SkipLogPlace(given);
  long long listed = 0, prompt = 0, matched = 0;
  if (Begins(line, kMatch)) {
    const char* numbers = line + sizeof kMatch - 1;
    if (std::sscanf(numbers, "%lld, prompt_len: %lld, match_len: %lld", &listed, &prompt, &matched) != 3) return false;
    match = {listed, prompt, matched};
  } else if (Begins(line, kRollback)) {
    if (std::sscanf(line + sizeof kRollback - 1, "%lld", &matched) != 1) return false;
    rolled_back_to = matched;
  } else if (Begins(line, kShift)) {
    shifts++;
  } else if (Begins(line, kNoRoom)) {
    found_no_room = true;
  } else {
    return false;
  }
  return true;
}

}  // namespace guard::nexa
