// Threads of this addon: counted, so that the end of the process can wait for them. It knows no library and no JavaScript.
#pragma once

#include <chrono>
#include <functional>

namespace guard::nexa {

// False where the system gives no thread; then nothing runs. `work` must not throw.
bool StartThread(std::function<void()> work) noexcept;

// False where some still run after that time.
bool WaitForThreads(std::chrono::milliseconds most) noexcept;

}  // namespace guard::nexa
