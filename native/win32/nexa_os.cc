// Shared libraries and the end of a process on Windows.
#include "../nexa_os.h"

#include <cstdlib>
#include <new>

#include "wide_text.h"

namespace guard::nexa::os {
namespace {

// The stack of a main thread on other systems; Windows gives 1 MiB.
constexpr SIZE_T kStackBytes = 8 * 1024 * 1024;

struct Start {
  void (*work)(void*);
  void* data;
};

DWORD WINAPI Begin(void* given) {
  const Start start = *static_cast<Start*>(given);
  delete static_cast<Start*>(given);
  start.work(start.data);
  return 0;
}

std::string ToNarrow(const wchar_t* text, std::size_t count) {
  const int length = WideCharToMultiByte(CP_UTF8, 0, text, static_cast<int>(count), nullptr, 0, nullptr, nullptr);
  std::string narrow(static_cast<std::size_t>(length > 0 ? length : 0), '\0');
  WideCharToMultiByte(CP_UTF8, 0, text, static_cast<int>(count), narrow.data(), length, nullptr, nullptr);
  return narrow;
}

std::string DescribeError(DWORD error) {
  wchar_t text[512];
  DWORD length =
      FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr, error, 0, text, 512, nullptr);
  while (length > 0 && (text[length - 1] == L'\n' || text[length - 1] == L'\r' || text[length - 1] == L'.')) length--;
  return (length > 0 ? ToNarrow(text, length) : "no reason was given") + " (error " + std::to_string(error) + ")";
}

}  // namespace

bool LibrariesSupported() noexcept { return true; }

// What the library needs is looked for in its own folder, and not in the current one.
void* OpenLibrary(const std::string& path, std::string& problem) {
  std::wstring wide = ToWide(path);
  for (wchar_t& letter : wide) {
    if (letter == L'/') letter = L'\\';
  }
  HMODULE library =
      LoadLibraryExW(wide.c_str(), nullptr, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
  if (library == nullptr) problem = DescribeError(GetLastError());
  return library;
}

void* FindSymbol(void* library, const char* name) noexcept {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}

bool IsReadableFile(const std::string& path) noexcept {
  const DWORD attributes = GetFileAttributesW(ToWide(path).c_str());
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

std::string ReadVariable(const char* name) {
  const std::wstring wide = ToWide(name);
  const DWORD size = GetEnvironmentVariableW(wide.c_str(), nullptr, 0);
  if (size == 0) return {};
  std::wstring value(size, L'\0');
  const DWORD length = GetEnvironmentVariableW(wide.c_str(), value.data(), size);
  return length < size ? ToNarrow(value.data(), length) : std::string();
}

// Libraries read the copy of the C runtime that they share, which may be another one than that of the addon.
void WriteVariable(const char* name, const std::string& value) {
  const std::wstring wide_name = ToWide(name);
  const std::wstring wide_value = ToWide(value);
  SetEnvironmentVariableW(wide_name.c_str(), value.empty() ? nullptr : wide_value.c_str());
  using Put = int(__cdecl*)(const wchar_t*, const wchar_t*);
  const HMODULE runtime = GetModuleHandleW(L"ucrtbase.dll");
  if (runtime == nullptr) return;
  const auto put = reinterpret_cast<Put>(reinterpret_cast<void*>(GetProcAddress(runtime, "_wputenv_s")));
  if (put != nullptr) put(wide_name.c_str(), wide_value.c_str());
}

bool StartDetached(void (*work)(void*), void* data) noexcept {
  auto* start = new (std::nothrow) Start{work, data};
  if (start == nullptr) return false;
  HANDLE thread = CreateThread(nullptr, kStackBytes, Begin, start, STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr);
  if (thread == nullptr) {
    delete start;
    return false;
  }
  CloseHandle(thread);
  return true;
}

// The system ends all other threads before libraries hear of the end.
bool ThreadsOutliveExit() noexcept { return false; }

void RunAtProcessEnd(AtEnd) noexcept {}

void EndProcess(int code) noexcept {
  TerminateProcess(GetCurrentProcess(), static_cast<UINT>(code));
  std::_Exit(code);
}

}  // namespace guard::nexa::os
