// Keeps an engine's own prints off the program's output and its failed loads from ending the process.
// Plain C++: it knows neither JavaScript nor the operating system.
#pragma once

#include <cstddef>

namespace guard::quiet {

// ggml's log levels, in its order.
enum class Level : int { kNone = 0, kDebug = 1, kInfo = 2, kWarn = 3, kError = 4 };

// A longer line is cut.
constexpr std::size_t kMaxText = 1024;

struct Report {
  // Log setters of the engine that took our callback.
  int loggers = 0;
  // Printing functions inside the engine whose calls lead to us now.
  int calls = 0;
  // Whether `CatchNextThrow` has an effect.
  bool catches = false;
  // Whether `HoldNextWork` has an effect.
  bool holds = false;
};

// Sends everything the loaded library at `path` prints into a bounded queue. Safe to repeat. A symbol that this build
// of the engine lacks is left out of the report, and stays noisy; nothing else fails.
Report Silence(const char* path) noexcept;

// The lowest level that is worth keeping; the rest is dropped unformatted. Errors are kept from the start.
void Keep(Level lowest) noexcept;

// Takes the oldest line that was kept; false where there is none. A continued line is one line.
bool Take(Level& level, char (&text)[kMaxText]) noexcept;

// The engine's constructor goes on after it has thrown a JavaScript error, into a null pointer (node-addon-api throws
// in C++ only when napi_throw fails). With this the next napi_throw of this thread sets the error and reports failure,
// so that the constructor unwinds instead.
void CatchNextThrow(bool on) noexcept;

// The engine starts a completion first and then notes that one runs; one that ends before the note leaves it set, with a
// pointer to freed memory. With this the next work that this thread starts waits for `StartHeldWork`.
void HoldNextWork() noexcept;

// False where the work could not be started. True where nothing was held.
bool StartHeldWork() noexcept;

}  // namespace guard::quiet
