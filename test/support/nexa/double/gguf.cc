#include "gguf.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace fake {

Gguf::Gguf(const std::string& path, Memory memory) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (file < 0 || fstat(file, &facts) != 0 || facts.st_size < 24) {
    problem_ = "failed to open " + path;
    if (file >= 0) close(file);
    return;
  }
  size_ = static_cast<std::size_t>(facts.st_size);
  const bool read = memory == Memory::kRead;
  void* mapped = read ? mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                      : mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
  bool done = mapped != MAP_FAILED;
  for (std::size_t at = 0; read && done && at < size_;) {
    const ssize_t bytes = pread(file, static_cast<char*>(mapped) + at, size_ - at, static_cast<off_t>(at));
    done = bytes > 0;
    if (done) at += static_cast<std::size_t>(bytes);
  }
  close(file);
  if (!done) {
    if (mapped != MAP_FAILED) munmap(mapped, size_);
    problem_ = "failed to map " + path;
    return;
  }
  base_ = static_cast<const unsigned char*>(mapped);
  Parse();
}

Gguf::~Gguf() {
  if (base_ != nullptr) munmap(const_cast<unsigned char*>(base_), size_);
  for (const auto& [memory, bytes] : repacked_) munmap(memory, bytes);
}

std::uint64_t Gguf::Take(std::size_t bytes) {
  std::uint64_t value = 0;
  if (at_ + bytes > size_) {
    problem_ = "the header is cut off";
    return 0;
  }
  std::memcpy(&value, base_ + at_, bytes);
  at_ += bytes;
  return value;
}

std::string Gguf::TakeText() {
  const std::uint64_t length = Take(8);
  if (length > size_ - at_) {
    problem_ = "the header is cut off";
    return {};
  }
  std::string text(reinterpret_cast<const char*>(base_ + at_), length);
  at_ += length;
  return text;
}

bool Gguf::TakeValue(const std::string& key, std::uint64_t type) {
  static const std::size_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  if (type == 8) {
    texts_[key] = TakeText();
  } else if (type == 9) {
    const std::uint64_t inner = Take(4);
    const std::uint64_t count = Take(8);
    numbers_["count of " + key] = static_cast<std::int64_t>(count);
    for (std::uint64_t each = 0; each < count && problem_.empty(); each++) {
      if (!TakeValue(key, inner)) return false;
    }
  } else if (type < std::size(kBytes)) {
    numbers_[key] = static_cast<std::int64_t>(Take(kBytes[type]));
  } else {
    problem_ = "a value of an unknown type";
  }
  return problem_.empty();
}

void Gguf::Parse() {
  if (std::memcmp(base_, "GGUF", 4) != 0) {
    problem_ = "invalid magic";
    return;
  }
  at_ = 8;
  const std::uint64_t tensors = Take(8);
  const std::uint64_t values = Take(8);
  for (std::uint64_t each = 0; each < values; each++) {
    const std::string key = TakeText();
    if (!TakeValue(key, Take(4))) return;
  }
  for (std::uint64_t each = 0; each < tensors && problem_.empty(); each++) {
    const std::string name = TakeText();
    const std::uint64_t dims = Take(4);
    std::uint64_t count = 1;
    for (std::uint64_t dim = 0; dim < dims && problem_.empty(); dim++) count *= Take(8);
    const auto type = static_cast<std::int64_t>(Take(4));
    tensors_.push_back({name, type, count, Take(8)});
  }
  const auto alignment = static_cast<std::size_t>(Whole("general.alignment", 32));
  data_ = (at_ + alignment - 1) / alignment * alignment;
}

std::int64_t Gguf::Whole(const std::string& key, std::int64_t missing) const {
  const auto found = numbers_.find(key);
  return found == numbers_.end() ? missing : found->second;
}

std::string Gguf::Text(const std::string& key) const {
  const auto found = texts_.find(key);
  return found == texts_.end() ? std::string() : found->second;
}

std::int64_t Gguf::TypeOf(const std::string& part) const {
  for (const Tensor& tensor : tensors_) {
    const std::string& name = tensor.name;
    if (name.find(part) != std::string::npos && name.size() > 7 && name.compare(name.size() - 7, 7, ".weight") == 0) {
      return tensor.type;
    }
  }
  return -1;
}

void Gguf::Repack() {
  constexpr std::uintptr_t kPage = 4096;
  for (const Tensor& tensor : tensors_) {
    // Q4_0 and Q4_K.
    const std::uint64_t bytes = tensor.type == 2    ? tensor.values / 32 * 18
                                : tensor.type == 12 ? tensor.values / 256 * 144
                                                    : 0;
    const std::size_t from = data_ + tensor.offset;
    if (bytes == 0 || tensor.name.compare(0, 4, "blk.") != 0 || from + bytes > size_) continue;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    std::memcpy(memory, base_ + from, bytes);
    repacked_.emplace_back(memory, bytes);
    const auto first = (reinterpret_cast<std::uintptr_t>(base_ + from) + kPage - 1) / kPage * kPage;
    const auto last = reinterpret_cast<std::uintptr_t>(base_ + from + bytes) / kPage * kPage;
    if (last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }
}

std::uint64_t Gguf::Touch() const {
  std::uint64_t sum = size_;
  for (std::size_t at = 0; at < size_; at += 4096) sum = sum * 31 + base_[at];
  return sum;
}

}  // namespace fake
