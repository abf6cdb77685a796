// Makes values of answers. If an environment is being terminated, every call may fail without a trace and give null.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "../nexa/session.h"
#include "channel.h"

namespace guard::binding {

napi_value MakeText(napi_env env, const std::string& text);
napi_value MakeNumber(napi_env env, double number);
napi_value MakeFlag(napi_env env, bool flag);
napi_value MakeUndefined(napi_env env);
// A Buffer, for text that need not be valid UTF-8.
napi_value MakeBytes(napi_env env, const std::string& bytes);
napi_value MakeResult(napi_env env, const nexa::Generated& result);

class ObjectMaker {
 public:
  explicit ObjectMaker(napi_env env) : env_(env) { napi_create_object(env, &object_); }

  ObjectMaker& Set(const char* name, napi_value value) {
    if (object_ != nullptr && value != nullptr) napi_set_named_property(env_, object_, name, value);
    return *this;
  }
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

// What a promise rejects with: a `NativeFailure` of src/addon/nexa-binding.ts.
Channel::Make FailureMaker(nexa::Failure failure);
// An answer that settles a promise: with nothing, or with a failure.
nexa::Session::Answer AnswerPromise(std::shared_ptr<Channel> channel, std::uint64_t id);

}  // namespace guard::binding
