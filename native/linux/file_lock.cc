// Open-file-description locks (Linux 3.15): the description owns the lock, so it ends when the last descriptor does. The
// kernel closes a dying process's files after its memory is torn down: if another process sees the lock free, that memory
// is free too.
#include "../file_lock.h"

#include <fcntl.h>

#include <cerrno>

namespace guard {
namespace {

LockAnswer CallFcntl(int descriptor, int command, short type) noexcept {
  struct flock whole {};
  whole.l_type = type;
  whole.l_whence = SEEK_SET;
  int result;
  do {
    result = fcntl(descriptor, command, &whole);
  } while (result == -1 && errno == EINTR);
  if (result == -1) {
    if (errno == EAGAIN || errno == EACCES) return {LockAnswer::State::kBusy, 0};
    return {LockAnswer::State::kFailed, errno};
  }
  const bool busy = command == F_OFD_GETLK && whole.l_type != F_UNLCK;
  return {busy ? LockAnswer::State::kBusy : LockAnswer::State::kOurs, 0};
}

}  // namespace

bool FileLockSupported() noexcept { return true; }

LockAnswer TryLock(int descriptor) noexcept { return CallFcntl(descriptor, F_OFD_SETLK, F_WRLCK); }
LockAnswer Unlock(int descriptor) noexcept { return CallFcntl(descriptor, F_OFD_SETLK, F_UNLCK); }
LockAnswer AskLock(int descriptor) noexcept { return CallFcntl(descriptor, F_OFD_GETLK, F_WRLCK); }

}  // namespace guard
