// What gives memory back, off the main thread.
#include <functional>
#include <string>
#include <utility>

#include "../release_memory.h"
#include "exports.h"

namespace guard::binding {
namespace {

// `trimHeap(): Promise<boolean>` and `dropPageCache(path): Promise<boolean>`, off the main thread.
class BackgroundWorker final : public Napi::AsyncWorker {
 public:
  static Napi::Value Run(Napi::Env env, std::function<bool()> work) {
    auto* worker = new BackgroundWorker(env, std::move(work));  // deletes itself when it is done
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

void DefineGivingBack(Napi::Env env, Napi::Object exports) {
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
