// Reads a plan on Linux: cached descriptors and one pread for each file, in the order and with the short cut of
// src/sensors/linux/procfs-engine.ts.
#include "../memory_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>
#include <string_view>

#include "fill_rows.h"
#include "kernel_text.h"
#include "row_arithmetic.h"

namespace guard {
namespace {

// memory.stat of 2025 has 2 KiB, meminfo 1.5 KiB. A file that fills this was cut, which is a failure.
constexpr std::size_t kBufferBytes = 64 * 1024;

template <std::size_t N>
void Copy(char (&target)[N], std::string_view source) noexcept {
  const std::size_t length = std::min(source.size(), N - 1);
  std::memcpy(target, source.data(), length);
  target[length] = '\0';
}

bool IsStat(Parse parse) noexcept { return parse == Parse::kStatV1 || parse == Parse::kStatV2; }

class LinuxMemoryFiles final : public MemoryFiles {
 public:
  LinuxMemoryFiles(ReadPlan&& plan, std::unique_ptr<int[]> descriptors, std::unique_ptr<char[]> buffer) noexcept
      : plan_(std::move(plan)), descriptors_(std::move(descriptors)), buffer_(std::move(buffer)) {
    std::fill_n(descriptors_.get(), CountDescriptors(), -1);
  }

  ~LinuxMemoryFiles() override {
    for (std::size_t at = 0; at < CountDescriptors(); at++) {
      if (descriptors_[at] >= 0) close(descriptors_[at]);
    }
  }

  LinuxMemoryFiles(const LinuxMemoryFiles&) = delete;
  LinuxMemoryFiles& operator=(const LinuxMemoryFiles&) = delete;

  Outcome Read(double* rows, bool full) noexcept override {
    problem_.reset();
    if (plan_.group) {
      const auto text = ReadText(plan_.files.size(), plan_.group->path);
      if (!text) return ClassifyFailure();
      if (*text != plan_.group->bytes) return Outcome::kMoved;
    }
    double smallest = std::numeric_limits<double>::infinity();
    for (std::size_t at = 0; at < plan_.files.size(); at++) {
      const PlannedFile& file = plan_.files[at];
      double* row = rows + file.row * kStride;
      if (IsStat(file.parse) && !full && !plan_.swap && !CanChangeMinimum(at, rows, smallest)) {
        row[kReclaimable] = std::numeric_limits<double>::quiet_NaN();
        row[kDirty] = std::numeric_limits<double>::quiet_NaN();
        continue;
      }
      const auto text = ReadText(at, file.path);
      if (!text) return ClassifyFailure();
      if (const auto bad = FillRows(file, *text, rows, full, plan_.swap)) return NoteMalformed(file, *text, *bad);
      if (IsStat(file.parse)) smallest = TakeLower(smallest, ComputeRoomWithoutReclaim(row) + row[kReclaimable]);
    }
    return Outcome::kDone;
  }

  const std::optional<FileProblem>& LastProblem() const noexcept override { return problem_; }

 private:
  std::size_t CountDescriptors() const noexcept { return plan_.files.size() + 1; }

  // Whether this memory.stat can change the minimum. The first one is that of this process's own group, and is read with
  // any other: its numbers are the least that the groups above it hold (src/sensors/scope-rows.ts).
  bool CanChangeMinimum(std::size_t index, const double* rows, double smallest) const noexcept {
    const double bound = TakeLower(smallest, rows[kAvailable]);
    const bool own = index == 0 || !IsStat(plan_.files[index - 1].parse);
    const std::size_t end = own ? plan_.files.size() : index + 1;
    for (std::size_t at = index; at < end; at++) {
      const PlannedFile& file = plan_.files[at];
      if (file.column != 0 || ComputeRoomWithoutReclaim(rows + file.row * kStride) < bound) return true;
    }
    return false;
  }

  std::optional<std::string_view> ReadText(std::size_t index, const std::string& path) noexcept {
    int& descriptor = descriptors_[index];
    if (descriptor < 0) descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return NoteUnread(path, errno);
    ssize_t length;
    do {
      length = pread(descriptor, buffer_.get(), kBufferBytes, 0);
    } while (length < 0 && errno == EINTR);
    if (length < 0) return NoteUnread(path, errno);
    if (static_cast<std::size_t>(length) == kBufferBytes) {
      NoteUnread(path, 0);
      Copy(problem_->expected, "fewer than 65536 bytes");
      Copy(problem_->found, "at least 65536");
      return std::nullopt;
    }
    return std::string_view(buffer_.get(), static_cast<std::size_t>(length));
  }

  std::nullopt_t NoteUnread(const std::string& path, int error) noexcept {
    problem_.emplace();
    problem_->file = path.c_str();
    problem_->error = error;
    return std::nullopt;
  }

  // A group that was removed answers with ENODEV through an open descriptor, and with ENOENT through its path.
  Outcome ClassifyFailure() const noexcept {
    return problem_->error == ENODEV || problem_->error == ENOENT ? Outcome::kMoved : Outcome::kFailed;
  }

  Outcome NoteMalformed(const PlannedFile& file, std::string_view text, std::string_view key) noexcept {
    NoteUnread(file.path, 0);
    const std::size_t at = key.empty() ? 0 : text::FindLine(text, key);
    const bool absent = !key.empty() && at == text.size();
    std::string_view line = text.substr(at, text::FindNextLine(text, at) - at);
    if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
    Copy(problem_->found, absent ? std::string_view("no such line") : line);
    if (key.empty()) {
      Copy(problem_->expected, IsUsage(file.column) ? "a number of bytes" : "a number or \"max\"");
      return Outcome::kFailed;
    }
    if (key.back() == ' ') key.remove_suffix(1);
    constexpr std::string_view kBefore = "a number after \"";
    char* target = problem_->expected;
    std::memcpy(target, kBefore.data(), kBefore.size());
    // Every key is shorter than 27 characters.
    std::memcpy(target + kBefore.size(), key.data(), key.size());
    std::memcpy(target + kBefore.size() + key.size(), "\"", 2);
    return Outcome::kFailed;
  }

  ReadPlan plan_;
  std::unique_ptr<int[]> descriptors_;
  std::unique_ptr<char[]> buffer_;
  std::optional<FileProblem> problem_;
};

}  // namespace

bool MemoryFilesSupported() noexcept { return true; }

std::unique_ptr<MemoryFiles> OpenMemoryFiles(ReadPlan&& plan) noexcept {
  std::unique_ptr<int[]> descriptors(new (std::nothrow) int[plan.files.size() + 1]);
  std::unique_ptr<char[]> buffer(new (std::nothrow) char[kBufferBytes]);
  if (!descriptors || !buffer) return nullptr;
  return std::unique_ptr<MemoryFiles>(new (std::nothrow)
                                          LinuxMemoryFiles(std::move(plan), std::move(descriptors), std::move(buffer)));
}

// The errors that open and pread can give for such files, with the names that Node's errors have in `code`.
const char* ErrnoName(int error) noexcept {
  switch (error) {
    case EACCES: return "EACCES";
    case EBADF: return "EBADF";
    case EINTR: return "EINTR";
    case EINVAL: return "EINVAL";
    case EIO: return "EIO";
    case EISDIR: return "EISDIR";
    case ELOOP: return "ELOOP";
    case EMFILE: return "EMFILE";
    case ENAMETOOLONG: return "ENAMETOOLONG";
    case ENFILE: return "ENFILE";
    case ENODEV: return "ENODEV";
    case ENOENT: return "ENOENT";
    case ENOMEM: return "ENOMEM";
    case ENOTDIR: return "ENOTDIR";
    case EPERM: return "EPERM";
    case ESRCH: return "ESRCH";
    default: return nullptr;
  }
}

}  // namespace guard
