// Systems whose locks do not end with their process: the ledger stays in its process.
#include "../file_lock.h"

namespace guard {

bool FileLockSupported() noexcept { return false; }

LockAnswer TryLock(int) noexcept { return {LockAnswer::State::kFailed, 0}; }
LockAnswer Unlock(int) noexcept { return {LockAnswer::State::kFailed, 0}; }
LockAnswer AskLock(int) noexcept { return {LockAnswer::State::kFailed, 0}; }

}  // namespace guard
