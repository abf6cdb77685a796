// A watch on Linux: everything is handed to the one thread that reads for all watches.
#include "../memory_watch.h"

#include <sys/socket.h>
#include <unistd.h>

#include <new>
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

bool OpenWakeEnds(int (&ends)[2]) noexcept {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0;
}

void CloseWakeEnd(int end) noexcept { close(end); }

std::unique_ptr<MemoryWatch> OpenMemoryWatch(ReadPlan&& plan, std::vector<Notice>&& notices, int wake_end) noexcept {
  const bool swap = plan.swap;
  auto files = OpenMemoryFiles(std::move(plan));
  if (files == nullptr) {
    CloseWakeEnd(wake_end);
    return nullptr;
  }
  auto watch = std::make_shared<SharedWatch>(std::move(files), std::move(notices), swap, wake_end);
  if (!WatchThread::Instance().Add(watch)) return nullptr;
  return std::unique_ptr<MemoryWatch>(new (std::nothrow) LinuxMemoryWatch(std::move(watch)));
}

}  // namespace guard
