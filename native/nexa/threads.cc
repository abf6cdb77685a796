// Detached threads and how many of them there are.
#include "threads.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "../nexa_os.h"

namespace guard::nexa {
namespace {

struct Count {
  std::mutex mutex;
  std::condition_variable changed;
  int running = 0;

  void Add(int more) {
    const std::lock_guard<std::mutex> lock(mutex);
    running += more;
    // Under the lock: whoever waits may end the process the moment it wakes.
    changed.notify_all();
  }
};

// Never destroyed: threads end while the process does.
Count& TheCount() {
  static Count* count = new Count;
  return *count;
}

void Work(void* data) {
  {
    const std::unique_ptr<std::function<void()>> work(static_cast<std::function<void()>*>(data));
    (*work)();
  }
  TheCount().Add(-1);
}

}  // namespace

bool StartThread(std::function<void()> work) noexcept {
  Count& count = TheCount();
  try {
    auto own = std::make_unique<std::function<void()>>(std::move(work));
    count.Add(1);
    if (os::StartDetached(Work, own.get())) {
      own.release();
      return true;
    }
  } catch (...) {
    return false;
  }
  count.Add(-1);
  return false;
}

bool WaitForThreads(std::chrono::milliseconds most) noexcept {
  Count& count = TheCount();
  std::unique_lock<std::mutex> lock(count.mutex);
  return count.changed.wait_for(lock, most, [&count] { return count.running == 0; });
}

}  // namespace guard::nexa
