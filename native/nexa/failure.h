// What went wrong in a call, as values: no exception leaves this folder, and none of the library's enters it.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "calls.h"

namespace guard::nexa {

// The code of a call that threw instead of returning.
constexpr std::int32_t kThrew = std::numeric_limits<std::int32_t>::min();

struct Failure {
  // The library's function, for example "geniex_llm_create"; empty if the library was not called.
  std::string call;
  std::int32_t code = 0;
  // The library's words for the code; or the one word that says why it was not called, for example "disposed".
  std::string text;
  // What the library logged last; or what that word is about: a file, a symbol, a version.
  std::string detail;
};

// A failure without a call.
inline Failure MakeRefusal(const char* why, std::string detail = {}) { return {{}, 0, why, std::move(detail)}; }

// The failure of a call that returned `code`.
inline Failure MakeFailure(const Calls& calls, const char* call, std::int32_t code, const std::string& logged) {
  Failure failure{calls.GetFullName(call), code, {}, logged};
  if (code == kThrew) {
    failure.text = "it threw an exception";
    return failure;
  }
  const char* said = calls.get_error_message(code);
  if (said != nullptr) failure.text = said;
  return failure;
}

// Runs a call of the library. Exceptions of the library end here.
template <class Call>
std::int32_t RunCall(Call&& call) noexcept {
  try {
    return call();
  } catch (...) {
    return kThrew;
  }
}

}  // namespace guard::nexa
