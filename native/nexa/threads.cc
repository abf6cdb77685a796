// Detached threads and how many of them there are.
#include "threads.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

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

}  // namespace

bool StartThread(std::function<void()> work) noexcept {
  try {
    Count& count = TheCount();
    count.Add(1);
    try {
      std::thread([&count, work = std::move(work)]() mutable {
        work();
        work = nullptr;
        count.Add(-1);
      }).detach();
    } catch (...) {
      count.Add(-1);
      return false;
    }
    return true;
  } catch (...) {
    return false;
  }
}

bool WaitForThreads(std::chrono::milliseconds most) noexcept {
  Count& count = TheCount();
  std::unique_lock<std::mutex> lock(count.mutex);
  return count.changed.wait_for(lock, most, [&count] { return count.running == 0; });
}

}  // namespace guard::nexa
