// Feeds damaged kernel files to the addon's parser under the compiler's sanitizers: `fill-rows-fuzz RUNS SEED FILE…`. Texts
// lie in memory of exactly their length, so a read behind the end is seen.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../../native/linux/fill_rows.h"
#include "../../native/linux/kernel_text.h"

namespace {

std::string Damaged(std::string text, std::mt19937_64& random, const std::vector<std::string>& files) {
  const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : static_cast<std::size_t>(random() % bound); };
  for (std::size_t times = 1 + below(4); times > 0; times--) {
    // One draw for each statement: compilers order arguments differently, and the runs must be the same everywhere.
    const std::size_t at = below(text.size() + 1);
    const std::size_t count = below(80);
    const std::size_t from = below(text.size() + 1);
    switch (below(6)) {
      case 0: text.resize(at); break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(from % 256);
        break;
      case 2: text.erase(at, count / 2); break;
      case 3: text.insert(at, std::string(1 + count / 3, static_cast<char>('0' + from % 10))); break;
      case 4: text.insert(at, files[from % files.size()].substr(0, 2000)); break;
      default: text.insert(at, text.substr(from, count)); break;
    }
  }
  return text;
}

// MemTotal less than MemFree is the only way to a negative number: both stand in the text.
bool Sound(const double* rows, std::size_t count) {
  for (std::size_t at = 0; at < count; at++) {
    if (rows[at] < 0 && at % guard::kStride != guard::kUsed) return false;
  }
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) return 2;
  const long runs = std::atol(arguments[1]);
  std::mt19937_64 random(static_cast<std::uint64_t>(std::atoll(arguments[2])));
  std::vector<std::string> files;
  for (int at = 3; at < count; at++) {
    std::ifstream file(arguments[at], std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  long good = 0;
  for (long run = 0; run < runs; run++) {
    const std::string text = Damaged(files[random() % files.size()], random, files);
    const std::unique_ptr<char[]> exact(new char[text.size()]);
    if (!text.empty()) std::memcpy(exact.get(), text.data(), text.size());
    for (int parse = 0; parse <= 4; parse++) {
      const auto kind = static_cast<guard::Parse>(parse);
      const bool two_rows = kind == guard::Parse::kMeminfo || kind == guard::Parse::kStatus;
      const auto row = static_cast<std::size_t>(random() % 2);
      const auto column = static_cast<std::size_t>(random() % 2);
      const bool full = random() % 2 == 0;
      const bool swap = random() % 2 == 0;
      const guard::PlannedFile file{"", kind, row, two_rows ? 1u : column};
      const std::unique_ptr<double[]> rows(new double[2 * guard::kStride]());
      const auto bad = guard::FillRows(file, {exact.get(), text.size()}, rows.get(), full, swap);
      if (bad) {
        // What the reader looks up for its message.
        if (!bad->empty()) (void)guard::text::FindLine({exact.get(), text.size()}, *bad);
        continue;
      }
      good++;
      if (!Sound(rows.get(), 2 * guard::kStride)) {
        std::printf("unsound numbers out of %zu bytes, format %d, run %ld\n", text.size(), parse, run);
        return 1;
      }
    }
  }
  std::printf("%ld runs, %ld read\n", runs, good);
  return 0;
}
