// Shared libraries, threads and the end of a process on POSIX systems.
#include "../nexa_os.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

namespace guard::nexa::os {
namespace {

// musl gives a thread 128 KiB and macOS 512 KiB; models are written for the 8 MiB of a main thread.
constexpr std::size_t kStackBytes = 8 * 1024 * 1024;

struct Start {
  void (*work)(void*);
  void* data;
};

void* Begin(void* given) {
  const Start start = *static_cast<Start*>(given);
  delete static_cast<Start*>(given);
  start.work(start.data);
  return nullptr;
}

AtEnd at_end = nullptr;

#ifdef __GLIBC__
void OnEnd(int code, void*) { at_end(code); }
int Register() { return on_exit(OnEnd, nullptr); }
#else
void OnEnd() { at_end(-1); }
int Register() { return std::atexit(OnEnd); }
#endif

}  // namespace

bool LibrariesSupported() noexcept { return true; }

void* OpenLibrary(const std::string& path, std::string& problem) {
  dlerror();
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    problem = reason != nullptr ? reason : "no reason was given";
  }
  return library;
}

void* FindSymbol(void* library, const char* name) noexcept { return dlsym(library, name); }

bool IsReadableFile(const std::string& path) noexcept {
  struct stat facts {};
  return stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && access(path.c_str(), R_OK) == 0;
}

std::string ReadVariable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

void WriteVariable(const char* name, const std::string& value) {
  if (value.empty()) {
    unsetenv(name);
  } else {
    setenv(name, value.c_str(), 1);
  }
}

bool StartDetached(void (*work)(void*), void* data) noexcept {
  auto* start = new (std::nothrow) Start{work, data};
  pthread_attr_t attributes;
  if (start == nullptr || pthread_attr_init(&attributes) != 0) {
    delete start;
    return false;
  }
  pthread_t thread;
  const bool started = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
                       pthread_attr_setstacksize(&attributes, kStackBytes) == 0 &&
                       pthread_create(&thread, &attributes, Begin, start) == 0;
  pthread_attr_destroy(&attributes);
  if (!started) delete start;
  return started;
}

bool ThreadsOutliveExit() noexcept { return true; }

void RunAtProcessEnd(AtEnd act) noexcept {
  at_end = act;
  Register();
}

void EndProcess(int code) noexcept { _exit(code); }

}  // namespace guard::nexa::os
