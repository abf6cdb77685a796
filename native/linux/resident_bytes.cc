#include "resident_bytes.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>

namespace guard {
namespace {

// <linux/fs.h> of Linux 6.7, which the systems that this is built on need not have.
struct PageRegion {
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t categories;
};
struct ScanArguments {
  std::uint64_t size;
  std::uint64_t flags;
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t walk_end;
  std::uint64_t vec;
  std::uint64_t vec_len;
  std::uint64_t max_pages;
  std::uint64_t category_inverted;
  std::uint64_t category_mask;
  std::uint64_t category_anyof_mask;
  std::uint64_t return_mask;
};
constexpr std::uint64_t kIsPresent = 1 << 3;
constexpr std::uint64_t kIsSwapped = 1 << 4;
constexpr std::uint64_t kIsZeroPage = 1 << 5;
constexpr std::uint64_t kIsHuge = 1 << 6;
constexpr std::size_t kRegions = 256;

constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62;
// Mapped by this process alone, which the page of zeros never is.
constexpr std::uint64_t kExclusive = std::uint64_t{1} << 56;
constexpr std::size_t kPages = 4096;

std::optional<double> Read(int pagemap, const AddressRange& range) noexcept {
  static const auto page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  std::uint64_t pages[kPages];
  double count = 0;
  const std::uintptr_t end = range.to / page_bytes;
  for (std::uintptr_t at = range.from / page_bytes; at < end;) {
    const std::size_t wanted = std::min<std::uintptr_t>(kPages, end - at) * sizeof pages[0];
    const ssize_t got = pread(pagemap, pages, wanted, static_cast<off_t>(at * sizeof pages[0]));
    if (got < 0 && errno == EINTR) continue;
    if (got < static_cast<ssize_t>(sizeof pages[0])) return std::nullopt;
    const std::size_t read = static_cast<std::size_t>(got) / sizeof pages[0];
    for (std::size_t page = 0; page < read; page++) {
      const std::uint64_t bits = pages[page];
      if ((bits & kSwapped) != 0 || ((bits & kPresent) != 0 && (bits & kExclusive) != 0)) count++;
    }
    at += read;
  }
  return count * static_cast<double>(page_bytes);
}

// Empty if this kernel has no such call.
std::optional<double> Scan(int pagemap, const AddressRange& range) noexcept {
  PageRegion regions[kRegions];
  double bytes = 0;
  std::uint64_t start = range.from;
  while (start < range.to) {
    ScanArguments arguments{};
    arguments.size = sizeof arguments;
    arguments.start = start;
    arguments.end = range.to;
    arguments.vec = reinterpret_cast<std::uintptr_t>(regions);
    arguments.vec_len = kRegions;
    // Not the page of zeros, and either present or swapped out. Anonymous memory has no pages of files, and asking for that
    // would take 10 ms for 400 MiB.
    arguments.category_inverted = kIsZeroPage;
    arguments.category_mask = kIsZeroPage;
    arguments.category_anyof_mask = kIsPresent | kIsSwapped;
    arguments.return_mask = kIsHuge;
    // The C libraries have two types for the number of the request.
    const long found = syscall(SYS_ioctl, pagemap, _IOWR('f', 16, ScanArguments), &arguments);
    if (found < 0) {
      if (errno == EINTR) continue;
      return std::nullopt;
    }
    for (long at = 0; at < found; at++) {
      const AddressRange region{regions[at].start, regions[at].end};
      // Kernels before 6.17 show the huge page of zeros as any other.
      const bool huge = (regions[at].categories & kIsHuge) != 0;
      const std::optional<double> counted = huge ? Read(pagemap, region) : region.to - region.from;
      if (!counted) return std::nullopt;
      bytes += *counted;
    }
    if (arguments.walk_end <= start) break;
    start = arguments.walk_end;
  }
  return bytes;
}

}  // namespace

std::optional<double> CountResidentBytes(const AddressRanges& ranges) noexcept {
  if (ranges.empty()) return 0;
  const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (pagemap < 0) return std::nullopt;
  static std::atomic<bool> scans{true};
  std::optional<double> bytes = 0;
  for (const AddressRange& range : ranges) {
    std::optional<double> counted = scans ? Scan(pagemap, range) : std::nullopt;
    if (!counted) {
      scans = false;
      counted = Read(pagemap, range);
    }
    if (counted) {
      *bytes += *counted;
    } else {
      bytes.reset();
      break;
    }
  }
  close(pagemap);
  return bytes;
}

}  // namespace guard
