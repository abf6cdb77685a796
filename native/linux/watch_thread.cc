#include "watch_thread.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "monotonic_clock.h"

namespace guard {

WatchThread& WatchThread::Instance() noexcept {
  static auto* thread = new WatchThread;
  return *thread;
}

bool WatchThread::Add(std::shared_ptr<SharedWatch> watch) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!Start()) return false;
  watches_.push_back(std::move(watch));
  return true;
}

void WatchThread::Judge(SharedWatch& watch, Judgement&& judgement) noexcept {
  const double now = ReadMonotonicMs();
  const double due = now + WatchedFiles::ComputeWaitMs(judgement);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    watch.next = SharedWatch::Next{std::move(judgement), now};
    watch.least.reset();
    // It takes this over when it wakes, which is soon enough: waking it now would cost the caller more than all the rest.
    if (asleep_until_ms_ <= due) return;
  }
  Wake();
}

std::optional<LeastLeft> WatchThread::Take(SharedWatch& watch) noexcept {
  std::optional<SharedWatch::Least> least;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    least.swap(watch.least);
  }
  if (!least) return std::nullopt;
  return LeastLeft{least->left_bytes, ReadMonotonicMs() - least->at_ms};
}

void WatchThread::Close(std::shared_ptr<SharedWatch>&& watch) noexcept {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    watch->closed = true;
    // The thread is to be the last owner, because destroying the files may take a while.
    watch.reset();
  }
  Wake();
}

// Runs under the mutex. The thread takes no signals, which are for the threads that handle them.
bool WatchThread::Start() noexcept {
  if (wake_ >= 0) return true;
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) return false;
  wake_ = wake;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto run = [](void* thread) -> void* {
    static_cast<WatchThread*>(thread)->Run();
    return nullptr;
  };
  pthread_t thread;
  const bool started = pthread_create(&thread, nullptr, run, this) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (started) {
    pthread_setname_np(thread, "memory-guard");
    pthread_detach(thread);
  } else {
    close(wake);
    wake_ = -1;
  }
  return started;
}

void WatchThread::Wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = write(wake_, &one, sizeof one);
}

void WatchThread::Run() noexcept {
  const int wake = wake_;
  std::vector<pollfd> polled;
  for (;;) {
    const std::vector<std::shared_ptr<SharedWatch>> watches = TakeOver();
    double now = ReadMonotonicMs();
    polled.assign(1, {wake, POLLIN, 0});
    double due = std::numeric_limits<double>::infinity();
    for (const auto& watch : watches) {
      due = std::fmin(due, watch->files.DueMs());
      watch->files.AppendPollRequests(polled, now);
    }
    const int timeout = std::isinf(due) ? -1 : static_cast<int>(std::ceil(std::fmax(0, due - now)));
    SleepUntil(due);
    // It cannot fail with EINTR, because all signals are blocked.
    if (poll(polled.data(), polled.size(), timeout) < 0) continue;
    if (polled[0].revents != 0) {
      std::uint64_t count;
      [[maybe_unused]] const ssize_t got = read(wake, &count, sizeof count);
    }
    now = ReadMonotonicMs();
    std::size_t at = 1;
    for (const auto& watch : watches) {
      at += watch->files.TakeEvents(polled.data() + at, now);
      if (watch->files.DueMs() <= now) Read(*watch, now);
    }
  }
}

// Takes over what JavaScript judged in the meantime, and lets go of what it closed. Returns the watches that are open.
std::vector<std::shared_ptr<SharedWatch>> WatchThread::TakeOver() noexcept {
  std::vector<std::shared_ptr<SharedWatch>> open;
  std::vector<std::pair<SharedWatch*, SharedWatch::Next>> judged;
  // Destroyed at the end, without the mutex: the kernel takes 10 to 20 ms to take a notice back.
  std::vector<std::shared_ptr<SharedWatch>> closed;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    asleep_until_ms_ = std::numeric_limits<double>::infinity();
    for (auto& watch : watches_) {
      (watch->closed ? closed : open).push_back(std::move(watch));
    }
    watches_ = open;
    for (const auto& watch : open) {
      if (!watch->next) continue;
      judged.emplace_back(watch.get(), std::move(*watch->next));
      watch->next.reset();
    }
  }
  for (auto& [watch, next] : judged) watch->files.Begin(std::move(next.judgement), next.at_ms);
  return open;
}

// Whoever judges from now on wakes the thread only if this is too late.
void WatchThread::SleepUntil(double due_ms) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  asleep_until_ms_ = due_ms;
}

void WatchThread::Read(SharedWatch& watch, double now_ms) noexcept {
  // What was judged while the thread slept comes first, and whatever woke it is looked at all the same.
  std::optional<SharedWatch::Next> next;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    next.swap(watch.next);
  }
  if (next) watch.files.Begin(std::move(next->judgement), next->at_ms);
  const std::optional<double> left = watch.files.Read();
  if (!left) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    // If JavaScript judged in the meantime, the least starts anew.
    if (!watch.next && (!watch.least || *left < watch.least->left_bytes)) watch.least = {*left, now_ms};
  }
  // After the least was noted, because JavaScript takes it when it is told.
  watch.files.NoteLeft(*left, now_ms);
}

}  // namespace guard
