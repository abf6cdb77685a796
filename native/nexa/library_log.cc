// Log lines on their way out. The text is the library's and is copied; a line that finds no memory is lost.
#include "library_log.h"

#include <atomic>
#include <map>
#include <mutex>
#include <utility>

namespace guard::nexa {
namespace {

constexpr int kError = 4;

struct Sinks {
  std::mutex mutex;
  std::map<int, LogSink> all;
  int next = 1;
  std::atomic<int> count{0};
};

// Never destroyed: libraries log while the process ends.
Sinks& TheSinks() {
  static Sinks* sinks = new Sinks;
  return *sinks;
}

thread_local KeptError* kept = nullptr;

std::string Trimmed(const char* text) {
  std::string line(text);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ')) line.pop_back();
  return line;
}

}  // namespace

int AddLogSink(LogSink sink) {
  Sinks& sinks = TheSinks();
  const std::lock_guard<std::mutex> lock(sinks.mutex);
  const int id = sinks.next++;
  sinks.all.emplace(id, std::move(sink));
  sinks.count = static_cast<int>(sinks.all.size());
  return id;
}

void RemoveLogSink(int id) noexcept {
  Sinks& sinks = TheSinks();
  const std::lock_guard<std::mutex> lock(sinks.mutex);
  sinks.all.erase(id);
  sinks.count = static_cast<int>(sinks.all.size());
}

void TakeLogLine(std::int32_t level, const char* text) noexcept {
  // Every level is delivered, most of it a trace that nobody wants.
  const bool error = level >= kError;
  Sinks& sinks = TheSinks();
  if (text == nullptr || ((!error || kept == nullptr) && sinks.count == 0)) return;
  try {
    const std::string line = Trimmed(text);
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
