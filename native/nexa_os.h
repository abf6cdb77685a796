// What the loader of the SDK's library needs of the operating system. The interface knows no OS header, no symbol by name
// and no JavaScript.
#pragma once

#include <string>

namespace guard::nexa::os {

bool LibrariesSupported() noexcept;

// Loads a library; its symbols are bound at once and are visible to nobody else. It is never closed, because plugins start
// threads of their own. Null if it cannot be loaded, and then `problem` says why. The same file gives the same handle.
void* OpenLibrary(const std::string& path, std::string& problem);

// Null if the library has no such symbol.
void* FindSymbol(void* library, const char* name) noexcept;

bool IsReadableFile(const std::string& path) noexcept;

// Reads a variable of the process as native code sees it. Empty if it is not set.
std::string ReadVariable(const char* name);
// An empty value clears it.
void WriteVariable(const char* name, const std::string& value);

// Runs `work(data)` on a detached thread whose stack is as large as that of a main thread: some systems give other threads
// a sixteenth of it or less. False if the system gives no thread.
bool StartDetached(void (*work)(void*), void* data) noexcept;

// Whether threads still run while the process ends and destructors run. If they do not, the system has ended them by then,
// with their locks held, and nothing may be done at the end any more.
bool ThreadsOutliveExit() noexcept;

// If threads outlive the exit: runs `act` when the process ends in any orderly way, before the destructors of what was
// loaded until now. `code` is what the process ends with, or -1 if the system does not say.
using AtEnd = void (*)(int code);
void RunAtProcessEnd(AtEnd act) noexcept;

// Ends the process immediately: no destructor runs.
[[noreturn]] void EndProcess(int code) noexcept;

}  // namespace guard::nexa::os
