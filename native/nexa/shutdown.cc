// A text ends at its next token and a prompt can't be interrupted, so the wait is bounded. What is not done by then is
// left where it is and the process ends without destructors; the system takes all of its memory back.
#include "shutdown.h"

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "library.h"
#include "../nexa_os.h"
#include "session.h"
#include "threads.h"

namespace guard::nexa {
namespace {

using namespace std::chrono_literals;

// Chosen, not measured: more than a token of a large model takes, less than a user takes to lose patience.
constexpr auto kMostWait = 3000ms;

struct Ending {
  std::mutex mutex;
  std::map<int, std::weak_ptr<Session>> sessions;
  int next = 1;
  std::atomic<bool> begun{false};
  std::atomic<int> code{-1};
};

// Never destroyed: it is needed until the very end.
Ending& TheEnding() {
  static Ending* ending = new Ending;
  return *ending;
}

void StopAll() noexcept {
  Ending& ending = TheEnding();
  std::vector<std::shared_ptr<Session>> sessions;
  try {
    const std::lock_guard<std::mutex> lock(ending.mutex);
    ending.begun = true;
    for (const auto& [id, session] : ending.sessions) {
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

// Comes as often as it was prepared; only the first call, which the last library prepared, matters.
void OnEnd(int code) {
  static bool ended = false;
  if (std::exchange(ended, true)) return;
  StopAll();
  if (WaitForThreads(kMostWait)) return Library::EndAll();
  const int known = code >= 0 ? code : TheEnding().code.load();
  if (known >= 0) os::EndProcess(known);
}

}  // namespace

SessionAtShutdown::SessionAtShutdown(std::weak_ptr<Session> session) {
  Ending& ending = TheEnding();
  std::shared_ptr<Session> late;
  {
    const std::lock_guard<std::mutex> lock(ending.mutex);
    id_ = ending.next++;
    if (ending.begun) late = session.lock();
    ending.sessions.emplace(id_, std::move(session));
  }
  if (late != nullptr) late->Close([](std::optional<Failure>) {});
}

SessionAtShutdown::~SessionAtShutdown() {
  Ending& ending = TheEnding();
  const std::lock_guard<std::mutex> lock(ending.mutex);
  ending.sessions.erase(id_);
}

void PrepareShutdown() noexcept { os::RunAtProcessEnd(OnEnd); }

bool ShuttingDown() noexcept { return TheEnding().begun; }

void BeginShutdown(int code) noexcept {
  TheEnding().code = code;
  StopAll();
  // Later is too late there: what runs would be ended in the middle.
  if (!os::ThreadsOutliveExit()) WaitForThreads(kMostWait);
}

}  // namespace guard::nexa
