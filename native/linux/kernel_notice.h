// The kernel's own notifications as descriptors to poll. None of them is relied on: they only make a reading come earlier.
#pragma once

#include <poll.h>

#include <cstdint>

#include "../memory_watch.h"

namespace guard {

class KernelNotice {
 public:
  explicit KernelNotice(Notice notice) noexcept : notice_(std::move(notice)) {}
  ~KernelNotice() { Close(); }
  KernelNotice(const KernelNotice&) = delete;
  KernelNotice& operator=(const KernelNotice&) = delete;

  // Registers the notice, or moves its threshold. `fall_bytes` says by how much what is left may fall before anybody wants
  // to hear of it. The kernel may take 10 to 20 ms.
  void Arm(const std::vector<double>& rows, double fall_bytes) noexcept;
  // Returns what to poll for; its descriptor is negative if there is nothing now.
  pollfd PollRequest(double now_ms) const noexcept;
  // Takes what poll returned, and says whether it is worth a reading.
  bool TakeEvents(short events, double now_ms) noexcept;

 private:
  void Close() noexcept;
  void ArmThreshold(double usage_bytes, double fall_bytes) noexcept;
  void OpenPressure() noexcept;
  std::optional<std::uint64_t> ReadPressureTotalUs() const noexcept;

  Notice notice_;
  int descriptor_ = -1;
  bool tried_ = false;
  double threshold_bytes_ = 0;
  std::uint64_t total_us_ = 0;
  double quiet_until_ms_ = 0;
};

}  // namespace guard
