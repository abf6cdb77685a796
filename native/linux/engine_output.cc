// Reaches the loggers of a loaded ELF library: by the setters that it exports, and otherwise by its own jump slots. It
// knows llama.cpp's symbols and must not know what the lines mean. The engine calls into this library from then on, so it
// must be linked with -z nodelete.
#include "../engine_output.h"

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
#include <mutex>

namespace guard::engine_output {
namespace {

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

// The latest lines, in static memory, because the engine also logs when memory has run out and while the process exits.
constexpr size_t kLines = 512;

struct Kept {
  Level level;
  char text[kMaxText];
};

std::mutex mutex;
Kept lines[kLines];
size_t first = 0;
size_t count = 0;

std::atomic<int> lowest_kept{static_cast<int>(Level::kError)};
// The level of the last line, for the pieces that continue it. Threads race for it, as they do for the engine's own.
std::atomic<int> last_level{static_cast<int>(Level::kNone)};
thread_local bool catching = false;

bool Wanted(int level) noexcept { return level >= lowest_kept.load(std::memory_order_relaxed); }

void Append(char* line, const char* text) noexcept {
  const size_t length = strnlen(line, kMaxText);
  const size_t added = strnlen(text, kMaxText - 1 - length);
  std::memcpy(line + length, text, added);
  line[length + added] = '\0';
}

void Push(int level, const char* text, bool continues) noexcept {
  const std::lock_guard<std::mutex> lock(mutex);
  if (!continues || count == 0) {
    if (count == kLines) {
      first = (first + 1) % kLines;
      count--;
    }
    Kept& fresh = lines[(first + count) % kLines];
    fresh.level = static_cast<Level>(level);
    fresh.text[0] = '\0';
    count++;
  }
  Append(lines[(first + count - 1) % kLines].text, text);
}

// enum ggml_log_level has 0 none, 1 debug, 2 info, 3 warn, 4 error; 5 continues the line before.
void OnLog(int level, const char* text, void* /*data*/) noexcept {
  const bool continues = level == 5;
  const int effective = continues ? last_level.load(std::memory_order_relaxed) : level;
  if (!continues) last_level.store(level, std::memory_order_relaxed);
  if (text != nullptr && Wanted(effective)) Push(effective, text, continues);
}

void PushFormatted(int level, const char* format, va_list args) noexcept {
  if (!Wanted(level)) return;
  char text[kMaxText];
  if (std::vsnprintf(text, sizeof text, format, args) >= 0) Push(level, text, false);
}

// Replaces `void rnllama::log(const char* level, const char* function, int line, const char* format, ...)`, a printf.
void OnRnLog(const char* level, const char* /*function*/, int /*line*/, const char* format, ...) noexcept {
  const int known = level == nullptr ? 2 : level[0] == 'E' ? 4 : level[0] == 'W' ? 3 : level[0] == 'I' ? 2 : 1;
  va_list args;
  va_start(args, format);
  PushFormatted(known, format, args);
  va_end(args);
}

// Replaces `void common_log_add(common_log *, ggml_log_level level, const char* format, ...)`, which prints on a thread of
// its own.
void OnCommonLog(void* /*log*/, int level, const char* format, ...) noexcept {
  va_list args;
  va_start(args, format);
  PushFormatted(level == 5 ? last_level.load(std::memory_order_relaxed) : level, format, args);
  va_end(args);
}

// The type of both napi_throw and napi_queue_async_work: they take an environment and a handle, and return a status.
using NapiFunction = int (*)(void*, void*);
NapiFunction real_throw = nullptr;
NapiFunction real_queue = nullptr;

thread_local bool holding = false;
thread_local void* held_env = nullptr;
thread_local void* held_work = nullptr;

int OnThrow(void* env, void* error) noexcept {
  const int status = real_throw(env, error);
  if (!catching || status != 0) return status;
  catching = false;
  constexpr int kNapiPendingException = 10;
  return kNapiPendingException;
}

int OnQueueWork(void* env, void* work) noexcept {
  if (!holding) return real_queue(env, work);
  holding = false;
  held_env = env;
  held_work = work;
  return 0;
}

struct Hook {
  const char* symbol;
  void* target;
};

bool Writable(void** slot) noexcept {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t start = reinterpret_cast<uintptr_t>(slot) & ~(page - 1);
  return mprotect(reinterpret_cast<void*>(start), page, PROT_READ | PROT_WRITE) == 0;
}

struct Dynamic {
  const ElfW(Sym)* symbols = nullptr;
  const char* strings = nullptr;
  const ElfW(Rela)* jumps = nullptr;
  size_t jump_bytes = 0;
  const ElfW(Rela)* relocations = nullptr;
  size_t relocation_bytes = 0;
};

// glibc has relocated these pointers in place; musl has not.
template <typename T>
const T* At(const link_map* map, ElfW(Addr) value) noexcept {
  return reinterpret_cast<const T*>(value < map->l_addr ? map->l_addr + value : value);
}

Dynamic ReadDynamic(const link_map* map) noexcept {
  Dynamic found;
  for (const ElfW(Dyn)* entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
    switch (entry->d_tag) {
      case DT_SYMTAB: found.symbols = At<ElfW(Sym)>(map, entry->d_un.d_ptr); break;
      case DT_STRTAB: found.strings = At<char>(map, entry->d_un.d_ptr); break;
      case DT_JMPREL: found.jumps = At<ElfW(Rela)>(map, entry->d_un.d_ptr); break;
      case DT_PLTRELSZ: found.jump_bytes = entry->d_un.d_val; break;
      case DT_RELA: found.relocations = At<ElfW(Rela)>(map, entry->d_un.d_ptr); break;
      case DT_RELASZ: found.relocation_bytes = entry->d_un.d_val; break;
      default: break;
    }
  }
  return found;
}

int RedirectIn(const link_map* map, const Dynamic& dynamic, const ElfW(Rela)* table, size_t bytes,
               const Hook& hook) noexcept {
  int redirected = 0;
  for (size_t i = 0; table != nullptr && i < bytes / sizeof *table; i++) {
    const uint64_t type = ELF64_R_TYPE(table[i].r_info);
    if (type != kJumpSlot && type != kGlobalData) continue;
    const ElfW(Sym)& symbol = dynamic.symbols[ELF64_R_SYM(table[i].r_info)];
    if (std::strcmp(dynamic.strings + symbol.st_name, hook.symbol) != 0) continue;
    auto** slot = reinterpret_cast<void**>(map->l_addr + table[i].r_offset);
    if (!Writable(slot)) continue;
    __atomic_store_n(slot, hook.target, __ATOMIC_RELEASE);
    redirected++;
  }
  return redirected;
}

// Makes every call of the library to `symbol`, its own symbols included, go to our function.
bool Redirect(const link_map* map, const Dynamic& dynamic, const Hook& hook) noexcept {
  return RedirectIn(map, dynamic, dynamic.jumps, dynamic.jump_bytes, hook) +
             RedirectIn(map, dynamic, dynamic.relocations, dynamic.relocation_bytes, hook) >
         0;
}

}  // namespace

Report Silence(const char* path) noexcept {
  Report report;
  void* library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
  link_map* map = nullptr;
  if (library == nullptr || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0) return report;
  using LogSetter = void (*)(void (*)(int, const char*, void*), void*);
  for (const char* name : {"llama_log_set", "ggml_log_set", "mtmd_log_set", "mtmd_helper_log_set"}) {
    if (void* setter = dlsym(library, name)) {
      reinterpret_cast<LogSetter>(setter)(OnLog, nullptr);
      report.loggers++;
    }
  }
  const Dynamic dynamic = ReadDynamic(map);
  if (dynamic.symbols == nullptr || dynamic.strings == nullptr) return report;
  const Hook prints[] = {
      {"_ZN7rnllama3logEPKcS1_iS1_z", reinterpret_cast<void*>(&OnRnLog)},
      {"_Z14common_log_addP10common_log14ggml_log_levelPKcz", reinterpret_cast<void*>(&OnCommonLog)},
  };
  for (const Hook& hook : prints) report.calls += Redirect(map, dynamic, hook) ? 1 : 0;
  const auto napi = [&](const char* symbol, NapiFunction& real, NapiFunction ours) {
    real = reinterpret_cast<NapiFunction>(dlsym(RTLD_DEFAULT, symbol));
    return real != nullptr && Redirect(map, dynamic, {symbol, reinterpret_cast<void*>(ours)});
  };
  report.catches = napi("napi_throw", real_throw, OnThrow);
  report.holds = napi("napi_queue_async_work", real_queue, OnQueueWork);
  return report;
}

void Keep(Level lowest) noexcept { lowest_kept.store(static_cast<int>(lowest), std::memory_order_relaxed); }

bool Take(Level& level, char (&text)[kMaxText]) noexcept {
  const std::lock_guard<std::mutex> lock(mutex);
  if (count == 0) return false;
  level = lines[first].level;
  std::memcpy(text, lines[first].text, kMaxText);
  first = (first + 1) % kLines;
  count--;
  return true;
}

void CatchNextThrow(bool on) noexcept { catching = on; }

void HoldNextWork() noexcept { holding = true; }

bool StartHeldWork() noexcept {
  holding = false;
  if (held_work == nullptr) return true;
  void* work = held_work;
  held_work = nullptr;
  return real_queue(held_env, work) == 0;
}

}  // namespace guard::engine_output
