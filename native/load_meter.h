// Meters what one load takes while it runs, also while JavaScript is blocked. The interface knows no operating system and
// no N-API, and it knows nothing of what was reserved.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace guard {

// Anonymous memory that became accessible within the window of a load and is there now, resident or swapped out. NaN: it
// can't be told.
struct LoadFigures {
  // Outside of what JavaScript's engine maps: what native code took, and array buffers. With it goes memory that was
  // accessible before and is touched now: in the main thread's heap while the SDK blocks that thread, and everywhere if
  // models live in JavaScript.
  double native_bytes;
  // Memories of WebAssembly.
  double wasm_bytes;
};

// A window, from just before the SDK is called to the moment at which this object is destroyed. Memory that becomes
// accessible while other windows of the process are open belongs to none of them. Every method may be called from any
// thread.
class LoadMeter {
 public:
  virtual ~LoadMeter() = default;
  // Whether the process has changed since the window began by as much as would be seen in the figures.
  virtual bool Moved() noexcept = 0;
  // Has the thread that looks into loads which last look now, and then calls `done`, which must not throw. That takes
  // milliseconds if there is much to count.
  virtual void Look(std::function<void()> done) = 0;
  // What the last look found.
  virtual LoadFigures Figures() noexcept = 0;
  // Whether the SDK blocks JavaScript, as it does at first. Meanwhile the figures are published as they are found, since
  // nobody else can; and else only what `Took` is told.
  virtual void Blocked(bool now) noexcept = 0;
  // What the load has taken, as it is known now.
  virtual void Took(double bytes) noexcept = 0;
  // Writes what the load has taken at this place of a file, now and whenever it changes: the number, a check, and the
  // bytes as a double. False if the descriptor can't be kept.
  virtual bool PublishTo(int descriptor, std::int64_t offset, std::uint32_t number) noexcept = 0;
};

bool LoadMeterSupported() noexcept;

// Begins a window. `heap_bytes` is what JavaScript's engine says that it has touched of its heap. `javascript`: models live
// in array buffers and memories of WebAssembly. Null if the process's memory can't be read, or there is no thread for it.
std::unique_ptr<LoadMeter> OpenLoadMeter(double heap_bytes, bool javascript) noexcept;

}  // namespace guard
