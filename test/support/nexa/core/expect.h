// Ends the program if something is not as it should be.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

inline void Expect(bool right, const char* what, const std::string& found = {}) {
  if (right) return;
  std::fprintf(stderr, "wrong: %s %s\n", what, found.c_str());
  std::_Exit(1);
}
