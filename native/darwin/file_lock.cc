// flock: the open file owns the lock, so it ends when the last descriptor does. Its test compiles this file on Linux too.
#include "../file_lock.h"

#include <sys/file.h>

#include <cerrno>

namespace guard {
namespace {

LockAnswer CallFlock(int descriptor, int operation) noexcept {
  int result;
  do {
    result = flock(descriptor, operation);
  } while (result == -1 && errno == EINTR);
  if (result == 0) return {LockAnswer::State::kOurs, 0};
  if (errno == EWOULDBLOCK) return {LockAnswer::State::kBusy, 0};
  return {LockAnswer::State::kFailed, errno};
}

}  // namespace

bool FileLockSupported() noexcept { return true; }

LockAnswer TryLock(int descriptor) noexcept { return CallFlock(descriptor, LOCK_EX | LOCK_NB); }

LockAnswer Unlock(int descriptor) noexcept { return CallFlock(descriptor, LOCK_UN); }

// flock cannot ask without locking, so a shared lock is taken for a moment, which disturbs nobody who only asks. The answer
// is right for a descriptor that holds no lock itself.
LockAnswer AskLock(int descriptor) noexcept {
  const LockAnswer answer = CallFlock(descriptor, LOCK_SH | LOCK_NB);
  if (answer.state == LockAnswer::State::kOurs) CallFlock(descriptor, LOCK_UN);
  return answer;
}

}  // namespace guard
