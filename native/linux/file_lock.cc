// Open-file-description locks (Linux 3.15): owned by the description, so they end when its last descriptor does. The kernel
// closes a dying process's files after its memory is torn down: who sees the lock free sees the memory back.
#include "../file_lock.h"

#include <cerrno>
#include <fcntl.h>

namespace guard {

namespace {

LockAnswer Call(int descriptor, int command, short type) noexcept {
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

bool LocksSupported() noexcept { return true; }

LockAnswer TryLock(int descriptor) noexcept { return Call(descriptor, F_OFD_SETLK, F_WRLCK); }
LockAnswer Unlock(int descriptor) noexcept { return Call(descriptor, F_OFD_SETLK, F_UNLCK); }
LockAnswer AskLock(int descriptor) noexcept { return Call(descriptor, F_OFD_GETLK, F_WRLCK); }

}  // namespace guard
