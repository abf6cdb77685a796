// Runs by their numbers. Lock order: a run, then whatever `on_bytes` takes; the table is never held meanwhile.
#include "token_run.h"

#include <map>
#include <utility>

namespace guard::nexa {

struct TokenRun::Runs {
  std::mutex mutex;
  std::map<std::uintptr_t, std::shared_ptr<State>> all;
  std::uintptr_t next = 1;
};

// Never destroyed: a library may call back while the process ends.
TokenRun::Runs& TokenRun::TheRuns() {
  static Runs* runs = new Runs;
  return *runs;
}

TokenRun::State::State(std::vector<std::string> given, StopFlag flag, OnBytes out)
    : stops(std::move(given)), stop(std::move(flag)), on_bytes(std::move(out)) {}

bool TokenRun::State::Take(const char* token) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (!over && *stop) {
    stopped = true;
    over = true;
  }
  if (over) return false;
  if (token == nullptr) return true;
  taken++;
  std::string out;
  if (stops.Feed(token, out)) {
    matched = true;
    over = true;
  }
  if (!out.empty()) on_bytes(std::move(out));
  return !over;
}

TokenRun::TokenRun(std::vector<std::string> stops, StopFlag stop, OnBytes on_bytes)
    : state_(std::make_shared<State>(std::move(stops), std::move(stop), std::move(on_bytes))) {
  Runs& runs = TheRuns();
  const std::lock_guard<std::mutex> lock(runs.mutex);
  number_ = runs.next++;
  runs.all.emplace(number_, state_);
}

TokenRun::~TokenRun() {
  {
    Runs& runs = TheRuns();
    const std::lock_guard<std::mutex> lock(runs.mutex);
    runs.all.erase(number_);
  }
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->over = true;
}

void* TokenRun::UserData() const noexcept { return reinterpret_cast<void*>(number_); }

bool TokenRun::Take(const char* token, void* user_data) noexcept {
  try {
    std::shared_ptr<State> state;
    {
      Runs& runs = TheRuns();
      const std::lock_guard<std::mutex> lock(runs.mutex);
      const auto found = runs.all.find(reinterpret_cast<std::uintptr_t>(user_data));
      if (found == runs.all.end()) return false;
      state = found->second;
    }
    return state->Take(token);
  } catch (...) {
    return false;
  }
}

void TokenRun::Finish() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->over = true;
  std::string rest = state_->stops.Rest();
  if (!state_->matched && !rest.empty()) state_->on_bytes(std::move(rest));
}

}  // namespace guard::nexa
