// Makes values of the answers of the SDK's library, as make_value.h does.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <memory>

#include "../nexa/session.h"
#include "channel.h"
#include "make_value.h"

namespace guard::binding {

napi_value MakeResult(napi_env env, const nexa::Generated& result);

// What a promise rejects with: a `NativeFailure` of src/addon/nexa-binding.ts.
Channel::Make FailureMaker(nexa::Failure failure);
// An answer that settles a promise: with nothing, or with a failure.
nexa::Session::Answer AnswerPromise(std::shared_ptr<Channel> channel, std::uint64_t id);

}  // namespace guard::binding
