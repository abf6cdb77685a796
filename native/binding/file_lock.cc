// Locks of open files for JavaScript.
#include "../file_lock.h"

#include <memory>

#include "../lock_queue.h"
#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_value.h"
#include "wake_call.h"

namespace guard::binding {
namespace {

// 1 if it is ours or free, 0 if another holds it, otherwise the negative error.
int ToNumber(const guard::LockAnswer& answer) {
  switch (answer.state) {
    case guard::LockAnswer::State::kOurs: return 1;
    case guard::LockAnswer::State::kBusy: return 0;
    case guard::LockAnswer::State::kFailed: break;
  }
  return -answer.error;
}

// 0 while it is waited for, 1 if it is ours, 2 if it was free a moment ago, otherwise the negative error.
int ToNumber(const guard::LockQueue::Turn& turn) {
  using State = guard::LockQueue::Turn::State;
  switch (turn.state) {
    case State::kWaiting: return 0;
    case State::kOurs: return 1;
    case State::kFree: return 2;
    case State::kFailed: break;
  }
  return -turn.error;
}

bool ReadLockNumber(napi_env env, napi_value value, const char* name, std::uint32_t& number) {
  std::int32_t read = 0;
  if (!ReadInteger(env, value, name, read)) return false;
  if (read < 0) return Refuse(env, value, name, "a number from 0");
  number = static_cast<std::uint32_t>(read);
  return true;
}

template <guard::LockAnswer (*act)(int, std::uint32_t) noexcept>
napi_value Act(napi_env env, const Arguments& arguments) {
  std::int32_t descriptor = 0;
  std::uint32_t number = 0;
  if (!ReadInteger(env, arguments[0], "descriptor", descriptor) || !ReadLockNumber(env, arguments[1], "number", number)) {
    return nullptr;
  }
  return MakeNumber(env, ToNumber(act(descriptor, number)));
}

napi_value Ask(napi_env env, const Arguments& arguments) {
  std::int32_t descriptor = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  if (!ReadInteger(env, arguments[0], "descriptor", descriptor) || !ReadLockNumber(env, arguments[1], "first", first) ||
      !ReadLockNumber(env, arguments[2], "count", count)) {
    return nullptr;
  }
  // To the kernel, a range of no bytes is all that follow.
  if (count == 0) return MakeNumber(env, 1);
  return MakeNumber(env, ToNumber(guard::AskLocks(descriptor, first, count)));
}

napi_value Raise(napi_env env, const Arguments& arguments) {
  std::int32_t descriptor = 0;
  if (!ReadInteger(env, arguments[0], "descriptor", descriptor)) return nullptr;
  return MakeNumber(env, guard::RaiseDescriptor(descriptor));
}

// `new LockQueue(descriptor, number, told, noteAt, holder)`: calls `told()` on the environment's thread whenever `take()`
// has something to say, until `close()`. It does not keep the process alive.
class LockQueue {
 public:
  static std::unique_ptr<LockQueue> Make(napi_env env, const Arguments& arguments) {
    std::int32_t descriptor = 0;
    std::uint32_t number = 0;
    guard::HolderNote note{};
    if (!ReadInteger(env, arguments[0], "descriptor", descriptor) || !ReadLockNumber(env, arguments[1], "number", number) ||
        !ReadLockNumber(env, arguments[3], "noteAt", note.offset) ||
        !ReadNumber(env, arguments[4], "holder", note.holder)) {
      return nullptr;
    }
    auto made = std::make_unique<LockQueue>();
    made->told_ = WakeCall::Make(env, arguments[2], "told");
    if (made->told_ == nullptr) return nullptr;
    made->queue_ = guard::LockQueue::Open(descriptor, number, note, [told = made->told_] { told->Ask(); });
    if (made->queue_ == nullptr) {
      Throw(env, "LockQueue: no thread, memory or descriptor for it");
      return nullptr;
    }
    return made;
  }

  LockQueue() = default;
  ~LockQueue() { End(); }
  LockQueue(const LockQueue&) = delete;
  LockQueue& operator=(const LockQueue&) = delete;

  napi_value Join(napi_env env, const Arguments& arguments) {
    bool holds = false;
    if (!ReadFlag(env, arguments[0], "holds", holds)) return nullptr;
    if (queue_ != nullptr) queue_->Join(holds);
    return nullptr;
  }
  napi_value Take(napi_env env, const Arguments&) {
    return MakeNumber(env, queue_ != nullptr ? ToNumber(queue_->Take()) : 0);
  }
  napi_value Release(napi_env, const Arguments&) {
    if (queue_ != nullptr) queue_->Release();
    return nullptr;
  }
  napi_value Leave(napi_env, const Arguments&) {
    if (queue_ != nullptr) queue_->Leave();
    return nullptr;
  }
  napi_value Close(napi_env, const Arguments&) {
    End();
    return nullptr;
  }

 private:
  void End() noexcept {
    queue_.reset();
    if (told_ != nullptr) told_->Forget();
  }

  std::shared_ptr<WakeCall> told_;
  std::unique_ptr<guard::LockQueue> queue_;
};

}  // namespace

// `locks`: `tryLock(descriptor, number)`, `unlock(descriptor, number)`, `ask(descriptor, first, count)`,
// `raise(descriptor)` and `LockQueue`.
void DefineFileLock(napi_env env, napi_value exports) noexcept {
  if (!guard::FileLockSupported()) return;
  const napi_value locks = ObjectMaker(env).Value();
  DefineFunction(env, locks, "tryLock", Enter<Act<guard::TryLock>>);
  DefineFunction(env, locks, "unlock", Enter<Act<guard::Unlock>>);
  DefineFunction(env, locks, "ask", Enter<Ask>);
  DefineFunction(env, locks, "raise", Enter<Raise>);
  using Class = WrappedClass<LockQueue>;
  Class::Define<LockQueue::Make>(
      env, locks, "LockQueue",
      {Class::DescribeMethod<&LockQueue::Join>("join"), Class::DescribeMethod<&LockQueue::Take>("take"),
       Class::DescribeMethod<&LockQueue::Release>("release"), Class::DescribeMethod<&LockQueue::Leave>("leave"),
       Class::DescribeMethod<&LockQueue::Close>("close")});
  (void)napi_set_named_property(env, exports, "locks", locks);
}

}  // namespace guard::binding
