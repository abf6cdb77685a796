// The parser of kernel files: the first byte chooses the format and its flags, the rest is the file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "../../../native/linux/fill_rows.h"
#include "../../../native/linux/kernel_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto parse = static_cast<guard::Parse>(data[0] % 5);
  const bool two_rows = parse == guard::Parse::kMeminfo || parse == guard::Parse::kStatus;
  const guard::PlannedFile file{"", parse, 0, two_rows || (data[0] & 32) != 0 ? 1u : 0u};
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::unique_ptr<double[]> rows(new double[2 * guard::kStride]());
  const auto bad = guard::FillRows(file, text, rows.get(), (data[0] & 64) != 0, (data[0] & 128) != 0);
  if (bad) {
    // What the reader looks up for its message.
    if (!bad->empty()) (void)guard::text::FindLine(text, *bad);
    return 0;
  }
  // MemTotal less than MemFree is the only way to a negative number: both stand in the text.
  for (std::size_t at = 0; at < 2 * guard::kStride; at++) {
    if (rows[at] < 0 && at % guard::kStride != guard::kUsed) std::abort();
  }
  return 0;
}
