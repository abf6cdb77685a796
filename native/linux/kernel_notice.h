// The kernel's own notifications as descriptors to poll. None of them is relied on: they only wake a reading earlier.
#pragma once

#include <poll.h>

#include <cstdint>

#include "../memory_watch.h"

namespace guard {

class LinuxNotice {
 public:
  explicit LinuxNotice(Notice notice) noexcept : notice_(std::move(notice)) {}
  ~LinuxNotice() { Close(); }
  LinuxNotice(const LinuxNotice&) = delete;
  LinuxNotice& operator=(const LinuxNotice&) = delete;

  // `fall_bytes`: by how much what is left may fall before anybody wants to hear of it.
  void Arm(const std::vector<double>& rows, double fall_bytes) noexcept;
  // What to poll for; a negative descriptor where there is nothing now.
  pollfd Poll(double now_ms) const noexcept;
  // After poll: whether it is worth a reading.
  bool Woken(short events, double now_ms) noexcept;

 private:
  void Close() noexcept;
  void ArmThreshold(double usage_bytes, double fall_bytes) noexcept;
  void OpenPressure() noexcept;
  std::optional<std::uint64_t> PressureTotalUs() const noexcept;

  Notice notice_;
  int descriptor_ = -1;
  bool tried_ = false;
  double threshold_bytes_ = 0;
  std::uint64_t total_us_ = 0;
  double quiet_until_ms_ = 0;
};

}  // namespace guard
