// Keeps an engine's own prints off the program's output, and keeps its failed loads from ending the process. The interface
// knows neither JavaScript nor the operating system.
#pragma once

#include <cstddef>

namespace guard::engine_output {

// ggml's log levels, in its order.
enum class Level : int { kNone = 0, kDebug = 1, kInfo = 2, kWarn = 3, kError = 4 };

// A longer line is cut.
constexpr std::size_t kMaxText = 1024;

struct Report {
  // How many log setters of the engine took our callback.
  int loggers = 0;
  // How many printing functions inside the engine call ours now.
  int calls = 0;
  // Whether `CatchNextThrow` has an effect.
  bool catches = false;
  // Whether `HoldNextWork` has an effect.
  bool holds = false;
};

// Sends everything that the loaded library at `path` prints into a bounded queue. It may be repeated. A symbol that this
// build of the engine lacks is not counted in the report, and its prints stay; nothing else fails.
Report Silence(const char* path) noexcept;

// Sets the lowest level that is kept; a line below it is dropped unformatted. Errors are kept from the start.
void Keep(Level lowest) noexcept;

// Takes the oldest line that was kept; false if there is none. A continued line is one line.
bool Take(Level& level, char (&text)[kMaxText]) noexcept;

// The engine's constructor goes on after it has thrown a JavaScript error, into a null pointer (node-addon-api throws in
// C++ only if napi_throw fails). While this is on, the next napi_throw of this thread sets the error and reports failure,
// so that the constructor unwinds instead.
void CatchNextThrow(bool on) noexcept;

// The engine starts a completion first and then notes that one runs. If the completion ends before the note, the note stays
// set, with a pointer to freed memory. After this call, the next work that this thread starts waits for `StartHeldWork`.
void HoldNextWork() noexcept;

// False if the work could not be started. True if nothing was held.
bool StartHeldWork() noexcept;

}  // namespace guard::engine_output
