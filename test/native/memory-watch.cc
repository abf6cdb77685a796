// Opens, hears and closes watches on several threads at once: `memory-watch MEMINFO USAGE ROUNDS`. `USAGE` is written by
// this program, as a group's that fills up and empties. Prints how many watches heard of it; what is wrong before that.
#include "../../native/memory_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>

namespace {

constexpr double kMiB = 1024.0 * 1024.0;
constexpr int kThreads = 4;
constexpr double kEmpty = 100 * kMiB;
constexpr double kFull = 400 * kMiB;
std::atomic<int> heard{0};
std::atomic<int> wrong{0};

// Whether a watch was heard of.
class Woken {
 public:
  void Tell() {
    const std::lock_guard<std::mutex> lock(mutex_);
    told_ = true;
    changed_.notify_all();
  }
  bool Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [this] { return told_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool told_ = false;
};

void Wrong(const char* what) {
  std::printf("%s\n", what);
  wrong++;
}

void Use(int file, double bytes) {
  char text[32];
  const int length = std::snprintf(text, sizeof text, "%012.0f\n", bytes);
  if (pwrite(file, text, static_cast<std::size_t>(length), 0) != length) Wrong("the usage can't be written");
}

guard::ReadPlan MakePlan(const char* meminfo, const char* usage) {
  guard::ReadPlan plan;
  plan.files.push_back({meminfo, guard::Parse::kMeminfo, 0, 0});
  plan.files.push_back({usage, guard::Parse::kNumber, 1, guard::kUsed});
  return plan;
}

// A host with more than enough, and a group that had 300 MiB left while it was empty.
guard::Judgement Empty(const guard::ReadPlan& plan) {
  std::vector<double> rows(2 * guard::kStride, std::numeric_limits<double>::quiet_NaN());
  guard::ReadPlan same = plan;
  const auto files = guard::OpenMemoryFiles(std::move(same));
  if (!files || files->Read(rows.data(), true) != guard::Outcome::kDone) Wrong("the files can't be read");
  rows[guard::kStride + guard::kUsed] = kEmpty;
  return {rows, {1e15, 300 * kMiB}, 200 * kMiB};
}

void Watch(const char* meminfo, const char* usage, int rounds) {
  const guard::ReadPlan plan = MakePlan(meminfo, usage);
  const guard::Judgement empty = Empty(plan);
  for (int round = 0; round < rounds; round++) {
    const auto woken = std::make_shared<Woken>();
    guard::ReadPlan own = plan;
    std::vector<guard::Notice> notices;
    notices.push_back({guard::Notice::Kind::kPressure, "/proc/pressure/memory", 0});
    auto watch = guard::OpenMemoryWatch(std::move(own), std::move(notices), [woken] { woken->Tell(); });
    if (!watch) return Wrong("no watch");
    watch->Watch(guard::Judgement(empty));
    // Every third is closed while it may be at anything.
    if (round % 3 != 0) {
      if (!woken->Wait()) return Wrong("a watch heard nothing in 20 s");
      const auto least = watch->Take();
      if (!least || least->left_bytes >= 200 * kMiB) Wrong("it heard of something else than the group that is full");
      heard++;
    }
    watch.reset();
  }
}

}  // namespace

int main(int, char** arguments) {
  const int usage = open(arguments[2], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (usage < 0) return 2;
  Use(usage, kEmpty);
  std::atomic<bool> done{false};
  std::thread uses([&] {
    for (int turn = 0; !done; turn++) {
      Use(usage, turn % 2 == 0 ? kFull : kEmpty);
      usleep(20000);
    }
  });
  std::vector<std::thread> threads;
  for (int each = 0; each < kThreads; each++) {
    threads.emplace_back(Watch, arguments[1], arguments[2], std::atoi(arguments[3]));
  }
  for (auto& thread : threads) thread.join();
  done = true;
  uses.join();
  std::printf("%d heard\n", heard.load());
  return wrong == 0 ? 0 : 1;
}
