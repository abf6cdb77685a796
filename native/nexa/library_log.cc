// Log lines on their way out. The text is the library's and is copied; a line for which there is no memory is lost.
#include "library_log.h"

#include <cstring>
#include <mutex>
#include <utility>

#include "process_state.h"

namespace guard::nexa {
namespace {

constexpr int kWarning = 3, kError = 4;

thread_local CallLog* call = nullptr;

std::string TrimEnd(const char* text) {
  std::string line(text);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ')) line.pop_back();
  return line;
}

}  // namespace

int AddLogSink(LogSink sink) {
  LogSinks& sinks = GetProcessState().log_sinks;
  const std::lock_guard<std::mutex> lock(sinks.mutex);
  const int id = sinks.next++;
  sinks.all.emplace(id, std::move(sink));
  sinks.count = static_cast<int>(sinks.all.size());
  return id;
}

void RemoveLogSink(int id) noexcept {
  LogSinks& sinks = GetProcessState().log_sinks;
  const std::lock_guard<std::mutex> lock(sinks.mutex);
  sinks.all.erase(id);
  sinks.count = static_cast<int>(sinks.all.size());
}

void TakeLogLine(std::int32_t level, const char* text) noexcept {
  if (text == nullptr) return;
  // Libraries deliver every level, most of it a trace that nobody wants.
  const bool kept = level >= kWarning && call != nullptr;
  LogSinks& sinks = GetProcessState().log_sinks;
  try {
    if (call != nullptr && call->lines_.Take(text) && call->on_context_) call->on_context_();
    if (!kept && sinks.count == 0) return;
    const std::string line = TrimEnd(text);
    if (line.empty()) return;
    if (kept) call->Keep(level, line);
    const std::lock_guard<std::mutex> lock(sinks.mutex);
    for (const auto& [id, sink] : sinks.all) sink(level, line);
  } catch (...) {
  }
}

void CallLog::Keep(int level, const std::string& line) {
  const char* said = SkipLogPlace(line.c_str());
  if (level >= kError) {
    error_ = said;
  } else if (warning_.empty() && (std::strstr(said, "error") != nullptr || std::strstr(said, "failed") != nullptr)) {
    warning_ = said;
  }
}

CallLog::CallLog(std::function<void()> on_context) noexcept
    : on_context_(std::move(on_context)), outer_(std::exchange(call, this)) {}

CallLog::~CallLog() { call = outer_; }

}  // namespace guard::nexa
