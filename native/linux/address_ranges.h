// Sorted lists of address ranges that don't touch each other. Pure arithmetic.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace guard {

struct AddressRange {
  std::uintptr_t from;
  std::uintptr_t to;
};

using AddressRanges = std::vector<AddressRange>;

// Adds a range that begins at or after the end of the last one.
inline void Append(AddressRanges& ranges, AddressRange range) {
  if (range.from >= range.to) return;
  if (!ranges.empty() && ranges.back().to >= range.from) {
    ranges.back().to = std::max(ranges.back().to, range.to);
  } else {
    ranges.push_back(range);
  }
}

// What is in `ranges` and not in `others`.
inline AddressRanges Subtract(const AddressRanges& ranges, const AddressRanges& others) {
  AddressRanges left;
  std::size_t at = 0;
  for (AddressRange range : ranges) {
    while (at < others.size() && others[at].to <= range.from) at++;
    for (std::size_t next = at; next < others.size() && others[next].from < range.to; next++) {
      if (others[next].from > range.from) Append(left, {range.from, others[next].from});
      range.from = std::max(range.from, std::min(others[next].to, range.to));
    }
    Append(left, range);
  }
  return left;
}

// What is in one of them.
inline AddressRanges Join(const AddressRanges& some, const AddressRanges& others) {
  AddressRanges all(some.size() + others.size());
  std::merge(some.begin(), some.end(), others.begin(), others.end(), all.begin(),
             [](const AddressRange& left, const AddressRange& right) { return left.from < right.from; });
  AddressRanges joined;
  for (const AddressRange& range : all) Append(joined, range);
  return joined;
}

// What is in both.
inline AddressRanges Meet(const AddressRanges& some, const AddressRanges& others) {
  return Subtract(some, Subtract(some, others));
}

}  // namespace guard
