// Hands a plan of memory files to the core and its numbers to JavaScript.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "../memory.h"
#include "topics.h"

namespace guard::binding {
namespace {

// `new MemoryFiles(paths, table, rows, swap, groupPath?, groupBytes?)`, see src/native.ts. One class per environment:
// nothing here is shared between workers.
class MemoryFiles final : public Napi::ObjectWrap<MemoryFiles> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "MemoryFiles",
                       {InstanceMethod<&MemoryFiles::Read>("read"), InstanceMethod<&MemoryFiles::LastProblem>("problem"),
                        InstanceMethod<&MemoryFiles::Close>("close")});
  }

  explicit MemoryFiles(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MemoryFiles>(info) {
    std::optional<guard::Plan> plan = PlanOf(info);
    if (!plan) {
      Napi::TypeError::New(info.Env(), "MemoryFiles: expected (paths, table, rows, swap, groupPath?, groupBytes?)")
          .ThrowAsJavaScriptException();
      return;
    }
    Napi::Float64Array rows = info[2].As<Napi::Float64Array>();
    rows_ = Napi::Persistent(rows);
    numbers_ = rows.Data();
    files_ = guard::OpenMemoryFiles(std::move(*plan));
    if (!files_) {
      Napi::Error::New(info.Env(), "MemoryFiles: not supported on this system, or no memory").ThrowAsJavaScriptException();
    }
  }

 private:
  // None unless every row and column lies inside `rows`.
  static std::optional<guard::Plan> PlanOf(const Napi::CallbackInfo& info) {
    if (info.Length() < 4 || !info[0].IsArray() || !info[1].IsTypedArray() || !info[2].IsTypedArray()) return std::nullopt;
    if (info[1].As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) return std::nullopt;
    if (info[2].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) return std::nullopt;
    const Napi::Array paths = info[0].As<Napi::Array>();
    const Napi::Int32Array table = info[1].As<Napi::Int32Array>();
    const std::size_t rows = info[2].As<Napi::Float64Array>().ElementLength() / guard::kStride;
    if (rows == 0 || table.ElementLength() != std::size_t{3} * paths.Length()) return std::nullopt;
    guard::Plan plan;
    plan.swap = info[3].ToBoolean().Value();
    for (std::uint32_t at = 0; at < paths.Length(); at++) {
      const Napi::Value path = paths[at];
      const std::int32_t* cells = table.Data() + std::size_t{3} * at;
      if (!path.IsString() || cells[0] < 0 || cells[0] > 4 || cells[1] < 0 || cells[2] < 0) return std::nullopt;
      const auto parse = static_cast<guard::Parse>(cells[0]);
      const auto row = static_cast<std::size_t>(cells[1]);
      const auto column = static_cast<std::size_t>(cells[2]);
      // For meminfo and status the column is a second row.
      const bool two_rows = parse == guard::Parse::kMeminfo || parse == guard::Parse::kStatus;
      if (row >= rows || column >= (two_rows ? rows : std::size_t{guard::kStride})) return std::nullopt;
      plan.files.push_back({path.As<Napi::String>().Utf8Value(), parse, row, column});
    }
    if (info.Length() >= 6 && info[4].IsString() && info[5].IsTypedArray()) {
      const Napi::Uint8Array bytes = info[5].As<Napi::Uint8Array>();
      plan.group = guard::Group{info[4].As<Napi::String>().Utf8Value(),
                                std::string(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength())};
    }
    return plan;
  }

  Napi::Value Read(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!files_) {
      Napi::Error::New(env, "MemoryFiles: closed").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    const bool full = info.Length() > 0 && info[0].IsBoolean() && info[0].As<Napi::Boolean>().Value();
    return Napi::Number::New(env, static_cast<double>(files_->Read(numbers_, full)));
  }

  Napi::Value LastProblem(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!files_ || !files_->LastProblem()) return env.Undefined();
    const guard::Problem& problem = *files_->LastProblem();
    Napi::Object result = Napi::Object::New(env);
    result.Set("file", problem.file);
    if (problem.error != 0) {
      const char* name = guard::ErrnoName(problem.error);
      result.Set("errno", name != nullptr ? std::string(name) : "errno " + std::to_string(problem.error));
    } else {
      result.Set("expected", static_cast<const char*>(problem.expected));
      result.Set("found", static_cast<const char*>(problem.found));
    }
    return result;
  }

  void Close(const Napi::CallbackInfo&) {
    files_.reset();
    rows_.Reset();
    numbers_ = nullptr;
  }

  std::unique_ptr<guard::MemoryFiles> files_;
  Napi::Reference<Napi::Float64Array> rows_;
  double* numbers_ = nullptr;
};

}  // namespace

void DefineMemoryFiles(Napi::Env env, Napi::Object exports) {
  exports.Set("MemoryFiles", MemoryFiles::Define(env));
  exports.Set("memoryFilesSupported", Napi::Boolean::New(env, guard::MemoryFilesSupported()));
}

}  // namespace guard::binding
