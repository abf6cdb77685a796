// Reads what is asked of the SDK's library out of what JavaScript hands in. A member that is missing keeps its value; one
// of another type is refused. Each function returns false as read_value.h says.
#pragma once

#include <node_api.h>

#include "../nexa/spec.h"

namespace guard::binding {

bool ReadLoadSpec(napi_env env, napi_value options, nexa::LoadSpec& spec);
bool ReadChat(napi_env env, napi_value options, nexa::Chat& chat);
bool ReadGenerateSpec(napi_env env, napi_value options, nexa::GenerateSpec& spec);
bool ReadHeldText(napi_env env, napi_value options, nexa::HeldText& held);

}  // namespace guard::binding
