// The end of the process while models are loaded, some of them in the middle of a text. It knows no library by name.
#pragma once

#include <memory>

namespace guard::nexa {

class Session;

// While one lives, its session is stopped and closed when the process ends.
class SessionAtShutdown {
 public:
  explicit SessionAtShutdown(std::weak_ptr<Session> session);
  ~SessionAtShutdown();
  SessionAtShutdown(const SessionAtShutdown&) = delete;
  SessionAtShutdown& operator=(const SessionAtShutdown&) = delete;

 private:
  int id_;
};

// Makes the end of the process stop what runs and wait for it, before the destructors of what was loaded until now: they
// would destroy what threads still compute with.
void PrepareShutdown() noexcept;

// Whether the process ends. Nothing is begun any more then.
bool IsShuttingDown() noexcept;

// The process is about to end with this code: stops what runs, and waits for it if that cannot be done at the very end.
void BeginShutdown(int code) noexcept;

}  // namespace guard::nexa
