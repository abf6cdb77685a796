// Open-file-description locks (Linux 3.15, macOS 12): the description owns the lock, so it ends when the last descriptor
// does. The kernel closes a dying process's files after its memory is torn down: if another process sees the lock free,
// that memory is free too.
#include "../file_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <new>

namespace guard {
namespace {

// Behind the end of any file.
constexpr off_t kFirstByte = off_t{1} << 40;

LockAnswer CallFcntl(int descriptor, int command, short type, std::uint32_t first, std::uint32_t count) noexcept {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = kFirstByte + static_cast<off_t>(first);
  range.l_len = static_cast<off_t>(count);
  int result;
  do {
    result = fcntl(descriptor, command, &range);
  } while (result == -1 && errno == EINTR);
  if (result == -1) {
    if (errno == EAGAIN || errno == EACCES) return {LockAnswer::State::kBusy, 0};
    return {LockAnswer::State::kFailed, errno};
  }
  const bool busy = command == F_OFD_GETLK && range.l_type != F_UNLCK;
  return {busy ? LockAnswer::State::kBusy : LockAnswer::State::kOurs, 0};
}

class Duplicate final : public WaitingFile {
 public:
  explicit Duplicate(int descriptor) noexcept : descriptor_(descriptor) {}
  ~Duplicate() override { close(descriptor_); }

  LockAnswer Wait(std::uint32_t number) noexcept override {
    return CallFcntl(descriptor_, F_OFD_SETLKW, F_WRLCK, number, 1);
  }
  LockAnswer Unlock(std::uint32_t number) noexcept override { return guard::Unlock(descriptor_, number); }
  void Write(std::uint32_t offset, const void* bytes, std::size_t size) noexcept override {
    if (pwrite(descriptor_, bytes, size, static_cast<off_t>(offset)) < 0) return;
  }

 private:
  int descriptor_;
};

}  // namespace

bool FileLockSupported() noexcept { return true; }

LockAnswer TryLock(int descriptor, std::uint32_t number) noexcept {
  return CallFcntl(descriptor, F_OFD_SETLK, F_WRLCK, number, 1);
}
LockAnswer Unlock(int descriptor, std::uint32_t number) noexcept {
  return CallFcntl(descriptor, F_OFD_SETLK, F_UNLCK, number, 1);
}
LockAnswer AskLocks(int descriptor, std::uint32_t first, std::uint32_t count) noexcept {
  return CallFcntl(descriptor, F_OFD_GETLK, F_WRLCK, first, count);
}

int RaiseDescriptor(int descriptor) noexcept {
  // Below the 1024 that a process may have at least by default.
  constexpr int kHigh = 960;
  return fcntl(descriptor, F_DUPFD_CLOEXEC, kHigh);
}

std::unique_ptr<WaitingFile> OpenWaitingFile(int descriptor) noexcept {
  const int duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (duplicate == -1) return nullptr;
  auto* file = new (std::nothrow) Duplicate(duplicate);
  if (file == nullptr) close(duplicate);
  return std::unique_ptr<WaitingFile>(file);
}

}  // namespace guard
