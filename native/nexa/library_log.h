// What libraries log: it goes to those who listen, and to the call that it is about. It knows no library.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "context_lines.h"

namespace guard::nexa {

// Called from any thread that logs, one at a time.
using LogSink = std::function<void(int level, std::string text)>;

int AddLogSink(LogSink sink);
// Returns when the sink does not run and will not run again.
void RemoveLogSink(int id) noexcept;

// The one callback that every library is given: a library offers no way to tell which of them logs.
void TakeLogLine(std::int32_t level, const char* text) noexcept;

// What is logged on the thread of a call while the call lasts: what went wrong, and what is said of the context.
class CallLog {
 public:
  // `on_context` is called when something was said of the context, on the thread of the call.
  explicit CallLog(std::function<void()> on_context = {}) noexcept;
  ~CallLog();
  CallLog(const CallLog&) = delete;
  CallLog& operator=(const CallLog&) = delete;

  // The last error; without one, the first warning that tells of a failure, since llama.cpp's errors come as warnings.
  const std::string& Problem() const noexcept { return error_.empty() ? warning_ : error_; }
  const ContextLines& Lines() const noexcept { return lines_; }

 private:
  friend void TakeLogLine(std::int32_t level, const char* text) noexcept;
  void Keep(int level, const std::string& line);

  std::string error_, warning_;
  ContextLines lines_;
  std::function<void()> on_context_;
  CallLog* outer_;
};

}  // namespace guard::nexa
