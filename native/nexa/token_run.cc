// Runs by their numbers. Lock order: the mutex of a receiver, then whatever `on_bytes` takes. The table's mutex is not
// held meanwhile.
#include "token_run.h"

#include <mutex>
#include <utility>

#include "process_state.h"
#include "stop_text.h"

namespace guard::nexa {

// What a token reaches. It lives as long as its run or a late call that has found it.
struct TokenReceiver {
  TokenReceiver(std::vector<std::string> given, StopFlag flag, OnBytes out, Admits ask)
      : stops(std::move(given)), stop(std::move(flag)), on_bytes(std::move(out)), admits(std::move(ask)) {}

  bool Take(const char* token) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (!over && *stop) {
      stopped = true;
      over = true;
    }
    if (over) return false;
    if (token == nullptr) return true;
    if (!admits()) {
      over = true;
      return false;
    }
    taken++;
    std::string out;
    if (stops.Feed(token, out)) {
      matched = true;
      over = true;
    }
    if (!out.empty()) on_bytes(std::move(out));
    return !over;
  }

  std::mutex mutex;
  StopText stops;
  StopFlag stop;
  OnBytes on_bytes;
  Admits admits;
  std::atomic<std::int64_t> taken{0};
  std::atomic<bool> matched{false};
  std::atomic<bool> stopped{false};
  bool over = false;
};

TokenRun::TokenRun(std::vector<std::string> stops, StopFlag stop, OnBytes on_bytes, Admits admits)
    : receiver_(
          std::make_shared<TokenReceiver>(std::move(stops), std::move(stop), std::move(on_bytes), std::move(admits))) {
  TokenRuns& runs = GetProcessState().token_runs;
  const std::lock_guard<std::mutex> lock(runs.mutex);
  number_ = runs.next++;
  runs.all.emplace(number_, receiver_);
}

TokenRun::~TokenRun() {
  {
    TokenRuns& runs = GetProcessState().token_runs;
    const std::lock_guard<std::mutex> lock(runs.mutex);
    runs.all.erase(number_);
  }
  const std::lock_guard<std::mutex> lock(receiver_->mutex);
  receiver_->over = true;
}

void* TokenRun::UserData() const noexcept { return reinterpret_cast<void*>(number_); }

bool TokenRun::Take(const char* token, void* user_data) noexcept {
  try {
    std::shared_ptr<TokenReceiver> receiver;
    {
      TokenRuns& runs = GetProcessState().token_runs;
      const std::lock_guard<std::mutex> lock(runs.mutex);
      const auto found = runs.all.find(reinterpret_cast<std::uintptr_t>(user_data));
      if (found == runs.all.end()) return false;
      receiver = found->second;
    }
    return receiver->Take(token);
  } catch (...) {
    return false;
  }
}

void TokenRun::Finish() {
  const std::lock_guard<std::mutex> lock(receiver_->mutex);
  receiver_->over = true;
  std::string rest = receiver_->stops.TakeRest();
  if (!receiver_->matched && !rest.empty()) receiver_->on_bytes(std::move(rest));
}

std::int64_t TokenRun::Taken() const noexcept { return receiver_->taken; }

bool TokenRun::Matched() const noexcept { return receiver_->matched; }

bool TokenRun::Stopped() const noexcept { return receiver_->stopped; }

}  // namespace guard::nexa
