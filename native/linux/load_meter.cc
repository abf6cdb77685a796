// A load meter on Linux: one window among those of the process.
#include "../load_meter.h"

#include <optional>
#include <utility>

#include "load_windows.h"

namespace guard {
namespace {

// A process changes by less without a load: code that is compiled, stacks, the engine's heap.
constexpr long kStillPages = 256;

bool HasMoved(long before, long now) noexcept { return now - before >= kStillPages || before - now >= kStillPages; }

class LinuxLoadMeter final : public LoadMeter {
 public:
  explicit LinuxLoadMeter(std::shared_ptr<LoadWindow> window) noexcept : window_(std::move(window)) {}
  ~LinuxLoadMeter() override { windows_.Close(window_); }

  bool Moved() noexcept override {
    const std::optional<ProcessPages> now = ReadProcessPages();
    return !now || HasMoved(window_->before.virtual_pages, now->virtual_pages) ||
           HasMoved(window_->before.private_pages, now->private_pages);
  }

  void Look(std::function<void()> done) override { windows_.LookSoon(*window_, std::move(done)); }

  LoadFigures Figures() noexcept override {
    return windows_.With([this] { return window_->figures; });
  }

  void Blocked(bool now) noexcept override { windows_.Block(*window_, now); }

  void Took(double bytes) noexcept override {
    windows_.With([this, bytes] { window_->Take(bytes); });
  }

  bool PublishTo(int descriptor, std::int64_t offset, std::uint32_t number) noexcept override {
    return windows_.With([=] { return window_->PublishTo(descriptor, offset, number); });
  }

 private:
  LoadWindows& windows_ = LoadWindows::Instance();
  std::shared_ptr<LoadWindow> window_;
};

}  // namespace

bool LoadMeterSupported() noexcept { return AddressZonesKnown(); }

std::unique_ptr<LoadMeter> OpenLoadMeter(double heap_bytes, bool javascript) noexcept {
  try {
    auto window = std::make_shared<LoadWindow>(heap_bytes, javascript);
    auto made = std::make_unique<LinuxLoadMeter>(window);
    return LoadWindows::Instance().Open(window) ? std::move(made) : nullptr;
  } catch (...) {
    return nullptr;
  }
}

}  // namespace guard
