// Returns memory to the system for JavaScript, on threads of the pool of libuv.
#include "../release_memory.h"

#include <functional>
#include <string>
#include <utility>

#include "exports.h"

namespace guard::binding {
namespace {

// Does work that returns whether it was done, and resolves a promise with that.
class BackgroundWorker final : public Napi::AsyncWorker {
 public:
  static Napi::Value Run(Napi::Env env, std::function<bool()> work) {
    // It deletes itself when it is done.
    auto* worker = new BackgroundWorker(env, std::move(work));
    const Napi::Promise promise = worker->deferred_.Promise();
    worker->Queue();
    return promise;
  }

 private:
  BackgroundWorker(Napi::Env env, std::function<bool()> work)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), work_(std::move(work)) {}

  void Execute() override { done_ = work_(); }
  void OnOK() override { deferred_.Resolve(Napi::Boolean::New(Env(), done_)); }

  Napi::Promise::Deferred deferred_;
  std::function<bool()> work_;
  bool done_ = false;
};

}  // namespace

// `trimHeap(): Promise<boolean>` and `dropPageCache(path): Promise<boolean>`.
void DefineReleaseMemory(Napi::Env env, Napi::Object exports) {
  const auto trim = [](const Napi::CallbackInfo& info) {
    return BackgroundWorker::Run(info.Env(), [] { return guard::TrimHeap(); });
  };
  const auto drop = [](const Napi::CallbackInfo& info) {
    return BackgroundWorker::Run(info.Env(),
                                 [path = info[0].ToString().Utf8Value()] { return guard::DropPageCache(path.c_str()); });
  };
  exports.Set("trimHeap", Napi::Function::New(env, trim, "trimHeap"));
  exports.Set("dropPageCache", Napi::Function::New(env, drop, "dropPageCache"));
}

}  // namespace guard::binding
