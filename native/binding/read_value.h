// Reads values that JavaScript hands in. It looks at a value's type and never converts one: a conversion may run code of
// the program, and fails without a trace while an environment is being terminated.
//
// Each function returns whether it could read. If it returns false, either an exception is pending, which for a value of
// another type is a TypeError with one sentence, or the environment is being terminated. The caller returns to JavaScript
// then.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace guard::binding {

// Throws the TypeError "Expected `name` to be (expected), got (what was found).", and returns false.
bool Refuse(napi_env env, napi_value found, const char* name, const char* expected) noexcept;

// Whether a value is undefined, as an argument that was not given is. A value that cannot be looked at counts as missing.
bool IsMissing(napi_env env, napi_value value) noexcept;

bool ReadFlag(napi_env env, napi_value value, const char* name, bool& flag);
bool ReadNumber(napi_env env, napi_value value, const char* name, double& number);
// A whole number of 32 bits.
bool ReadInteger(napi_env env, napi_value value, const char* name, std::int32_t& integer);
bool ReadText(napi_env env, napi_value value, const char* name, std::string& text);
// A text without a zero character, at which a system call would end it.
bool ReadPath(napi_env env, napi_value value, const char* name, std::string& path);
bool ReadFunction(napi_env env, napi_value value, const char* name);

// The next three copy a Uint8Array, which a Buffer is, an Int32Array, and a Float64Array.
bool ReadBytes(napi_env env, napi_value value, const char* name, std::string& bytes);
bool ReadIntegers(napi_env env, napi_value value, const char* name, std::vector<std::int32_t>& integers);
bool ReadNumbers(napi_env env, napi_value value, const char* name, std::vector<double>& numbers);

// Numbers of a Float64Array where they lie. They may move, and go, as soon as JavaScript runs again.
struct NumbersInPlace {
  double* data = nullptr;
  std::size_t length = 0;
};
bool FindNumbers(napi_env env, napi_value value, const char* name, NumbersInPlace& numbers);

// A list's items. Each is read once, because an item may be a getter.
bool ReadList(napi_env env, napi_value value, const char* name, std::vector<napi_value>& items);
bool ReadTexts(napi_env env, napi_value value, const char* name, std::vector<std::string>& texts);

bool ReadObject(napi_env env, napi_value value, const char* name);
// A member of an object, which may be a getter.
bool GetMember(napi_env env, napi_value object, const char* name, napi_value& member);

// A member that may be missing; `target` is left alone then.
template <class Target>
using Reader = bool (*)(napi_env env, napi_value value, const char* name, Target& target);
template <class Target>
bool ReadMember(napi_env env, napi_value object, const char* name, Reader<Target> read, Target& target) {
  napi_value member = nullptr;
  if (!GetMember(env, object, name, member)) return false;
  return IsMissing(env, member) || read(env, member, name, target);
}

}  // namespace guard::binding
