// Keeps an engine's own prints off the program's output and its failed loads from ending the process.
// Plain C++: it knows neither JavaScript nor the operating system.
#pragma once

#include <string>
#include <vector>

namespace quiet {

// ggml's log levels, in its order; `Off` keeps nothing.
enum class Level : int { None = 0, Debug = 1, Info = 2, Warn = 3, Error = 4, Off = 5 };

struct Line {
  Level level;
  std::string text;
};

struct Report {
  // Log setters of the engine that took our callback.
  int loggers = 0;
  // Calls inside the engine that lead to us now.
  int calls = 0;
  // Whether `catchNextThrow` has an effect.
  bool catches = false;
};

// Sends everything the loaded library at `path` prints into a bounded queue. Safe to repeat. A symbol that this build
// of the engine lacks is left out of the report, and stays noisy; nothing else fails.
Report silence(const char *path) noexcept;

// The lowest level that is worth keeping; the rest is dropped unformatted.
void keep(Level lowest) noexcept;

// Takes what was printed since the last call; a continued line is one line.
std::vector<Line> drain() noexcept;

// The engine's constructor goes on after it has thrown a JavaScript error, into a null pointer (node-addon-api throws
// in C++ only when napi_throw fails). With this the next napi_throw of this thread sets the error and reports failure,
// so that the constructor unwinds instead.
void catchNextThrow(bool on) noexcept;

} // namespace quiet
