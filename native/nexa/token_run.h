// Tokens on their way out of a running text. The library is given a number instead of a pointer, so that a call of its
// own that comes too late finds nobody instead of freed memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "layout.h"
#include "stop_text.h"

namespace guard::nexa {

// Set from any thread; the text ends at its next token.
using StopFlag = std::shared_ptr<std::atomic<bool>>;
// Bytes as the model made them, cut anywhere. Called from the thread that the library calls from.
using OnBytes = std::function<void(std::string bytes)>;

class TokenRun {
 public:
  TokenRun(std::vector<std::string> stops, StopFlag stop, OnBytes on_bytes);
  // After it no token reaches `on_bytes`.
  ~TokenRun();
  TokenRun(const TokenRun&) = delete;
  TokenRun& operator=(const TokenRun&) = delete;

  static bool Take(const char* token, void* user_data) noexcept;
  void* UserData() const noexcept;

  // Hands on what was held back for a stop text, unless one came. No token is taken from then on.
  void Finish();

  std::int64_t Taken() const noexcept { return state_->taken; }
  bool Matched() const noexcept { return state_->matched; }
  bool Stopped() const noexcept { return state_->stopped; }

 private:
  struct State {
    State(std::vector<std::string> stops, StopFlag stop, OnBytes on_bytes);
    bool Take(const char* token);
    std::mutex mutex;
    StopText stops;
    StopFlag stop;
    OnBytes on_bytes;
    std::atomic<std::int64_t> taken{0};
    std::atomic<bool> matched{false};
    std::atomic<bool> stopped{false};
    bool over = false;
  };
  struct Runs;
  static Runs& TheRuns();

  std::shared_ptr<State> state_;
  std::uintptr_t number_;
};

}  // namespace guard::nexa
