// The memory-pressure source of libdispatch, on one of its own threads.
#include "../memory_pressure.h"

#include <dispatch/dispatch.h>

#include <new>

namespace guard {
namespace {

struct Told {
  void (*changed)(void* data);
  void* data;
  dispatch_semaphore_t ended;
};

class DispatchWatch final : public PressureWatch {
 public:
  DispatchWatch(dispatch_source_t source, std::unique_ptr<Told> told) noexcept : source_(source), told_(std::move(told)) {}

  // Waits for a call that runs: afterwards nobody uses `data` any more.
  ~DispatchWatch() override {
    dispatch_source_cancel(source_);
    dispatch_semaphore_wait(told_->ended, DISPATCH_TIME_FOREVER);
    dispatch_release(source_);
    dispatch_release(told_->ended);
  }

 private:
  dispatch_source_t source_;
  std::unique_ptr<Told> told_;
};

void OnChange(void* context) {
  const auto* told = static_cast<Told*>(context);
  told->changed(told->data);
}

void OnEnd(void* context) { dispatch_semaphore_signal(static_cast<Told*>(context)->ended); }

}  // namespace

bool PressureSupported() noexcept { return true; }

std::unique_ptr<PressureWatch> WatchPressure(void (*changed)(void* data), void* data) noexcept {
  std::unique_ptr<Told> told(new (std::nothrow) Told{changed, data, nullptr});
  if (!told) return nullptr;
  constexpr unsigned long kLevels =
      DISPATCH_MEMORYPRESSURE_NORMAL | DISPATCH_MEMORYPRESSURE_WARN | DISPATCH_MEMORYPRESSURE_CRITICAL;
  dispatch_source_t source = dispatch_source_create(DISPATCH_SOURCE_TYPE_MEMORYPRESSURE, 0, kLevels,
                                                    dispatch_get_global_queue(DISPATCH_QUEUE_PRIORITY_DEFAULT, 0));
  if (source == nullptr) return nullptr;
  told->ended = dispatch_semaphore_create(0);
  dispatch_set_context(source, told.get());
  dispatch_source_set_event_handler_f(source, OnChange);
  dispatch_source_set_cancel_handler_f(source, OnEnd);
  dispatch_resume(source);
  return std::unique_ptr<PressureWatch>(new (std::nothrow) DispatchWatch(source, std::move(told)));
}

}  // namespace guard
