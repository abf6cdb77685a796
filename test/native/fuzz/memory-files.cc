// The reader of memory files, over files that are the input: the first byte says how they are parsed, and a zero byte parts
// the file that names the group from the other.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "../../../native/memory_files.h"

namespace {

int Open(const char* name) {
  const int file = memfd_create(name, 0);
  if (file < 0) std::abort();
  return file;
}

void Write(int file, const std::string& text) {
  if (ftruncate(file, 0) != 0 || pwrite(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    std::abort();
}

std::string PathOf(int file) { return "/proc/self/fd/" + std::to_string(file); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int memory = Open("memory");
  static const int group = Open("group");
  if (size == 0) return 0;
  const std::string all(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t zero = all.find('\0');
  Write(memory, all.substr(0, zero));
  Write(group, zero == std::string::npos ? "0::/\n" : all.substr(zero + 1));
  guard::ReadPlan plan;
  plan.files.push_back({PathOf(memory), static_cast<guard::Parse>(data[0] % 5), 0, 1});
  plan.group = guard::GroupFile{PathOf(group), "0::/\n"};
  plan.swap = (data[0] & 128) != 0;
  const auto files = guard::OpenMemoryFiles(std::move(plan));
  if (files == nullptr) std::abort();
  double rows[2 * guard::kStride] = {};
  for (const bool full : {true, false}) {
    const guard::Outcome outcome = files->Read(rows, full);
    const auto& problem = files->LastProblem();
    if (outcome == guard::Outcome::kFailed && !problem) std::abort();
    if (outcome == guard::Outcome::kDone && problem) std::abort();
    if (!problem) continue;
    (void)guard::ErrnoName(problem->error);
    (void)std::string(problem->expected).append(problem->found);
  }
  return 0;
}
