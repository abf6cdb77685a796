#include "address_map.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace guard {
namespace {

#if defined(__x86_64__)
constexpr std::uintptr_t kZoneEnd = std::uintptr_t{1} << 46;
#elif defined(__aarch64__)
constexpr std::uintptr_t kZoneEnd = std::uintptr_t{1} << 38;
#else
constexpr std::uintptr_t kZoneEnd = 0;
#endif

// So much behind a memory of WebAssembly can't be accessed: an index of 32 bits with an offset of 32 bits stays within it.
constexpr std::uintptr_t kLeastGuard = std::uintptr_t{4} << 30;

struct Mapping {
  AddressRange range;
  bool accessible;
  bool executable;
  bool anonymous;
  bool brk;
};

std::uintptr_t ParseHex(const char*& at) noexcept {
  std::uintptr_t value = 0;
  for (;; at++) {
    const char c = *at;
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<std::uintptr_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value * 16 + static_cast<std::uintptr_t>(c - 'a' + 10);
    } else {
      return value;
    }
  }
}

// `7f1cc16a6000-7f1cc17fc000 rw-p 00000000 00:00 0                          [heap]`, ended by a zero. False: it is no such
// line.
bool ParseLine(const char* line, Mapping& mapping) noexcept {
  const char* at = line;
  mapping.range.from = ParseHex(at);
  if (*at++ != '-') return false;
  mapping.range.to = ParseHex(at);
  if (*at++ != ' ' || std::strlen(at) < 5 || at[4] != ' ') return false;
  mapping.accessible = at[0] == 'r' || at[1] == 'w';
  mapping.executable = at[2] == 'x';
  const bool is_private = at[3] == 'p';
  at += 5;
  ParseHex(at);
  if (*at++ != ' ') return false;
  const char* device_end = std::strchr(at, ' ');
  if (device_end == nullptr) return false;
  at = device_end + 1;
  const bool no_inode = at[0] == '0' && (at[1] == ' ' || at[1] == '\0');
  while (*at >= '0' && *at <= '9') at++;
  while (*at == ' ') at++;
  const std::string_view name = at;
  mapping.brk = name == "[heap]";
  // A program may name its anonymous memory: `[anon:name]`. The kernel's own ranges have other names.
  const bool named = name.substr(0, 6) == "[anon:";
  mapping.anonymous = is_private && no_inode && (name.empty() || mapping.brk || named);
  return true;
}

// Sorts mappings, which come in the order of their addresses.
class MapBuilder {
 public:
  bool Add(const char* line) {
    Mapping mapping;
    if (!ParseLine(line, mapping)) return false;
    const std::uintptr_t length = mapping.range.to - mapping.range.from;
    const bool guards = !mapping.accessible && mapping.range.from == last_.to && length >= kLeastGuard;
    PutLast(guards ? map_.wasm : map_.native);
    if (!mapping.anonymous || !mapping.accessible) return true;
    if (mapping.range.from < kZoneEnd && !mapping.brk) {
      Append(map_.heap, mapping.range);
    } else if (!mapping.executable) {
      // Code that is made as it runs may lie near the program's own.
      last_ = mapping.range;
      if (mapping.brk) Append(map_.main_heap, mapping.range);
    }
    return true;
  }

  AddressMap Finish() {
    PutLast(map_.native);
    return std::move(map_);
  }

 private:
  void PutLast(AddressRanges& kind) {
    Append(kind, last_);
    last_ = {0, 0};
  }

  AddressMap map_;
  // The last range near the stack; what follows it tells its kind.
  AddressRange last_{0, 0};
};

constexpr std::size_t kBufferBytes = 64 * 1024;

// Reads lines of a descriptor into the builder. False: the file can't be read or understood.
bool ReadLines(int file, char* buffer, MapBuilder& builder) {
  std::size_t kept = 0;
  for (;;) {
    const ssize_t got = read(file, buffer + kept, kBufferBytes - kept);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0 && kept == 0;
    kept += static_cast<std::size_t>(got);
    char* line = buffer;
    while (char* end = static_cast<char*>(std::memchr(line, '\n', kept - static_cast<std::size_t>(line - buffer)))) {
      *end = '\0';
      if (!builder.Add(line)) return false;
      line = end + 1;
    }
    kept -= static_cast<std::size_t>(line - buffer);
    // A path has at most 4 KiB, so that a line always fits.
    if (kept == kBufferBytes) return false;
    std::memmove(buffer, line, kept);
  }
}

}  // namespace

bool AddressZonesKnown() noexcept { return kZoneEnd != 0; }

std::optional<AddressMap> ReadAddressMap() {
  const std::unique_ptr<char[]> buffer(new char[kBufferBytes]);
  const int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  MapBuilder builder;
  bool read_all = false;
  try {
    read_all = ReadLines(file, buffer.get(), builder);
  } catch (...) {
    close(file);
    throw;
  }
  close(file);
  if (!read_all) return std::nullopt;
  return builder.Finish();
}

// `270127 11834 9842 21213 0 40107 0`: all, resident, shared, ... in pages. Its descriptor stays open.
std::optional<ProcessPages> ReadProcessPages() noexcept {
  static const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  char text[128];
  const ssize_t length = file < 0 ? -1 : pread(file, text, sizeof text - 1, 0);
  if (length <= 0) return std::nullopt;
  text[length] = '\0';
  char* at = text;
  const long virtual_pages = std::strtol(at, &at, 10);
  const long resident_pages = std::strtol(at, &at, 10);
  const long shared_pages = std::strtol(at, &at, 10);
  return ProcessPages{virtual_pages, resident_pages - shared_pages};
}

}  // namespace guard
