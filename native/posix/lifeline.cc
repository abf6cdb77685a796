// A thread that polls a copy of the channel to the parent. Linux could signal the end of a parent (PR_SET_PDEATHSIG), but
// that of the thread that made this process counts there.
#include "../lifeline.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <mutex>
#include <new>

namespace guard {
namespace {

// If another process got the other end, only a look at the parent's pid tells.
constexpr int kLookMs = 500;
// macOS also returns from poll, with nothing to say, while there is something to read.
constexpr timespec kPause{0, 50'000'000};
// musl's default. The thread needs less, but what libraries keep for each thread lies in it as well.
constexpr std::size_t kStackBytes = 128 * 1024;

// macOS looks for a hang-up only if it is asked for one; Linux reports it anyway.
#ifdef POLLRDHUP
constexpr short kEvents = POLLHUP | POLLRDHUP;
#else
constexpr short kEvents = POLLHUP;
#endif
constexpr short kHangUp = kEvents | POLLERR;

struct Lifeline {
  int descriptor;
  pid_t parent;
};

// Nothing of it is destroyed when the process ends by itself, so the thread may run until then.
void* Run(void* data) {
  const Lifeline line = *static_cast<Lifeline*>(data);
  delete static_cast<Lifeline*>(data);
  pollfd channel{line.descriptor, kEvents, 0};
  for (;;) {
    // An end that runs destructors would wait for an engine at work.
    if (getppid() != line.parent) kill(getpid(), SIGKILL);
    const int ready = poll(&channel, 1, kLookMs);
    if (ready == 1 && (channel.revents & kHangUp) != 0) kill(getpid(), SIGKILL);
    // Somebody closed a descriptor that was not theirs. A negative one is not looked at.
    if (ready == 1 && (channel.revents & POLLNVAL) != 0) channel.fd = -1;
    nanosleep(&kPause, nullptr);
  }
}

// The thread inherits the mask. A signal of the program is for a thread that the program knows.
bool StartBlocked(Lifeline* line) noexcept {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_t thread;
  bool started = false;
  if (pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
      pthread_attr_setstacksize(&attributes, kStackBytes) == 0 && pthread_sigmask(SIG_SETMASK, &all, &before) == 0) {
    started = pthread_create(&thread, &attributes, Run, line) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  pthread_attr_destroy(&attributes);
  return started;
}

bool Start(int descriptor, int pid) noexcept {
  const int duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (duplicate == -1) return false;
  auto* line = new (std::nothrow) Lifeline{duplicate, pid};
  if (line != nullptr && StartBlocked(line)) return true;
  delete line;
  close(duplicate);
  return false;
}

// Guards the other.
std::mutex mutex;
bool runs = false;

}  // namespace

bool LifelineSupported() noexcept { return true; }

bool EndWith(int descriptor, int pid) noexcept {
  const std::lock_guard<std::mutex> lock(mutex);
  runs = runs || Start(descriptor, pid);
  return runs;
}

}  // namespace guard
