// What the loader of the SDK's library has once in a process, in one object, so that it can be read what must outlive what.
// Each member is used by one file alone, which is named with it. It knows no library by name and no JavaScript.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace guard::nexa {

class Library;
class Session;
struct TokenReceiver;

// library_log.cc: those who listen to what libraries log.
struct LogSinks {
  std::mutex mutex;
  std::map<int, std::function<void(int level, std::string text)>> all;
  int next = 1;
  // The size of `all`, for a look without the mutex.
  std::atomic<int> count{0};
};

// token_run.cc: the texts that are generated now, by the numbers that the library was given for them.
struct TokenRuns {
  std::mutex mutex;
  std::map<std::uintptr_t, std::shared_ptr<TokenReceiver>> all;
  std::uintptr_t next = 1;
};

// library.cc: the libraries that are open.
struct OpenLibraries {
  // Held around init, deinit, create, destroy and the lists of every library in this process, because none of these calls
  // is safe beside another. It also guards the map, and the left variables.
  std::mutex life_mutex;
  // By the system's handle: one file is one library, whatever path led to it.
  std::map<void*, std::weak_ptr<Library>> by_handle;
};

// plugin_path.cc: what libraries set in variables of the process, by the variable's name. Any other value is the program's.
struct LeftVariables {
  std::map<std::string, std::string> all;
};

// threads.cc: how many threads of the loader run.
struct RunningThreads {
  std::mutex mutex;
  std::condition_variable changed;
  int count = 0;
};

// shutdown.cc: the models that the end of the process must stop.
struct OpenSessions {
  std::mutex mutex;
  std::map<int, std::weak_ptr<Session>> all;
  int next = 1;
  // Whether the process ends. Nothing is started any more then.
  std::atomic<bool> ending{false};
  // What the process ends with; -1 until somebody said it.
  std::atomic<int> exit_code{-1};
  bool ended = false;
};

// It is made with its first use and never destroyed, because threads of the loader and of the library use it until the
// process is gone. The end of the process ends what it holds in the reverse order of the members, as destructors would:
// sessions are stopped and closed, their threads are waited for, and the libraries that are still open are deinitialized. A
// library may hand over tokens and log lines until then, so these two members outlive the others.
//
// Lock order: `life_mutex` before the mutex of `log_sinks`, since a library logs during these calls, and a sink takes the
// mutex of its channel. The other mutexes here are held while no other is taken.
struct NexaProcessState {
  LogSinks log_sinks;
  TokenRuns token_runs;
  OpenLibraries libraries;
  LeftVariables left_variables;
  RunningThreads threads;
  OpenSessions sessions;
};

NexaProcessState& GetProcessState() noexcept;

}  // namespace guard::nexa
