#include "threads.h"

#include <memory>
#include <mutex>
#include <utility>

#include "../nexa_os.h"
#include "process_state.h"

namespace guard::nexa {
namespace {

void AddToCount(int more) {
  RunningThreads& threads = GetProcessState().threads;
  const std::lock_guard<std::mutex> lock(threads.mutex);
  threads.count += more;
  // Under the lock, because the thread that waits may end the process the moment it wakes.
  threads.changed.notify_all();
}

void Work(void* data) {
  {
    const std::unique_ptr<std::function<void()>> work(static_cast<std::function<void()>*>(data));
    (*work)();
  }
  AddToCount(-1);
}

}  // namespace

bool StartThread(std::function<void()> work) noexcept {
  try {
    auto own = std::make_unique<std::function<void()>>(std::move(work));
    AddToCount(1);
    if (os::StartDetached(Work, own.get())) {
      own.release();
      return true;
    }
  } catch (...) {
    return false;
  }
  AddToCount(-1);
  return false;
}

bool WaitForThreads(std::chrono::milliseconds most) noexcept {
  RunningThreads& threads = GetProcessState().threads;
  std::unique_lock<std::mutex> lock(threads.mutex);
  return threads.changed.wait_for(lock, most, [&threads] { return threads.count == 0; });
}

}  // namespace guard::nexa
