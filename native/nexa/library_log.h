// What libraries log: it goes to those who listen, and the last error goes to the call that failed. It knows no library.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace guard::nexa {

// Called from any thread that logs, one at a time.
using LogSink = std::function<void(int level, std::string text)>;

int AddLogSink(LogSink sink);
// Returns when the sink does not run and will not run again.
void RemoveLogSink(int id) noexcept;

// The one callback that every library is given: a library offers no way to tell which of them logs.
void TakeLogLine(std::int32_t level, const char* text) noexcept;

// While one lives, it keeps the last error that its thread logs.
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
