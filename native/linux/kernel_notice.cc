#include "kernel_notice.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace guard {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;

// A group at its limit notifies sixty times a second, and the readings that follow come close to each other anyway.
constexpr double kQuietMs = 100;

// Stalls of 50 ms in half a second if this process may ask for that, otherwise the window that every process may ask for.
struct Trigger {
  const char* text;
  std::uint64_t stall_us;
};
constexpr Trigger kTriggers[] = {{"some 50000 500000", 50000}, {"some 150000 2000000", 150000}};

}  // namespace

void KernelNotice::Close() noexcept {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

void KernelNotice::Arm(const std::vector<double>& rows, double fall_bytes) noexcept {
  switch (notice_.kind) {
    case Notice::Kind::kUsageThreshold: return ArmThreshold(rows[notice_.row * kStride + kUsed], fall_bytes);
    case Notice::Kind::kEvents:
      if (!tried_) descriptor_ = open(notice_.path.c_str(), O_RDONLY | O_CLOEXEC);
      break;
    case Notice::Kind::kPressure:
      if (!tried_) OpenPressure();
      break;
  }
  tried_ = true;
}

// Writes `<eventfd> <memory.usage_in_bytes> <bytes>` to cgroup.event_control. The event comes when usage, page cache
// included, crosses the threshold in either direction. Closing the eventfd takes the threshold back.
void KernelNotice::ArmThreshold(double usage_bytes, double fall_bytes) noexcept {
  const double wanted = usage_bytes + fall_bytes;
  if (!std::isfinite(wanted) || wanted <= 0 || wanted > 9e15) return;
  if (descriptor_ >= 0 && std::fabs(wanted - threshold_bytes_) < std::fmax(kMiB, fall_bytes / 8)) return;
  // It could not be registered before.
  if (tried_ && descriptor_ < 0) return;
  tried_ = true;
  Close();
  const int usage = open((notice_.path + "/memory.usage_in_bytes").c_str(), O_RDONLY | O_CLOEXEC);
  const int control = open((notice_.path + "/cgroup.event_control").c_str(), O_WRONLY | O_CLOEXEC);
  const int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  char line[64];
  const int length = std::snprintf(line, sizeof line, "%d %d %.0f", event, usage, wanted);
  const bool done =
      usage >= 0 && control >= 0 && event >= 0 && write(control, line, static_cast<std::size_t>(length)) == length;
  if (usage >= 0) close(usage);
  if (control >= 0) close(control);
  if (done) {
    descriptor_ = event;
    threshold_bytes_ = wanted;
  } else if (event >= 0) {
    close(event);
  }
}

void KernelNotice::OpenPressure() noexcept {
  for (const Trigger& trigger : kTriggers) {
    descriptor_ = open(notice_.path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (descriptor_ < 0) return;
    const std::size_t length = std::strlen(trigger.text) + 1;
    if (write(descriptor_, trigger.text, length) == static_cast<ssize_t>(length)) break;
    Close();
  }
  if (descriptor_ >= 0) total_us_ = ReadPressureTotalUs().value_or(0);
}

// Reads the first line: `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`.
std::optional<std::uint64_t> KernelNotice::ReadPressureTotalUs() const noexcept {
  const int file = open(notice_.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  char text[256];
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return std::nullopt;
  text[length] = '\0';
  const char* total = std::strstr(text, "total=");
  return total == nullptr ? std::nullopt : std::optional<std::uint64_t>(std::strtoull(total + 6, nullptr, 10));
}

pollfd KernelNotice::PollRequest(double now_ms) const noexcept {
  const short events = notice_.kind == Notice::Kind::kUsageThreshold ? POLLIN : POLLPRI;
  return {now_ms < quiet_until_ms_ ? -1 : descriptor_, events, 0};
}

bool KernelNotice::TakeEvents(short events, double now_ms) noexcept {
  if ((events & (POLLIN | POLLPRI)) == 0) {
    // POLLERR alone means that the group is gone. memory.events has it together with POLLPRI at every event.
    if (events != 0) Close();
    return false;
  }
  quiet_until_ms_ = now_ms + kQuietMs;
  char text[512];
  switch (notice_.kind) {
    case Notice::Kind::kUsageThreshold: {
      quiet_until_ms_ = 0;
      return read(descriptor_, text, sizeof text) > 0;
    }
    // Reading the file clears the event.
    case Notice::Kind::kEvents: return pread(descriptor_, text, sizeof text, 0) > 0;
    case Notice::Kind::kPressure: {
      // A trigger without privileges begins with the group's whole past as if it were this window, so its first event says
      // nothing.
      const std::uint64_t total = ReadPressureTotalUs().value_or(total_us_);
      const bool stalled = total - total_us_ >= kTriggers[0].stall_us / 2;
      total_us_ = total;
      return stalled;
    }
  }
  return false;
}

}  // namespace guard
