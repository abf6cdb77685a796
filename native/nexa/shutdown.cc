// A text ends at its next token and a prompt cannot be interrupted, so the wait is bounded. What is not done by then is
// left as it is, and the process ends without destructors; the system takes all of its memory back.
#include "shutdown.h"

#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

#include "../nexa_os.h"
#include "library.h"
#include "process_state.h"
#include "session.h"
#include "threads.h"

namespace guard::nexa {
namespace {

using namespace std::chrono_literals;

// Chosen, not measured: more than a token of a large model takes, less than a user takes to lose patience.
constexpr auto kMostWait = 3000ms;

void StopAll() noexcept {
  OpenSessions& open = GetProcessState().sessions;
  std::vector<std::shared_ptr<Session>> sessions;
  try {
    const std::lock_guard<std::mutex> lock(open.mutex);
    open.ending = true;
    for (const auto& [id, session] : open.all) {
      if (auto alive = session.lock()) sessions.push_back(std::move(alive));
    }
  } catch (...) {
  }
  for (const auto& session : sessions) {
    session->Stop();
    try {
      session->Close([](std::optional<Failure>) {});
    } catch (...) {
    }
  }
}

// It runs as often as it was prepared. Only the first run matters, which the last library prepared.
void OnEnd(int code) {
  OpenSessions& open = GetProcessState().sessions;
  if (std::exchange(open.ended, true)) return;
  StopAll();
  if (WaitForThreads(kMostWait)) return Library::EndAll();
  const int known = code >= 0 ? code : open.exit_code.load();
  if (known >= 0) os::EndProcess(known);
}

}  // namespace

SessionAtShutdown::SessionAtShutdown(std::weak_ptr<Session> session) {
  OpenSessions& open = GetProcessState().sessions;
  std::shared_ptr<Session> late;
  {
    const std::lock_guard<std::mutex> lock(open.mutex);
    id_ = open.next++;
    if (open.ending) late = session.lock();
    open.all.emplace(id_, std::move(session));
  }
  if (late != nullptr) late->Close([](std::optional<Failure>) {});
}

SessionAtShutdown::~SessionAtShutdown() {
  OpenSessions& open = GetProcessState().sessions;
  const std::lock_guard<std::mutex> lock(open.mutex);
  open.all.erase(id_);
}

void PrepareShutdown() noexcept { os::RunAtProcessEnd(OnEnd); }

bool IsShuttingDown() noexcept { return GetProcessState().sessions.ending; }

void BeginShutdown(int code) noexcept {
  GetProcessState().sessions.exit_code = code;
  StopAll();
  // On such a system the very end is too late: what runs would be ended in the middle.
  if (!os::ThreadsOutliveExit()) WaitForThreads(kMostWait);
}

}  // namespace guard::nexa
