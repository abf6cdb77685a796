// What a library logs, line by line; the first byte of a line is its level. The rest of the input is its version.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "../../../native/nexa/layout.h"
#include "../../../native/nexa/library_log.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace guard::nexa;
  const std::string all(reinterpret_cast<const char*>(data), size);
  const int sink = AddLogSink([](int, const std::string&) {});
  int said = 0;
  {
    const CallLog log([&said] { said++; });
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t end = std::min(all.find('\n', at), all.size());
      const std::string line = all.substr(at, end - at);
      if (!line.empty()) TakeLogLine(line[0] % 6, line.c_str() + 1);
      at = end + 1;
    }
    // A line said something of the context exactly if somebody was told.
    const ContextLines& lines = log.Lines();
    const bool any = lines.match || lines.rolled_back_to || lines.shifts > 0 || lines.found_no_room;
    if (any != (said > 0)) __builtin_trap();
    (void)log.Problem().size();
  }
  RemoveLogSink(sink);
  for (const Generation generation : {Generation::kNexa, Generation::kGeniex}) {
    const auto layout = FindLayout(generation, all);
    if (layout && ParseLayoutName(GetLayoutName(*layout)) != layout) __builtin_trap();
  }
  (void)ParseLayoutName(all);
  return 0;
}
