// Systems whose locks do not end with their process: the ledger stays in its process.
#include "../file_lock.h"

namespace guard {

bool FileLockSupported() noexcept { return false; }

LockAnswer TryLock(int, std::uint32_t) noexcept { return {LockAnswer::State::kFailed, 0}; }
LockAnswer Unlock(int, std::uint32_t) noexcept { return {LockAnswer::State::kFailed, 0}; }
LockAnswer AskLocks(int, std::uint32_t, std::uint32_t) noexcept { return {LockAnswer::State::kFailed, 0}; }
int RaiseDescriptor(int) noexcept { return -1; }
std::unique_ptr<WaitingFile> OpenWaitingFile(int) noexcept { return nullptr; }

}  // namespace guard
