// The double's log lines, in the form of the real ones. Levels are 0 trace .. 4 error. llama.cpp's own lines arrive one
// level lower than they are: its errors are warnings.
#pragma once

#include <string>

namespace fake {

// To the callback, as it is, on the calling thread.
void Log(int level, const std::string& text);

// The newer generation says in which file and function of the real library a line is logged, the older one does not.
void LogFrom(const char* place, int level, const std::string& text);

// A line of llama.cpp. Errors are level 3.
void LogLlama(int level, const std::string& text);

}  // namespace fake
