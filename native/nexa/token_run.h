// Tokens on their way out of a text that is generated. The library is given a number instead of a pointer, so that a call
// that comes too late finds nothing instead of freed memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace guard::nexa {

// Set from any thread; the text ends at its next token.
using StopFlag = std::shared_ptr<std::atomic<bool>>;
// Gets bytes as the model made them, cut anywhere. Called from the thread that the library calls from.
using OnBytes = std::function<void(std::string bytes)>;
using Admits = std::function<bool()>;

struct TokenReceiver;

class TokenRun {
 public:
  // `admits` is asked before each token; if it says no, the token is not taken and the text ends.
  TokenRun(
      std::vector<std::string> stops, StopFlag stop, OnBytes on_bytes, Admits admits = [] { return true; });
  // After it no token reaches `on_bytes`.
  ~TokenRun();
  TokenRun(const TokenRun&) = delete;
  TokenRun& operator=(const TokenRun&) = delete;

  // The callback and its argument, for the library. Any thread may call it, at any time.
  static bool Take(const char* token, void* user_data) noexcept;
  void* UserData() const noexcept;

  // Hands on what was held back for a stop text, unless one came. No token is taken from then on.
  void Finish();

  std::int64_t Taken() const noexcept;
  bool Matched() const noexcept;
  bool Stopped() const noexcept;

 private:
  std::shared_ptr<TokenReceiver> receiver_;
  std::uintptr_t number_;
};

}  // namespace guard::nexa
