// Makes values for JavaScript. If an environment is being terminated, every call may fail without a trace and give null.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <optional>
#include <string>

namespace guard::binding {

napi_value MakeText(napi_env env, const std::string& text);
napi_value MakeNumber(napi_env env, double number);
napi_value MakeFlag(napi_env env, bool flag);
napi_value MakeUndefined(napi_env env);
// A Buffer, for text that need not be valid UTF-8.
napi_value MakeBytes(napi_env env, const std::string& bytes);

class ObjectMaker {
 public:
  explicit ObjectMaker(napi_env env);

  ObjectMaker& Set(const char* name, napi_value value);
  ObjectMaker& Set(const char* name, const std::string& text) { return Set(name, MakeText(env_, text)); }
  ObjectMaker& Set(const char* name, double number) { return Set(name, MakeNumber(env_, number)); }
  ObjectMaker& Set(const char* name, std::optional<std::int64_t> number) {
    return number ? Set(name, static_cast<double>(*number)) : *this;
  }
  napi_value Value() const { return object_; }

 private:
  napi_env env_;
  napi_value object_ = nullptr;
};

class ListMaker {
 public:
  explicit ListMaker(napi_env env);

  ListMaker& Add(napi_value value);
  napi_value Value() const { return list_; }

 private:
  napi_env env_;
  napi_value list_ = nullptr;
  std::uint32_t length_ = 0;
};

}  // namespace guard::binding
