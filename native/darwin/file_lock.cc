// flock: owned by the open file, so it ends when its last descriptor does. This file is compiled on Linux too, by its test.
#include "../file_lock.h"

#include <sys/file.h>

#include <cerrno>

namespace guard {
namespace {

LockAnswer Call(int descriptor, int operation) noexcept {
  int result;
  do {
    result = flock(descriptor, operation);
  } while (result == -1 && errno == EINTR);
  if (result == 0) return {LockAnswer::State::kOurs, 0};
  if (errno == EWOULDBLOCK) return {LockAnswer::State::kBusy, 0};
  return {LockAnswer::State::kFailed, errno};
}

}  // namespace

bool LocksSupported() noexcept { return true; }

LockAnswer TryLock(int descriptor) noexcept { return Call(descriptor, LOCK_EX | LOCK_NB); }

LockAnswer Unlock(int descriptor) noexcept { return Call(descriptor, LOCK_UN); }

// There is no question without a lock: a shared one for a moment, which disturbs nobody who only asks. The answer is for a
// description that holds nothing itself.
LockAnswer AskLock(int descriptor) noexcept {
  const LockAnswer answer = Call(descriptor, LOCK_SH | LOCK_NB);
  if (answer.state == LockAnswer::State::kOurs) Call(descriptor, LOCK_UN);
  return answer;
}

}  // namespace guard
