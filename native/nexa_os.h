// What the loader needs of the operating system. The interface knows no OS header, no symbol by name and no JavaScript.
#pragma once

#include <string>

namespace guard::nexa::os {

bool LibrariesSupported() noexcept;

// All its symbols are bound at once and kept out of everybody else's sight. Never closed: plugins start threads of their
// own. Null where it can't be loaded, and then `problem` says why. The same file gives the same handle again.
void* OpenLibrary(const std::string& path, std::string& problem);

// Null where the library has none.
void* FindSymbol(void* library, const char* name) noexcept;

bool ReadableFile(const std::string& path) noexcept;

// A variable of the process as native code sees it.
std::string Variable(const char* name);
void ClearVariable(const char* name) noexcept;

// Runs `work(data)` on a detached thread whose stack is that of a main thread: some systems give others a sixteenth of it
// or less. False where there is none.
bool StartDetached(void (*work)(void*), void* data) noexcept;

// Whether threads still run while the process ends and destructors take their ground away. Where they don't, the system has
// ended them by then, locks in hand, and nothing may be done at the end any more.
bool ThreadsOutliveExit() noexcept;

// Where threads do: runs when the process ends in any orderly way, before destructors of what was loaded until now. `code`
// is what the process ends with, or -1 where the system doesn't tell.
using AtEnd = void (*)(int code);
void RunAtProcessEnd(AtEnd act) noexcept;

// Ends the process here and now: no destructor runs.
[[noreturn]] void EndProcess(int code) noexcept;

}  // namespace guard::nexa::os
