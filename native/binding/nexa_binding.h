// The functions of the SDK's library for one environment. It checks what JavaScript hands in, starts the work, and turns
// its answers into values. Every method runs on the environment's thread; the work does not.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "../nexa/session.h"
#include "../nexa/threads.h"
#include "channel.h"
#include "nexa_handles.h"
#include "nexa_values.h"

namespace guard::binding {

class NexaBinding {
 public:
  // `nexa`, see `NexaBinding` in src/addon/nexa-binding.ts.
  static Napi::Object Define(Napi::Env env);

 private:
  using Method = Napi::Value (NexaBinding::*)(const Napi::CallbackInfo& info);

  // No exception may reach the frames of the JavaScript engine.
  Napi::Value CallSafely(Method method, const Napi::CallbackInfo& info);

  // The library: nexa_library_binding.cc.
  Napi::Value Open(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  Napi::Value ListPlugins(const Napi::CallbackInfo& info);
  Napi::Value ListDevices(const Napi::CallbackInfo& info);
  // Null if nobody listens.
  std::shared_ptr<LogListener> MakeLogListener(const Napi::CallbackInfo& info, std::size_t index);

  // A model: nexa_model_binding.cc.
  Napi::Value Load(const Napi::CallbackInfo& info);
  Napi::Value Generate(const Napi::CallbackInfo& info);
  Napi::Value Stop(const Napi::CallbackInfo& info);
  Napi::Value Format(const Napi::CallbackInfo& info);
  Napi::Value Reset(const Napi::CallbackInfo& info);
  Napi::Value SaveKvCache(const Napi::CallbackInfo& info);
  Napi::Value LoadKvCache(const Napi::CallbackInfo& info);
  Napi::Value Destroy(const Napi::CallbackInfo& info);

  // The end of the process: nexa_binding.cc.
  Napi::Value Leave(const Napi::CallbackInfo& info);

  // Every asynchronous function: begins a promise, then calls `start(channel, id)`, which has it settled. `listener` and
  // `keeps` are as in `Channel::Begin`.
  template <class Start>
  Napi::Value BeginPromise(const Napi::CallbackInfo& info, napi_value listener, std::shared_ptr<void> keeps, Start start);

  // The same for work on a thread of its own, which runs `work(channel, id)`.
  template <class Work>
  Napi::Value BeginInBackground(const Napi::CallbackInfo& info, Work work);

  // The same for what is asked of a loaded model: calls `call(session, channel, id)`.
  template <class Call>
  Napi::Value BeginOnSession(const Napi::CallbackInfo& info, Call call);

  // Null if the environment cannot have one.
  Channel* OpenChannel(Napi::Env env);

  // Opened by the first function that needs it, because most programs never do.
  std::shared_ptr<Channel> channel_;
};

template <class Start>
Napi::Value NexaBinding::BeginPromise(const Napi::CallbackInfo& info, napi_value listener, std::shared_ptr<void> keeps,
                                      Start start) {
  const Napi::Env env = info.Env();
  std::uint64_t id = 0;
  napi_value promise = OpenChannel(env) != nullptr ? channel_->Begin(env, listener, std::move(keeps), id) : nullptr;
  if (promise == nullptr) {
    Napi::Error::New(env, "This environment is ending.").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  try {
    start(channel_, id);
  } catch (...) {
    channel_->Reject(id, FailureMaker(nexa::MakeRefusal("no-memory")));
  }
  return Napi::Value(env, promise);
}

template <class Work>
Napi::Value NexaBinding::BeginInBackground(const Napi::CallbackInfo& info, Work work) {
  return BeginPromise(info, nullptr, nullptr, [&work](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    // What the work holds is destroyed on its thread.
    const bool started = nexa::StartThread([channel, id, work = std::move(work)]() mutable {
      try {
        work(channel, id);
      } catch (...) {
        channel->Reject(id, FailureMaker(nexa::MakeRefusal("no-memory")));
      }
    });
    if (!started) channel->Reject(id, FailureMaker(nexa::MakeRefusal("no-thread")));
  });
}

template <class Call>
Napi::Value NexaBinding::BeginOnSession(const Napi::CallbackInfo& info, Call call) {
  const auto handle = GetHandle<ModelHandle>(info, 0, kModelTag);
  return BeginPromise(info, nullptr, handle, [&](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    if (handle == nullptr) return channel->Reject(id, FailureMaker(nexa::MakeRefusal("no-model")));
    call(*handle->session, channel, id);
  });
}

}  // namespace guard::binding
