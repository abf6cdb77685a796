// The memory-pressure source of libdispatch, which calls on one of its own threads.
#include "../memory_pressure.h"

#include <dispatch/dispatch.h>

#include <new>

namespace guard {
namespace {

struct Listener {
  void (*changed)(void* data);
  void* data;
  dispatch_semaphore_t ended;
};

class DispatchWatch final : public PressureWatch {
 public:
  DispatchWatch(dispatch_source_t source, std::unique_ptr<Listener> listener) noexcept
      : source_(source), listener_(std::move(listener)) {}

  // Waits for a call that runs, so that nobody uses `data` afterwards.
  ~DispatchWatch() override {
    dispatch_source_cancel(source_);
    dispatch_semaphore_wait(listener_->ended, DISPATCH_TIME_FOREVER);
    dispatch_release(source_);
    dispatch_release(listener_->ended);
  }

 private:
  dispatch_source_t source_;
  std::unique_ptr<Listener> listener_;
};

void OnChange(void* context) {
  const auto* listener = static_cast<Listener*>(context);
  listener->changed(listener->data);
}

void OnEnd(void* context) { dispatch_semaphore_signal(static_cast<Listener*>(context)->ended); }

}  // namespace

bool MemoryPressureSupported() noexcept { return true; }

std::unique_ptr<PressureWatch> WatchMemoryPressure(void (*changed)(void* data), void* data) noexcept {
  std::unique_ptr<Listener> listener(new (std::nothrow) Listener{changed, data, nullptr});
  if (!listener) return nullptr;
  constexpr unsigned long kLevels =
      DISPATCH_MEMORYPRESSURE_NORMAL | DISPATCH_MEMORYPRESSURE_WARN | DISPATCH_MEMORYPRESSURE_CRITICAL;
  dispatch_source_t source = dispatch_source_create(DISPATCH_SOURCE_TYPE_MEMORYPRESSURE, 0, kLevels,
                                                    dispatch_get_global_queue(DISPATCH_QUEUE_PRIORITY_DEFAULT, 0));
  if (source == nullptr) return nullptr;
  listener->ended = dispatch_semaphore_create(0);
  dispatch_set_context(source, listener.get());
  dispatch_source_set_event_handler_f(source, OnChange);
  dispatch_source_set_cancel_handler_f(source, OnEnd);
  dispatch_resume(source);
  return std::unique_ptr<PressureWatch>(new (std::nothrow) DispatchWatch(source, std::move(listener)));
}

}  // namespace guard
