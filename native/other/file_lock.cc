// Systems without open-file-description locks: the ledger stays in its process.
#include "../file_lock.h"

namespace guard {

bool LocksSupported() noexcept { return false; }

LockAnswer TryLock(int) noexcept { return {LockAnswer::State::kFailed, 0}; }
LockAnswer Unlock(int) noexcept { return {LockAnswer::State::kFailed, 0}; }
LockAnswer AskLock(int) noexcept { return {LockAnswer::State::kFailed, 0}; }

}  // namespace guard
