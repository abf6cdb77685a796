// Mach's counters of pages, this task's footprint, and the level of memory pressure.
#include "../system_memory.h"

#include <mach/mach.h>
#include <sys/sysctl.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdint>
#include <limits>

namespace guard {
namespace {

// In the order of src/sensors/darwin/darwin-figures.ts.
enum Figure : std::size_t {
  kPageBytes = 0,
  kTotalBytes = 1,
  // Includes the speculative pages; vm_stat shows it without them.
  kFreePages = 2,
  kActivePages = 3,
  kInactivePages = 4,
  kSpeculativePages = 5,
  kPurgeablePages = 6,
  kWiredPages = 7,
  kCompressorPages = 8,
  // 1 is normal, 2 a warning, 4 critical.
  kPressureLevel = 9,
  kFootprintBytes = 10,
};

template <typename Value>
bool ReadSysctl(const char* name, Value& value) noexcept {
  std::size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && size == sizeof value;
}

}  // namespace

bool SystemMemorySupported() noexcept { return true; }

FailedCall ReadSystemMemory(double (&figures)[kSystemFigures]) noexcept {
  for (double& figure : figures) figure = std::numeric_limits<double>::quiet_NaN();

  std::uint64_t total = 0;
  if (!ReadSysctl("hw.memsize", total)) return {"sysctlbyname(hw.memsize)", errno};
  figures[kTotalBytes] = static_cast<double>(total);

  // Every call of mach_host_self adds a reference to the port, so the port is kept.
  static const mach_port_t host = mach_host_self();
  vm_size_t page = 0;
  if (const kern_return_t failed = host_page_size(host, &page)) return {"host_page_size", failed};
  figures[kPageBytes] = static_cast<double>(page);

  vm_statistics64_data_t pages{};
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  if (const kern_return_t failed =
          host_statistics64(host, HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&pages), &count)) {
    return {"host_statistics64", failed};
  }
  figures[kFreePages] = pages.free_count;
  figures[kActivePages] = pages.active_count;
  figures[kInactivePages] = pages.inactive_count;
  figures[kSpeculativePages] = pages.speculative_count;
  figures[kPurgeablePages] = pages.purgeable_count;
  figures[kWiredPages] = pages.wire_count;
  // Older kernels fill fewer fields.
  constexpr mach_msg_type_number_t kWithCompressor =
      (offsetof(vm_statistics64_data_t, compressor_page_count) + sizeof pages.compressor_page_count) / sizeof(integer_t);
  if (count >= kWithCompressor) figures[kCompressorPages] = pages.compressor_page_count;

  int level = 0;
  if (ReadSysctl("kern.memorystatus_vm_pressure_level", level)) figures[kPressureLevel] = level;

  task_vm_info_data_t task{};
  count = TASK_VM_INFO_COUNT;
  if (task_info(mach_task_self(), TASK_VM_INFO, reinterpret_cast<task_info_t>(&task), &count) == KERN_SUCCESS &&
      count >= TASK_VM_INFO_REV1_COUNT) {
    figures[kFootprintBytes] = static_cast<double>(task.phys_footprint);
  }
  return {};
}

}  // namespace guard
