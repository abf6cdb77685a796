// The footprint of a process: what is dirty, compressed or wired for it.
#include "../process_memory.h"

#include <libproc.h>
#include <sys/resource.h>

#include <limits>

namespace guard {

bool ProcessMemorySupported() noexcept { return true; }

double ReadProcessBytes(int pid) noexcept {
  rusage_info_v2 usage{};
  // The function takes structures of all versions by one type.
  const bool found = proc_pid_rusage(pid, RUSAGE_INFO_V2, reinterpret_cast<rusage_info_t*>(&usage)) == 0;
  // A process that has ended keeps its last figures until its parent has asked how it ended.
  const bool lives = found && usage.ri_proc_exit_abstime == 0;
  return lives ? static_cast<double>(usage.ri_phys_footprint) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace guard
