// What the library logs: to those who listen, and its last complaint to the call that failed. It knows no library by name.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace guard::nexa {

// Called from any thread that logs, one at a time.
using LogSink = std::function<void(int level, std::string text)>;

int AddLogSink(LogSink sink);
// Returns when the sink is not running and never will again.
void RemoveLogSink(int id) noexcept;

// The one callback that libraries are given; they offer no way to tell their instances apart.
void TakeLogLine(std::int32_t level, const char* text) noexcept;

// While one lives, the last error that its thread logs is kept.
class KeptError {
 public:
  KeptError() noexcept;
  ~KeptError();
  KeptError(const KeptError&) = delete;
  KeptError& operator=(const KeptError&) = delete;
  const std::string& Text() const noexcept { return text_; }

 private:
  friend void TakeLogLine(std::int32_t level, const char* text) noexcept;
  std::string text_;
  KeptError* outer_;
};

}  // namespace guard::nexa
