// Watches memory for JavaScript, which waits on one end of a socket pair.
#include "../memory_watch.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "exports.h"
#include "read_plan.h"

namespace guard::binding {
namespace {

// `new MemoryWatch(paths, table, rows, swap, groupPath, groupBytes, notices)`. When its environment ends, the object goes
// first and the watch with it. The thread never calls into JavaScript.
class MemoryWatch final : public Napi::ObjectWrap<MemoryWatch> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "MemoryWatch",
                       {InstanceMethod<&MemoryWatch::Watch>("watch"), InstanceMethod<&MemoryWatch::Take>("take"),
                        InstanceMethod<&MemoryWatch::Close>("close")});
  }

  explicit MemoryWatch(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MemoryWatch>(info) {
    const Napi::Env env = info.Env();
    std::optional<guard::ReadPlan> plan = ParsePlan(info);
    if (plan) numbers_ = info[2].As<Napi::Float64Array>().ElementLength();
    std::optional<std::vector<guard::Notice>> notices = info.Length() >= 7 ? ParseNotices(info[6]) : std::nullopt;
    if (!plan || !notices) {
      Napi::TypeError::New(env, "MemoryWatch: expected (paths, table, rows, swap, groupPath, groupBytes, notices)")
          .ThrowAsJavaScriptException();
      return;
    }
    int ends[2];
    if (guard::OpenWakeEnds(ends)) {
      watch_ = guard::OpenMemoryWatch(std::move(*plan), std::move(*notices), ends[1]);
      if (!watch_) guard::CloseWakeEnd(ends[0]);
    }
    if (!watch_) {
      Napi::Error::New(env, "MemoryWatch: no thread, memory or descriptors for it").ThrowAsJavaScriptException();
      return;
    }
    info.This().As<Napi::Object>().Set("descriptor", Napi::Number::New(env, ends[0]));
  }

 private:
  // Each notice is `[kind, path, row]`.
  std::optional<std::vector<guard::Notice>> ParseNotices(const Napi::Value& value) const {
    if (!value.IsArray()) return std::nullopt;
    const Napi::Array list = value.As<Napi::Array>();
    std::vector<guard::Notice> notices;
    for (std::uint32_t at = 0; at < list.Length(); at++) {
      const Napi::Value each = list[at];
      if (!each.IsArray()) return std::nullopt;
      const Napi::Array cells = each.As<Napi::Array>();
      const Napi::Value kind = cells[std::uint32_t{0}];
      const Napi::Value path = cells[std::uint32_t{1}];
      const Napi::Value row = cells[std::uint32_t{2}];
      if (!kind.IsNumber() || !path.IsString() || !row.IsNumber()) return std::nullopt;
      const std::int32_t which = kind.As<Napi::Number>().Int32Value();
      const std::int64_t index = row.As<Napi::Number>().Int64Value();
      if (which < 0 || which > 2) return std::nullopt;
      if (index < 0 || static_cast<std::size_t>(index) >= numbers_ / guard::kStride) return std::nullopt;
      notices.push_back(
          {static_cast<guard::Notice::Kind>(which), path.As<Napi::String>().Utf8Value(), static_cast<std::size_t>(index)});
    }
    return notices;
  }

  void Watch(const Napi::CallbackInfo& info) {
    if (!watch_) return;
    const bool typed = info.Length() >= 3 && info[0].IsTypedArray() && info[1].IsTypedArray() && info[2].IsNumber() &&
                       info[0].As<Napi::TypedArray>().TypedArrayType() == napi_float64_array &&
                       info[1].As<Napi::TypedArray>().TypedArrayType() == napi_float64_array;
    const std::size_t rows = typed ? info[0].As<Napi::Float64Array>().ElementLength() : 0;
    const std::size_t left = typed ? info[1].As<Napi::Float64Array>().ElementLength() : 0;
    if (!typed || rows != numbers_ || left == 0 || left != rows / guard::kStride) {
      Napi::TypeError::New(info.Env(), "MemoryWatch: expected watch(rows, left, belowBytes)").ThrowAsJavaScriptException();
      return;
    }
    const double* row = info[0].As<Napi::Float64Array>().Data();
    const double* each = info[1].As<Napi::Float64Array>().Data();
    watch_->Watch({{row, row + rows}, {each, each + left}, info[2].As<Napi::Number>().DoubleValue()});
  }

  Napi::Value Take(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const std::optional<guard::LeastLeft> least = watch_ ? watch_->Take() : std::nullopt;
    if (!least) return env.Undefined();
    Napi::Object result = Napi::Object::New(env);
    result.Set("leftBytes", least->left_bytes);
    result.Set("ageMs", least->age_ms);
    return result;
  }

  void Close(const Napi::CallbackInfo&) { watch_.reset(); }

  std::unique_ptr<guard::MemoryWatch> watch_;
  std::size_t numbers_ = 0;
};

}  // namespace

void DefineMemoryWatch(Napi::Env env, Napi::Object exports) {
  if (guard::MemoryWatchSupported()) exports.Set("MemoryWatch", MemoryWatch::Define(env));
}

}  // namespace guard::binding
