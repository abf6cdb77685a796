// Reads memory files for JavaScript.
#include "../memory_files.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "exports.h"
#include "read_plan.h"

namespace guard::binding {
namespace {

// `new MemoryFiles(paths, table, rows, swap, groupPath?, groupBytes?)`. Every environment has a class of its own, so
// nothing here is shared between workers.
class MemoryFiles final : public Napi::ObjectWrap<MemoryFiles> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "MemoryFiles",
                       {InstanceMethod<&MemoryFiles::Read>("read"), InstanceMethod<&MemoryFiles::LastProblem>("problem"),
                        InstanceMethod<&MemoryFiles::Close>("close")});
  }

  explicit MemoryFiles(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MemoryFiles>(info) {
    std::optional<guard::ReadPlan> plan = ParsePlan(info);
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
    const guard::FileProblem& problem = *files_->LastProblem();
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
