// What the kernel, or whoever mounts files in its place, writes to a pressure file.
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "../../../native/linux/kernel_notice.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file = memfd_create("pressure", 0);
  if (file < 0 || ftruncate(file, 0) != 0) std::abort();
  guard::KernelNotice notice({guard::Notice::Kind::kPressure, "/proc/self/fd/" + std::to_string(file), 0});
  notice.Arm(std::vector<double>(guard::kStride), 1e6);
  if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  for (int at = 0; at < 2; at++) {
    (void)notice.PollRequest(at * 1e6);
    (void)notice.TakeEvents(POLLPRI, at * 1e6);
  }
  return 0;
}
