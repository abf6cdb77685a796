#include "load_window.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "resident_bytes.h"

namespace guard {

namespace {

double CountNative(const AddressMap& now) noexcept {
  return CountResidentBytes(now.native).value_or(std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

AddressMap AddNew(const AddressMap& own, const AddressMap& known, const AddressMap& now) {
  AddressMap all;
  all.native = Join(own.native, Subtract(now.native, known.native));
  all.wasm = Join(own.wasm, Subtract(now.wasm, known.wasm));
  return all;
}

LoadFigures CountFigures(const AddressMap& own, const HeapReuse& reuse, const AddressMap& now) {
  const auto count = [](const AddressRanges& some, const AddressRanges& accessible) {
    return CountResidentBytes(Meet(some, accessible)).value_or(std::numeric_limits<double>::quiet_NaN());
  };
  const double reused_bytes = reuse.heap.empty() ? 0 : reuse.Count(count(reuse.heap, now.native));
  return {count(own.native, now.native) + reused_bytes, count(own.wasm, now.wasm)};
}

double HeapReuse::Count(double there) const noexcept { return std::min(most_bytes, std::max(0.0, there - before_bytes)); }

LoadFigures CountFigures(const AddressMap& own, double touched_bytes, const AddressMap& now) {
  const LoadFigures found = CountFigures(own, HeapReuse{}, now);
  // What others gave back meanwhile hides as much of what the process has touched, but nothing of what lies in new places.
  return {std::max(found.native_bytes, touched_bytes), found.wasm_bytes};
}

void TouchedMemory::Begin(const AddressMap& now) noexcept { before_bytes_ = CountNative(now); }

double TouchedMemory::Count(const AddressMap& now) const noexcept {
  return touched_bytes_ + CountNative(now) - before_bytes_;
}

LoadWindow::~LoadWindow() {
  if (file_ >= 0) close(file_);
}

void LoadWindow::OpenBeside(const AddressMap& now) noexcept {
  changes++;
  reuse = {};
  if (std::exchange(beside, true)) return;
  if (javascript) touched.End(now);
  try {
    own = AddNew(own, *known, now);
  } catch (...) {
    // No memory: then it belongs to nobody.
  }
}

void LoadWindow::StayAlone(SharedMap now) noexcept {
  changes++;
  // A map that can't be read lets everything that is to come belong to nobody.
  beside = now == nullptr;
  if (now == nullptr) return;
  if (javascript) touched.Begin(*now);
  known = std::move(now);
}

void LoadWindow::BeginReuse(AddressRanges&& heap, double there) {
  if (beside) return;
  // What an earlier stretch of the load has taken stays its own.
  const double reused_bytes = reuse.Count(there);
  reuse = {std::move(heap), there - reused_bytes, std::numeric_limits<double>::infinity()};
}

void LoadWindow::EndReuse(std::optional<double> there) noexcept {
  if (there) {
    reuse.most_bytes = reuse.Count(*there);
  } else {
    reuse = {};
  }
}

void LoadWindow::Show(const LoadFigures& found) noexcept {
  figures = found;
  if (blocked) Take(found.native_bytes + (javascript ? found.wasm_bytes : 0));
}

void LoadWindow::Take(double bytes) noexcept {
  // NaN is nothing.
  taken_bytes_ = bytes >= 0 ? bytes : 0;
  Publish();
}

bool LoadWindow::PublishTo(int descriptor, std::int64_t offset, std::uint32_t number) noexcept {
  if (file_ >= 0) close(file_);
  file_ = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  offset_ = offset;
  number_ = number;
  Publish();
  return file_ >= 0;
}

void LoadWindow::Publish() noexcept {
  if (file_ < 0) return;
  std::uint64_t bits;
  std::memcpy(&bits, &taken_bytes_, sizeof bits);
  const std::uint32_t check = number_ ^ static_cast<std::uint32_t>(bits) ^ static_cast<std::uint32_t>(bits >> 32);
  char record[16];
  std::memcpy(record, &number_, sizeof number_);
  std::memcpy(record + 4, &check, sizeof check);
  std::memcpy(record + 8, &bits, sizeof bits);
  // Who finds no whole record takes the reservation for untaken.
  [[maybe_unused]] const ssize_t put = pwrite(file_, record, sizeof record, offset_);
}

}  // namespace guard
