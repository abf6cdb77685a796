// Threads of the loader, which are counted so that the end of the process can wait for them. It knows no library.
#pragma once

#include <chrono>
#include <functional>

namespace guard::nexa {

// Runs `work`, which must not throw, on a detached thread. False if the system gives no thread; then nothing runs.
bool StartThread(std::function<void()> work) noexcept;

// False if some still run after that time.
bool WaitForThreads(std::chrono::milliseconds most) noexcept;

}  // namespace guard::nexa
