// What the watching thread makes of two readings of the same rows: any numbers, as a damaged or hostile kernel file gives
// them.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "../../../native/linux/left_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kRow = 2 * guard::kStride + 1;
  const std::size_t count = size / sizeof(double) / kRow;
  if (count == 0) return 0;
  std::vector<double> numbers(count * kRow);
  std::memcpy(numbers.data(), data, numbers.size() * sizeof(double));
  const auto cells = static_cast<std::ptrdiff_t>(count * guard::kStride);
  const auto begin = numbers.begin();
  const guard::Judgement judgement{{begin, begin + cells}, {begin + 2 * cells, numbers.end()}, 0};
  const std::vector<double> rows(begin + cells, begin + 2 * cells);
  for (const bool swap : {false, true}) (void)guard::ComputeLeftBytes(judgement, rows, swap);
  return 0;
}
