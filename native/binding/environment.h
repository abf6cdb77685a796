// What the addon keeps for one JavaScript environment, the main thread's or a worker's.
#pragma once

#include <node_api.h>

#include <memory>

#include "channel.h"

namespace guard::binding {

// Sets up an environment, before anything else is defined in it.
void DefineEnvironment(napi_env env) noexcept;

// The environment's channel, opened by the first function that needs it, because most programs never do. Null if the
// environment cannot have one.
std::shared_ptr<Channel> OpenChannel(napi_env env);
// Null if none was opened.
std::shared_ptr<Channel> GetChannel(napi_env env) noexcept;

}  // namespace guard::binding
