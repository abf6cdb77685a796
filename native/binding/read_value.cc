#include "read_value.h"

#include <cmath>
#include <cstdio>
#include <limits>

namespace guard::binding {
namespace {

std::optional<napi_valuetype> FindType(napi_env env, napi_value value) noexcept {
  napi_valuetype type;
  if (value == nullptr || napi_typeof(env, value, &type) != napi_ok) return std::nullopt;
  return type;
}

bool IsOf(napi_env env, napi_value value, napi_valuetype type) noexcept { return FindType(env, value) == type; }

const char* DescribeObject(napi_env env, napi_value value) noexcept {
  bool is = false;
  if (napi_is_array(env, value, &is) == napi_ok && is) return "a list";
  if (napi_is_typedarray(env, value, &is) == napi_ok && is) return "a typed array of another type or length";
  return "an object";
}

// Names what was found without its text, which may be long and not for a message.
void Describe(napi_env env, napi_value value, char (&text)[64]) noexcept {
  const auto type = FindType(env, value);
  const char* words = "nothing";
  double number = 0;
  if (type) {
    switch (*type) {
      case napi_undefined: words = "undefined"; break;
      case napi_null: words = "null"; break;
      case napi_boolean: words = "a boolean"; break;
      case napi_number:
        if (napi_get_value_double(env, value, &number) == napi_ok) {
          std::snprintf(text, sizeof text, "%.17g", number);
          return;
        }
        words = "a number";
        break;
      case napi_string: words = "a string"; break;
      case napi_symbol: words = "a symbol"; break;
      case napi_object: words = DescribeObject(env, value); break;
      case napi_function: words = "a function"; break;
      case napi_external: words = "a handle"; break;
      case napi_bigint: words = "a bigint"; break;
    }
  }
  std::snprintf(text, sizeof text, "%s", words);
}

struct Elements {
  void* data = nullptr;
  std::size_t length = 0;
};

bool FindElements(napi_env env, napi_value value, napi_typedarray_type wanted, Elements& elements) noexcept {
  bool typed = false;
  napi_typedarray_type type;
  return value != nullptr && napi_is_typedarray(env, value, &typed) == napi_ok && typed &&
         napi_get_typedarray_info(env, value, &type, &elements.length, &elements.data, nullptr, nullptr) == napi_ok &&
         type == wanted;
}

template <class Item>
void Copy(const Elements& elements, std::vector<Item>& items) {
  const auto* first = static_cast<const Item*>(elements.data);
  // An array whose memory was handed to another thread has none.
  items.clear();
  if (elements.length > 0) items.assign(first, first + elements.length);
}

}  // namespace

bool Refuse(napi_env env, napi_value found, const char* name, const char* expected) noexcept {
  char what[64];
  Describe(env, found, what);
  char sentence[256];
  std::snprintf(sentence, sizeof sentence, "Expected `%s` to be %s, got %s.", name, expected, what);
  // If this fails, the environment is being terminated, and nobody is left to read it.
  (void)napi_throw_type_error(env, nullptr, sentence);
  return false;
}

bool IsMissing(napi_env env, napi_value value) noexcept {
  return FindType(env, value).value_or(napi_undefined) == napi_undefined;
}

bool ReadFlag(napi_env env, napi_value value, const char* name, bool& flag) {
  const bool read = IsOf(env, value, napi_boolean) && napi_get_value_bool(env, value, &flag) == napi_ok;
  return read || Refuse(env, value, name, "a boolean");
}

bool ReadNumber(napi_env env, napi_value value, const char* name, double& number) {
  const bool read = IsOf(env, value, napi_number) && napi_get_value_double(env, value, &number) == napi_ok;
  return read || Refuse(env, value, name, "a number");
}

bool ReadInteger(napi_env env, napi_value value, const char* name, std::int32_t& integer) {
  using Limits = std::numeric_limits<std::int32_t>;
  double number = 0;
  const bool read = IsOf(env, value, napi_number) && napi_get_value_double(env, value, &number) == napi_ok;
  if (!read || !(number >= Limits::min() && number <= Limits::max()) || std::trunc(number) != number) {
    return Refuse(env, value, name, "a whole number of 32 bits");
  }
  integer = static_cast<std::int32_t>(number);
  return true;
}

bool ReadText(napi_env env, napi_value value, const char* name, std::string& text) {
  std::size_t length = 0;
  if (!IsOf(env, value, napi_string) || napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) {
    return Refuse(env, value, name, "a string");
  }
  // The call writes a zero behind the text, where a string has one of its own.
  text.resize(length);
  const bool read = napi_get_value_string_utf8(env, value, text.data(), length + 1, &length) == napi_ok;
  return read || Refuse(env, value, name, "a string");
}

bool ReadPath(napi_env env, napi_value value, const char* name, std::string& path) {
  if (!ReadText(env, value, name, path)) return false;
  return path.find('\0') == std::string::npos || Refuse(env, value, name, "a string without a zero character");
}

bool ReadFunction(napi_env env, napi_value value, const char* name) {
  return IsOf(env, value, napi_function) || Refuse(env, value, name, "a function");
}

bool ReadBytes(napi_env env, napi_value value, const char* name, std::string& bytes) {
  Elements elements;
  if (!FindElements(env, value, napi_uint8_array, elements)) return Refuse(env, value, name, "a Uint8Array");
  bytes.clear();
  if (elements.length > 0) bytes.assign(static_cast<const char*>(elements.data), elements.length);
  return true;
}

bool ReadIntegers(napi_env env, napi_value value, const char* name, std::vector<std::int32_t>& integers) {
  Elements elements;
  if (!FindElements(env, value, napi_int32_array, elements)) return Refuse(env, value, name, "an Int32Array");
  Copy(elements, integers);
  return true;
}

bool ReadNumbers(napi_env env, napi_value value, const char* name, std::vector<double>& numbers) {
  Elements elements;
  if (!FindElements(env, value, napi_float64_array, elements)) return Refuse(env, value, name, "a Float64Array");
  Copy(elements, numbers);
  return true;
}

bool FindNumbers(napi_env env, napi_value value, const char* name, NumbersInPlace& numbers) {
  Elements elements;
  if (!FindElements(env, value, napi_float64_array, elements)) return Refuse(env, value, name, "a Float64Array");
  numbers = {static_cast<double*>(elements.data), elements.length};
  return true;
}

bool ReadList(napi_env env, napi_value value, const char* name, std::vector<napi_value>& items) {
  bool is_list = false;
  std::uint32_t length = 0;
  if (value == nullptr || napi_is_array(env, value, &is_list) != napi_ok || !is_list ||
      napi_get_array_length(env, value, &length) != napi_ok) {
    return Refuse(env, value, name, "a list");
  }
  items.clear();
  for (std::uint32_t at = 0; at < length; at++) {
    napi_value item = nullptr;
    // A getter threw, or the environment is being terminated.
    if (napi_get_element(env, value, at, &item) != napi_ok) return false;
    items.push_back(item);
  }
  return true;
}

bool ReadTexts(napi_env env, napi_value value, const char* name, std::vector<std::string>& texts) {
  std::vector<napi_value> items;
  if (!ReadList(env, value, name, items)) return false;
  texts.assign(items.size(), {});
  for (std::size_t at = 0; at < items.size(); at++) {
    if (!ReadText(env, items[at], name, texts[at])) return false;
  }
  return true;
}

bool ReadObject(napi_env env, napi_value value, const char* name) {
  return IsOf(env, value, napi_object) || Refuse(env, value, name, "an object");
}

bool GetMember(napi_env env, napi_value object, const char* name, napi_value& member) {
  return napi_get_named_property(env, object, name, &member) == napi_ok;
}

}  // namespace guard::binding
