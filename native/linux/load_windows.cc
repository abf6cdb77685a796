#include "load_windows.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "resident_bytes.h"

namespace guard {
namespace {

// A load that is done by then is looked at once, at its end.
constexpr auto kInterval = std::chrono::milliseconds(25);
// Between two looks the thread sleeps for so many times as long as the first one ran, so that looking takes a twentieth of
// a processor at most, and machines that are busy are looked at no less often.
constexpr int kSleepFactor = 10;
constexpr std::size_t kStackBytes = std::size_t{256} << 10;

// How long this thread has run.
std::chrono::nanoseconds ReadThreadTime() noexcept {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

SharedMap ReadMap() noexcept {
  try {
    std::optional<AddressMap> read = ReadAddressMap();
    return read ? std::make_shared<const AddressMap>(std::move(*read)) : nullptr;
  } catch (...) {
    return nullptr;
  }
}

}  // namespace

LoadWindows& LoadWindows::Instance() noexcept {
  static auto* windows = new LoadWindows;
  return *windows;
}

bool LoadWindows::Open(const std::shared_ptr<LoadWindow>& window) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!Start()) return false;
  const std::optional<ProcessPages> pages = ReadProcessPages();
  if (!pages) return false;
  if (known_ == nullptr || known_pages_ != pages->virtual_pages) Keep(pages->virtual_pages, ReadMap());
  if (known_ == nullptr) return false;
  window->before = *pages;
  window->known = known_;
  window->beside = !open_.empty();
  if (window->javascript && !window->beside) window->touched.Begin(*known_);
  window->due = Clock::now() + kInterval;
  open_.push_back(window);
  for (const auto& other : open_) {
    if (other != window) other->OpenBeside(*known_);
  }
  if (window->due < asleep_until_) wake_.notify_one();
  return true;
}

void LoadWindows::Close(const std::shared_ptr<LoadWindow>& window) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = std::find(open_.begin(), open_.end(), window);
  if (found == open_.end()) return;
  open_.erase(found);
  if (open_.size() == 1) open_.front()->StayAlone(ReadMap());
}

void LoadWindows::LookSoon(LoadWindow& window, std::function<void()>&& done) {
  const std::lock_guard<std::mutex> lock(mutex_);
  window.asked.push_back(std::move(done));
  window.due = Clock::now();
  wake_.notify_one();
}

void LoadWindows::Block(LoadWindow& window, bool now) noexcept {
  // In other threads `malloc` gives memory that anybody may have had.
  const bool counts = syscall(SYS_gettid) == getpid();
  try {
    AddressRanges heap = With([&] { return now ? window.HeapKnown() : window.reuse.heap; });
    const std::optional<double> there = counts && !heap.empty() ? CountResidentBytes(heap) : std::nullopt;
    const std::lock_guard<std::mutex> lock(mutex_);
    window.blocked = now;
    // A look that runs now saw only a part of it.
    window.changes++;
    if (now && there) {
      window.BeginReuse(std::move(heap), *there);
    } else if (!now) {
      window.EndReuse(there);
    }
  } catch (...) {
    // No memory: then what was free before pays for nothing.
    With([&] {
      window.blocked = now;
      window.reuse = {};
    });
  }
}

void LoadWindows::Look(LoadWindow& window) noexcept {
  try {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool beside = window.beside;
    const SharedMap known = window.known;
    AddressMap own = window.own;
    const HeapReuse reuse = window.reuse;
    const TouchedMemory touched = window.touched;
    const int changes = window.changes;
    lock.unlock();
    const std::optional<ProcessPages> pages = ReadProcessPages();
    const SharedMap now = ReadMap();
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    LoadFigures found{kUnknown, kUnknown};
    if (now != nullptr) {
      if (!beside) own = AddNew(own, *known, *now);
      if (Trusts(*now, window.heap_bytes)) {
        found = window.javascript ? CountFigures(own, beside ? touched.ended_bytes() : touched.Count(*now), *now)
                                  : CountFigures(own, reuse, *now);
      }
    }
    lock.lock();
    if (pages && now != nullptr) Keep(pages->virtual_pages, now);
    if (window.changes != changes) return;
    if (!beside && now != nullptr) {
      window.own = std::move(own);
      window.known = now;
    }
    window.Show(found);
  } catch (...) {
    // No memory: what was found before stands.
  }
}

// Whether addresses tell here whose memory it is: the heap of JavaScript's engine lies where it is looked for. Shown once,
// that holds.
bool LoadWindows::Trusts(const AddressMap& now, double heap_bytes) noexcept {
  if (trusts_) return true;
  const std::optional<double> found = CountResidentBytes(now.heap);
  // The engine also counts pages that it has not touched.
  if (found && heap_bytes > 0 && *found >= heap_bytes / 2) trusts_ = true;
  return trusts_;
}

// The size must be read before the map: what is mapped in between makes the map count as an old one.
void LoadWindows::Keep(long virtual_pages, SharedMap map) noexcept {
  known_pages_ = virtual_pages;
  known_ = std::move(map);
}

// Runs under the mutex. The thread takes no signals, which are for the threads that handle them.
bool LoadWindows::Start() noexcept {
  if (runs_) return true;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto run = [](void* windows) -> void* {
    static_cast<LoadWindows*>(windows)->Run();
    return nullptr;
  };
  pthread_t thread;
  runs_ = pthread_create(&thread, &attributes, run, this) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return runs_;
}

// A window that is opened while the thread sleeps is due later than the thread wakes, so that a short load wakes nobody.
void LoadWindows::Run() noexcept {
  pthread_setname_np(pthread_self(), "load-meter");
  std::unique_lock<std::mutex> lock(mutex_);
  while (!open_.empty()) {
    const auto next = std::min_element(open_.begin(), open_.end(),
                                       [](const auto& left, const auto& right) { return left->due < right->due; });
    asleep_until_ = (*next)->due;
    if (asleep_until_ > Clock::now()) {
      // It sleeps on if the window is closed meanwhile: a program that loads one model after the other keeps its thread.
      wake_.wait_until(lock, asleep_until_);
      continue;
    }
    const std::shared_ptr<LoadWindow> window = *next;
    std::vector<std::function<void()>> asked;
    asked.swap(window->asked);
    lock.unlock();
    const std::chrono::nanoseconds before = ReadThreadTime();
    Look(*window);
    const Clock::duration sleep = std::max<Clock::duration>(kInterval, (ReadThreadTime() - before) * kSleepFactor);
    for (const auto& done : asked) done();
    lock.lock();
    if (window->asked.empty()) window->due = Clock::now() + sleep;
  }
  asleep_until_ = Clock::time_point::max();
  runs_ = false;
}

}  // namespace guard
