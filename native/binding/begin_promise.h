// Starts what a promise stands for.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "../nexa/threads.h"
#include "channel.h"
#include "environment.h"
#include "function.h"
#include "nexa_handles.h"
#include "nexa_values.h"

namespace guard::binding {

// Begins a promise, then calls `start(channel, id)`, which has it settled. `listener` and `keeps` are as in
// `Channel::Begin`.
template <class Start>
napi_value BeginPromise(napi_env env, napi_value listener, std::shared_ptr<void> keeps, Start start) {
  const std::shared_ptr<Channel> channel = OpenChannel(env);
  std::uint64_t id = 0;
  napi_value promise = channel != nullptr ? channel->Begin(env, listener, std::move(keeps), id) : nullptr;
  if (promise == nullptr) return Throw(env, "This environment is ending.");
  try {
    start(channel, id);
  } catch (...) {
    channel->Reject(id, FailureMaker(nexa::MakeRefusal("no-memory")));
  }
  return promise;
}

// The same for work on a thread of its own, which runs `work(channel, id)`.
template <class Work>
napi_value BeginInBackground(napi_env env, Work work) {
  return BeginPromise(env, nullptr, nullptr, [&work](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
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

// The same for what is asked of a loaded model: calls `call(session, channel, id)`.
template <class Call>
napi_value BeginOnSession(napi_env env, const std::shared_ptr<ModelHandle>& handle, Call call) {
  return BeginPromise(env, nullptr, handle, [&](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    call(*handle->session, channel, id);
  });
}

}  // namespace guard::binding
