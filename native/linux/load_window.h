// The window of one load: what became accessible in it, and how much of that is there. It knows no other window.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "../load_meter.h"
#include "address_map.h"

namespace guard {

// Of this heap so much was there before, and what was there beyond that belongs to a load, up to `most_bytes`.
struct HeapReuse {
  AddressRanges heap;
  double before_bytes = 0;
  double most_bytes = 0;

  double Count(double there) const noexcept;
};

using SharedMap = std::shared_ptr<const AddressMap>;

// What the process has touched of native memory since a moment, array buffers among it: 2.6 ms for each GiB that is there.
// `malloc` gives them memory that was accessible before, so that new addresses don't show all of it.
class TouchedMemory {
 public:
  // From now on, beside what was touched before. NaN: it can't be told.
  void Begin(const AddressMap& now) noexcept;
  // Until now, and no further.
  void End(const AddressMap& now) noexcept { touched_bytes_ = Count(now); }
  double Count(const AddressMap& now) const noexcept;
  double ended_bytes() const noexcept { return touched_bytes_; }

 private:
  double touched_bytes_ = 0;
  double before_bytes_ = 0;
};

struct LoadWindow {
  LoadWindow(double heap, bool in_javascript) noexcept : heap_bytes(heap), javascript(in_javascript) {}
  ~LoadWindow();
  LoadWindow(const LoadWindow&) = delete;
  LoadWindow& operator=(const LoadWindow&) = delete;

  // Another window is opened or closed, and memory is mapped like this.
  void OpenBeside(const AddressMap& now) noexcept;
  void StayAlone(SharedMap now) noexcept;

  // The SDK blocks the main thread from now on, or no longer. `there` is how much of `HeapKnown()` is there.
  void BeginReuse(AddressRanges&& heap, double there);
  // If it can't be told how much is there, nothing of it is the load's.
  void EndReuse(std::optional<double> there) noexcept;
  // The main thread's heap, as far as it was accessible when the window began.
  AddressRanges HeapKnown() const { return Subtract(known->main_heap, own.native); }

  // Notes what was found. While the SDK blocks JavaScript, that is what is published.
  void Show(const LoadFigures& found) noexcept;
  void Take(double bytes) noexcept;
  bool PublishTo(int descriptor, std::int64_t offset, std::uint32_t number) noexcept;

  const double heap_bytes;
  const bool javascript;
  // The process when it began.
  ProcessPages before{0, 0};
  // What was accessible when it began, was last looked into, or was left alone by another window.
  SharedMap known;
  // What became accessible before that.
  AddressMap own;
  // Another window is open: what becomes accessible now belongs to neither.
  bool beside = false;
  // Counts how often windows were opened or closed beside it: a look in between is void.
  int changes = 0;
  LoadFigures figures{0, 0};
  // What `malloc` kept of memory that was freed, and gives out again while the SDK blocks the main thread, is the load's:
  // it was accessible before, and is there now.
  HeapReuse reuse;
  // If models live in JavaScript.
  TouchedMemory touched;
  bool blocked = true;
  // When it is looked into next, and who waits for that.
  std::chrono::steady_clock::time_point due;
  std::vector<std::function<void()>> asked;

 private:
  void Publish() noexcept;

  double taken_bytes_ = 0;
  int file_ = -1;
  std::int64_t offset_ = 0;
  std::uint32_t number_ = 0;
};

// What is accessible now and was not when `known` was read, and `own`.
AddressMap AddNew(const AddressMap& own, const AddressMap& known, const AddressMap& now);
// Counts what is there of `own`, and what of the heap is in use again.
LoadFigures CountFigures(const AddressMap& own, const HeapReuse& reuse, const AddressMap& now);
// The same where models live in JavaScript, or all native memory that the process has touched, if that is more.
LoadFigures CountFigures(const AddressMap& own, double touched_bytes, const AddressMap& now);

}  // namespace guard
