// Log lines on their way out. The text is the library's and is copied; a line for which there is no memory is lost.
#include "library_log.h"

#include <mutex>
#include <utility>

#include "process_state.h"

namespace guard::nexa {
namespace {

constexpr int kError = 4;

thread_local KeptError* kept = nullptr;

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
  // Libraries deliver every level, most of it a trace that nobody wants.
  const bool error = level >= kError;
  LogSinks& sinks = GetProcessState().log_sinks;
  if (text == nullptr || ((!error || kept == nullptr) && sinks.count == 0)) return;
  try {
    const std::string line = TrimEnd(text);
    if (line.empty()) return;
    if (error && kept != nullptr) kept->text_ = line;
    const std::lock_guard<std::mutex> lock(sinks.mutex);
    for (const auto& [id, sink] : sinks.all) sink(level, line);
  } catch (...) {
  }
}

KeptError::KeptError() noexcept : outer_(std::exchange(kept, this)) {}

KeptError::~KeptError() { kept = outer_; }

}  // namespace guard::nexa
