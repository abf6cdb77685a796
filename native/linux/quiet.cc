// Reaches the loggers of a loaded ELF library: setters where it exports them, and its own jump slots where it doesn't.
// It knows llama.cpp's symbols and must not know what the lines mean.
#include "../quiet.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>

namespace quiet {
namespace {

constexpr size_t kMaxLines = 1024;
constexpr size_t kMaxText = 4096;

#if defined(__x86_64__)
constexpr uint64_t kJumpSlot = R_X86_64_JUMP_SLOT;
constexpr uint64_t kGlobalData = R_X86_64_GLOB_DAT;
#elif defined(__aarch64__)
constexpr uint64_t kJumpSlot = R_AARCH64_JUMP_SLOT;
constexpr uint64_t kGlobalData = R_AARCH64_GLOB_DAT;
#else
constexpr uint64_t kJumpSlot = UINT64_MAX;
constexpr uint64_t kGlobalData = UINT64_MAX;
#endif

struct Queue {
  std::mutex mutex;
  std::deque<Line> lines;
};

// Never destroyed: the engine's threads may log while the process runs its exit handlers.
Queue &queue() noexcept {
  static Queue *instance = new Queue;
  return *instance;
}

std::atomic<int> lowestKept{static_cast<int>(Level::Error)};
// The level of the last line, for the pieces that continue it. Racy between threads, as the engine's own is.
std::atomic<int> lastLevel{static_cast<int>(Level::None)};
thread_local bool catching = false;

bool wanted(int level) noexcept { return level >= lowestKept.load(std::memory_order_relaxed); }

void push(int level, const char *text, bool continues) noexcept {
  try {
    Queue &q = queue();
    const std::lock_guard<std::mutex> lock(q.mutex);
    if (continues && !q.lines.empty()) {
      std::string &last = q.lines.back().text;
      if (last.size() < kMaxText) last.append(text, strnlen(text, kMaxText));
      return;
    }
    if (q.lines.size() >= kMaxLines) q.lines.pop_front();
    q.lines.push_back({static_cast<Level>(level), std::string(text, strnlen(text, kMaxText))});
  } catch (...) {
    // A line that finds no memory is lost.
  }
}

// enum ggml_log_level: 0 none, 1 debug, 2 info, 3 warn, 4 error, 5 continues the line before.
void onLog(int level, const char *text, void * /*data*/) noexcept {
  const bool continues = level == 5;
  const int effective = continues ? lastLevel.load(std::memory_order_relaxed) : level;
  if (!continues) lastLevel.store(level, std::memory_order_relaxed);
  if (text != nullptr && wanted(effective)) push(effective, text, continues);
}

void pushFormatted(int level, const char *format, va_list args) noexcept {
  if (!wanted(level)) return;
  char text[kMaxText];
  if (std::vsnprintf(text, sizeof text, format, args) >= 0) push(level, text, false);
}

// void rnllama::log(const char *level, const char *function, int line, const char *format, ...): printf to stdout
void onRnLog(const char *level, const char * /*function*/, int /*line*/, const char *format, ...) noexcept {
  const int known = level == nullptr ? 2 : level[0] == 'E' ? 4 : level[0] == 'W' ? 3 : level[0] == 'I' ? 2 : 1;
  va_list args;
  va_start(args, format);
  pushFormatted(known, format, args);
  va_end(args);
}

// void common_log_add(common_log *, ggml_log_level level, const char *format, ...): a thread of its own that prints
void onCommonLog(void * /*log*/, int level, const char *format, ...) noexcept {
  va_list args;
  va_start(args, format);
  pushFormatted(level == 5 ? lastLevel.load(std::memory_order_relaxed) : level, format, args);
  va_end(args);
}

using ThrowFunction = int (*)(void *, void *);
ThrowFunction realThrow = nullptr;

int onThrow(void *env, void *error) noexcept {
  const int status = realThrow(env, error);
  if (!catching || status != 0) return status;
  catching = false;
  return 10; // napi_pending_exception
}

struct Hook {
  const char *symbol;
  void *target;
};

bool writable(void **slot) noexcept {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t start = reinterpret_cast<uintptr_t>(slot) & ~(page - 1);
  return mprotect(reinterpret_cast<void *>(start), page, PROT_READ | PROT_WRITE) == 0;
}

struct Dynamic {
  const ElfW(Sym) *symbols = nullptr;
  const char *strings = nullptr;
  const ElfW(Rela) *jumps = nullptr;
  size_t jumpBytes = 0;
  const ElfW(Rela) *relocations = nullptr;
  size_t relocationBytes = 0;
};

// glibc has relocated these pointers in place, musl has not.
template <typename T> const T *at(const link_map *map, ElfW(Addr) value) noexcept {
  return reinterpret_cast<const T *>(value < map->l_addr ? map->l_addr + value : value);
}

Dynamic readDynamic(const link_map *map) noexcept {
  Dynamic found;
  for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
    switch (entry->d_tag) {
      case DT_SYMTAB: found.symbols = at<ElfW(Sym)>(map, entry->d_un.d_ptr); break;
      case DT_STRTAB: found.strings = at<char>(map, entry->d_un.d_ptr); break;
      case DT_JMPREL: found.jumps = at<ElfW(Rela)>(map, entry->d_un.d_ptr); break;
      case DT_PLTRELSZ: found.jumpBytes = entry->d_un.d_val; break;
      case DT_RELA: found.relocations = at<ElfW(Rela)>(map, entry->d_un.d_ptr); break;
      case DT_RELASZ: found.relocationBytes = entry->d_un.d_val; break;
      default: break;
    }
  }
  return found;
}

int redirectIn(const link_map *map, const Dynamic &dynamic, const ElfW(Rela) *table, size_t bytes,
               const Hook &hook) noexcept {
  int redirected = 0;
  for (size_t i = 0; table != nullptr && i < bytes / sizeof *table; i++) {
    const uint64_t type = ELF64_R_TYPE(table[i].r_info);
    if (type != kJumpSlot && type != kGlobalData) continue;
    const ElfW(Sym) &symbol = dynamic.symbols[ELF64_R_SYM(table[i].r_info)];
    if (std::strcmp(dynamic.strings + symbol.st_name, hook.symbol) != 0) continue;
    auto **slot = reinterpret_cast<void **>(map->l_addr + table[i].r_offset);
    if (!writable(slot)) continue;
    __atomic_store_n(slot, hook.target, __ATOMIC_RELEASE);
    redirected++;
  }
  return redirected;
}

// Points every call that the library makes to `symbol`, its own ones included, to our function.
bool redirect(const link_map *map, const Dynamic &dynamic, const Hook &hook) noexcept {
  return redirectIn(map, dynamic, dynamic.jumps, dynamic.jumpBytes, hook) +
             redirectIn(map, dynamic, dynamic.relocations, dynamic.relocationBytes, hook) >
         0;
}

// The engine calls into this library from now on, so it must outlive every environment that loaded it.
void stayLoaded() noexcept {
  Dl_info self{};
  if (dladdr(reinterpret_cast<void *>(&stayLoaded), &self) != 0) {
    dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  }
}

} // namespace

Report silence(const char *path) noexcept {
  Report report;
  void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
  link_map *map = nullptr;
  if (library == nullptr || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0) return report;
  stayLoaded();
  using LogSetter = void (*)(void (*)(int, const char *, void *), void *);
  for (const char *name : {"llama_log_set", "ggml_log_set", "mtmd_log_set", "mtmd_helper_log_set"}) {
    if (void *setter = dlsym(library, name)) {
      reinterpret_cast<LogSetter>(setter)(onLog, nullptr);
      report.loggers++;
    }
  }
  const Dynamic dynamic = readDynamic(map);
  if (dynamic.symbols == nullptr || dynamic.strings == nullptr) return report;
  const Hook prints[] = {
      {"_ZN7rnllama3logEPKcS1_iS1_z", reinterpret_cast<void *>(&onRnLog)},
      {"_Z14common_log_addP10common_log14ggml_log_levelPKcz", reinterpret_cast<void *>(&onCommonLog)},
  };
  for (const Hook &hook : prints) report.calls += redirect(map, dynamic, hook) ? 1 : 0;
  realThrow = reinterpret_cast<ThrowFunction>(dlsym(RTLD_DEFAULT, "napi_throw"));
  report.catches = realThrow != nullptr && redirect(map, dynamic, {"napi_throw", reinterpret_cast<void *>(&onThrow)});
  return report;
}

void keep(Level lowest) noexcept { lowestKept.store(static_cast<int>(lowest), std::memory_order_relaxed); }

std::vector<Line> drain() noexcept {
  try {
    Queue &q = queue();
    const std::lock_guard<std::mutex> lock(q.mutex);
    std::vector<Line> lines(q.lines.begin(), q.lines.end());
    q.lines.clear();
    return lines;
  } catch (...) {
    return {};
  }
}

void catchNextThrow(bool on) noexcept { catching = on; }

} // namespace quiet
