// One thread for the whole process, started with the first watch and never joined. It shares nothing with an environment
// but the end of a socket pair: a worker that is terminated closes the other end, and nothing of it is called afterwards.
#include "../memory_watch.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <new>
#include <thread>

#include "left_bytes.h"
#include "kernel_notice.h"

namespace guard {
namespace {

// As src/monitor/reading-interval.ts has them: the fastest that a machine fills memory, and how long a reading may wait.
constexpr double kFillBytesPerMs = 6000.0 * 1024 * 1024 / 1000;
constexpr double kShortestMs = 10;
constexpr double kLongestMs = 1000;
// Where memory falls fast enough to cross before that, half the time that is left is waited for.
constexpr double kHurriedMs = 1;
// While it stands still close above a figure, waits grow up to this: ten readings a second instead of a hundred. On a
// virtual machine a wake-up and the files, cold by then, take some 140 us (docs/watching.md has the cost).
constexpr double kStillMs = 100;
constexpr double kStillBytes = 1024.0 * 1024;
// The kernel takes 10 to 20 ms to register a notice (an RCU grace period), in which this thread looks at nothing.
constexpr double kRegisterMs = 25;

double NowMs() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

struct Watched {
  Watched(std::unique_ptr<MemoryFiles> opened, bool counts_swap, int wake_end) noexcept
      : files(std::move(opened)), swap(counts_swap), wake(wake_end) {}
  ~Watched() { close(wake); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  // Of the thread alone.
  std::unique_ptr<MemoryFiles> files;
  std::vector<std::unique_ptr<LinuxNotice>> notices;
  const bool swap;
  const int wake;
  Judged judged;
  std::vector<double> rows;
  double last_left = 0;
  double last_ms = 0;
  double wait_ms = 0;
  double due_ms = std::numeric_limits<double>::infinity();
  bool told = false;
  bool armed = false;

  // Between the threads, under the mutex.
  std::optional<Judged> next;
  std::optional<std::pair<double, double>> least;
  bool closed = false;
};

struct Room {
  std::mutex mutex;
  std::vector<std::shared_ptr<Watched>> watches;
  int wake = -1;
};

// Never destroyed: the thread may still be in it while the process ends.
Room& TheRoom() noexcept {
  static Room* room = new Room;
  return *room;
}

void Tell(Watched& watched) noexcept {
  if (watched.told) return;
  watched.told = true;
  // Nobody reads where the other end is closed, and a full buffer has been told enough.
  [[maybe_unused]] const ssize_t sent = send(watched.wake, "!", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Plans the next reading, and notes this one. `left` falls by `last_left - left` in `passed_ms`.
void PlanNext(Watched& watched, double left, double below, double now_ms) noexcept {
  const double distance = std::fmax(0, left - below);
  const double fallen = watched.last_left - left;
  const double per_ms = now_ms > watched.last_ms ? fallen / (now_ms - watched.last_ms) : 0;
  double wait = std::fmin(kLongestMs, std::fmax(kShortestMs, distance / kFillBytesPerMs));
  if (per_ms > 0) wait = std::fmin(wait, std::fmax(kHurriedMs, distance / per_ms / 2));
  if (std::fabs(fallen) < kStillBytes) wait = std::fmax(wait, std::fmin(kStillMs, 2 * watched.wait_ms));
  watched.last_left = left;
  watched.last_ms = now_ms;
  watched.wait_ms = wait;
  watched.due_ms = now_ms + wait;
}

// Registers what there is time for before the next reading; the rest is left for one after which there is.
void Arm(Watched& watched) noexcept {
  for (const auto& notice : watched.notices) {
    if (watched.armed || watched.due_ms - NowMs() < kRegisterMs) return;
    notice->Arm(watched.rows, watched.last_left - watched.judged.below_bytes);
  }
  watched.armed = true;
}

// The least that any scope has left; none where the files can't be read or a limit is another one.
std::optional<double> LeftNow(Watched& watched, bool full) noexcept {
  if (watched.files->Read(watched.rows.data(), full) != Outcome::kDone) return std::nullopt;
  return LeftSince(watched.judged, watched.rows, watched.swap);
}

void Read(Watched& watched, double now_ms) noexcept {
  const Judged& judged = watched.judged;
  // Reading an ancestor's memory.stat makes the kernel sum up its whole tree, so that is left for when usage has risen.
  // Without it page cache counts as taken, which can only look worse than it is.
  std::optional<double> read = LeftNow(watched, false);
  if (read && *read < std::fmax(judged.below_bytes, watched.last_left - kStillBytes)) read = LeftNow(watched, true);
  if (!read) {
    // Only JavaScript finds out where our group is now and what a limit leaves.
    watched.due_ms = std::numeric_limits<double>::infinity();
    return Tell(watched);
  }
  const double left = *read;
  {
    const std::lock_guard<std::mutex> lock(TheRoom().mutex);
    // What was judged in the meantime starts anew.
    if (!watched.next && (!watched.least || left < watched.least->first)) watched.least = {left, now_ms};
  }
  if (left < judged.below_bytes) Tell(watched);
  // Once it is told, the least is looked for: how far it falls to nothing.
  const double below = watched.told ? std::fmin(judged.below_bytes, 0) : judged.below_bytes;
  PlanNext(watched, left, below, now_ms);
  Arm(watched);
}

// Takes over what JavaScript judged in the meantime, and lets go of what it closed.
std::vector<std::shared_ptr<Watched>> Current(double now_ms) noexcept {
  Room& room = TheRoom();
  std::vector<std::shared_ptr<Watched>> current;
  std::vector<std::shared_ptr<Watched>> fresh;
  // Goes last, without the mutex: the kernel takes 10 to 20 ms to take a notice back.
  std::vector<std::shared_ptr<Watched>> closed;
  {
    const std::lock_guard<std::mutex> lock(room.mutex);
    for (auto& each : room.watches) {
      (each->closed ? closed : current).push_back(std::move(each));
    }
    room.watches = current;
    for (const auto& each : current) {
      if (!each->next) continue;
      each->judged = std::move(*each->next);
      each->next.reset();
      fresh.push_back(each);
    }
  }
  for (const auto& each : fresh) {
    each->rows = each->judged.rows;
    each->told = false;
    each->armed = false;
    const double left = *std::min_element(each->judged.left.begin(), each->judged.left.end());
    PlanNext(*each, left, each->judged.below_bytes, now_ms);
    Arm(*each);
  }
  return current;
}

void Run() noexcept {
  const int wake = TheRoom().wake;
  std::vector<pollfd> polled;
  for (;;) {
    const std::vector<std::shared_ptr<Watched>> current = Current(NowMs());
    double now = NowMs();
    polled.assign(1, {wake, POLLIN, 0});
    double due = std::numeric_limits<double>::infinity();
    for (const auto& each : current) {
      due = std::fmin(due, each->due_ms);
      for (const auto& notice : each->notices) polled.push_back(notice->Poll(now));
    }
    const int timeout = std::isinf(due) ? -1 : static_cast<int>(std::ceil(std::fmax(0, due - now)));
    if (poll(polled.data(), polled.size(), timeout) < 0) continue;  // EINTR cannot be: all signals are blocked
    if (polled[0].revents != 0) {
      std::uint64_t count;
      [[maybe_unused]] const ssize_t got = read(wake, &count, sizeof count);
    }
    now = NowMs();
    std::size_t at = 1;
    for (const auto& each : current) {
      for (const auto& notice : each->notices) {
        const short events = polled[at++].revents;
        if (events == 0 || !notice->Woken(events, now) || std::isinf(each->due_ms)) continue;
        each->due_ms = now;
        // Page cache may have crossed a threshold, which then lies behind.
        each->armed = false;
      }
      if (each->due_ms <= now) Read(*each, now);
    }
  }
}

void Wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = write(TheRoom().wake, &one, sizeof one);
}

// Under the mutex. The thread takes no signals: those are for the threads that handle them.
bool Started() noexcept {
  Room& room = TheRoom();
  if (room.wake >= 0) return true;
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) return false;
  room.wake = wake;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const bool started = pthread_create(
                           &thread, nullptr,
                           [](void*) -> void* {
                             Run();
                             return nullptr;
                           },
                           nullptr) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (started) {
    pthread_setname_np(thread, "memory-guard");
    pthread_detach(thread);
  } else {
    close(wake);
    room.wake = -1;
  }
  return started;
}

class LinuxMemoryWatch final : public MemoryWatch {
 public:
  explicit LinuxMemoryWatch(std::shared_ptr<Watched> watched) noexcept : watched_(std::move(watched)) {}

  ~LinuxMemoryWatch() override {
    {
      const std::lock_guard<std::mutex> lock(TheRoom().mutex);
      watched_->closed = true;
      // The thread is to be the last owner: what it closes may take a while.
      watched_.reset();
    }
    Wake();
  }

  void Watch(Judged&& judged) noexcept override {
    {
      const std::lock_guard<std::mutex> lock(TheRoom().mutex);
      watched_->next = std::move(judged);
      watched_->least.reset();
    }
    Wake();
  }

  std::optional<Least> Take() noexcept override {
    std::optional<std::pair<double, double>> least;
    {
      const std::lock_guard<std::mutex> lock(TheRoom().mutex);
      least.swap(watched_->least);
    }
    if (!least) return std::nullopt;
    return Least{least->first, NowMs() - least->second};
  }

 private:
  std::shared_ptr<Watched> watched_;
};

}  // namespace

bool MemoryWatchSupported() noexcept { return true; }

bool OpenWake(int (&ends)[2]) noexcept {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0;
}

void CloseWake(int end) noexcept { close(end); }

std::unique_ptr<MemoryWatch> OpenMemoryWatch(Plan&& plan, std::vector<Notice>&& notices, int wake) noexcept {
  const bool swap = plan.swap;
  auto watched = std::make_shared<Watched>(OpenMemoryFiles(std::move(plan)), swap, wake);
  if (!watched->files) return nullptr;
  for (Notice& notice : notices) watched->notices.push_back(std::make_unique<LinuxNotice>(std::move(notice)));
  {
    const std::lock_guard<std::mutex> lock(TheRoom().mutex);
    if (!Started()) return nullptr;
    TheRoom().watches.push_back(watched);
  }
  return std::unique_ptr<MemoryWatch>(new (std::nothrow) LinuxMemoryWatch(std::move(watched)));
}

}  // namespace guard
