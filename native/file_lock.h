// Locks of single bytes of open files, which end with the process that holds them. It knows no JavaScript and no path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace guard {

struct LockAnswer {
  // kOurs: this descriptor holds the lock, or, if it was only asked for, the lock is free. kBusy: another open file
  // description holds it. kFailed: the call failed with `error`.
  enum class State { kOurs, kBusy, kFailed } state;
  int error;
};

bool FileLockSupported() noexcept;
// A lock is named by its number. Its byte lies behind the end of any file, so that it keeps nobody from reading. The first
// three never wait.
LockAnswer TryLock(int descriptor, std::uint32_t number) noexcept;
LockAnswer Unlock(int descriptor, std::uint32_t number) noexcept;
// Asks whether another open file description of the same file holds one of `count` locks.
LockAnswer AskLocks(int descriptor, std::uint32_t first, std::uint32_t count) noexcept;

// Gives the same open file description a number above those that other files usually have, because a dying process closes
// the files with the highest numbers first: what others wait to see free must not wait for them. Returns the new number,
// and closes the old one; or the old one if there is none.
int RaiseDescriptor(int descriptor) noexcept;

// The same open file description for a thread that waits: it outlives the descriptor from which it was made.
class WaitingFile {
 public:
  WaitingFile() = default;
  WaitingFile(const WaitingFile&) = delete;
  WaitingFile& operator=(const WaitingFile&) = delete;
  virtual ~WaitingFile() = default;

  // Blocks its thread until the lock is held. Others wait in the order in which they came, as the system keeps it.
  virtual LockAnswer Wait(std::uint32_t number) noexcept = 0;
  virtual LockAnswer Unlock(std::uint32_t number) noexcept = 0;
  // Writes into the file. Nothing depends on it.
  virtual void Write(std::uint32_t offset, const void* bytes, std::size_t size) noexcept = 0;
};

// Null if the system gives no further descriptor.
std::unique_ptr<WaitingFile> OpenWaitingFile(int descriptor) noexcept;

}  // namespace guard
