// The system's notices of low and of high memory. Each stays set while it holds, so they are waited for in turn.
#include "../memory_pressure.h"

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <new>

namespace guard {
namespace {

class NoticeWatch final : public PressureWatch {
 public:
  NoticeWatch(void (*changed)(void*), void* data) noexcept
      : changed_(changed),
        data_(data),
        stop_(CreateEventW(nullptr, TRUE, FALSE, nullptr)),
        low_(CreateMemoryResourceNotification(LowMemoryResourceNotification)),
        high_(CreateMemoryResourceNotification(HighMemoryResourceNotification)) {
    if (stop_ != nullptr && low_ != nullptr && high_ != nullptr) thread_ = CreateThread(nullptr, 0, Run, this, 0, nullptr);
  }

  ~NoticeWatch() override {
    if (thread_ != nullptr) {
      SetEvent(stop_);
      WaitForSingleObject(thread_, INFINITE);
    }
    for (HANDLE handle : {thread_, stop_, low_, high_}) {
      if (handle != nullptr) CloseHandle(handle);
    }
  }

  NoticeWatch(const NoticeWatch&) = delete;
  NoticeWatch& operator=(const NoticeWatch&) = delete;

  bool Runs() const noexcept { return thread_ != nullptr; }

 private:
  static DWORD WINAPI Run(void* self) {
    auto* watch = static_cast<NoticeWatch*>(self);
    while (watch->Await(watch->low_) && watch->Await(watch->high_)) {
    }
    return 0;
  }

  // False if the watch ends.
  bool Await(HANDLE notice) noexcept {
    const HANDLE handles[] = {stop_, notice};
    if (WaitForMultipleObjects(2, handles, FALSE, INFINITE) != WAIT_OBJECT_0 + 1) return false;
    changed_(data_);
    return true;
  }

  void (*changed_)(void*);
  void* data_;
  HANDLE stop_;
  HANDLE low_;
  HANDLE high_;
  HANDLE thread_ = nullptr;
};

}  // namespace

bool MemoryPressureSupported() noexcept { return true; }

std::unique_ptr<PressureWatch> WatchMemoryPressure(void (*changed)(void* data), void* data) noexcept {
  std::unique_ptr<NoticeWatch> watch(new (std::nothrow) NoticeWatch(changed, data));
  if (!watch || !watch->Runs()) return nullptr;
  return watch;
}

}  // namespace guard
