// A watch on Linux: everything is handed to the one thread that reads for all watches.
#include "../memory_watch.h"

#include <utility>

#include "watch_thread.h"

namespace guard {
namespace {

class LinuxMemoryWatch final : public MemoryWatch {
 public:
  explicit LinuxMemoryWatch(std::shared_ptr<SharedWatch> watch) noexcept : watch_(std::move(watch)) {}
  ~LinuxMemoryWatch() override { WatchThread::Instance().Close(std::move(watch_)); }

  void Watch(Judgement&& judgement) noexcept override { WatchThread::Instance().Judge(*watch_, std::move(judgement)); }
  std::optional<LeastLeft> Take() noexcept override { return WatchThread::Instance().Take(*watch_); }

 private:
  std::shared_ptr<SharedWatch> watch_;
};

}  // namespace

bool MemoryWatchSupported() noexcept { return true; }

std::unique_ptr<MemoryWatch> OpenMemoryWatch(ReadPlan&& plan, std::vector<Notice>&& notices,
                                             std::function<void()> woken) noexcept {
  try {
    const bool swap = plan.swap;
    auto files = OpenMemoryFiles(std::move(plan));
    if (files == nullptr) return nullptr;
    auto watch = std::make_shared<SharedWatch>(std::move(files), std::move(notices), swap, std::move(woken));
    auto made = std::make_unique<LinuxMemoryWatch>(watch);
    return WatchThread::Instance().Add(std::move(watch)) ? std::move(made) : nullptr;
  } catch (...) {
    return nullptr;
  }
}

}  // namespace guard
