// Options that JavaScript hands in. What is missing or of another type is as if it were not there.
#pragma once

#include <napi.h>

#include <cstddef>
#include <string>

#include "../nexa/spec.h"

namespace guard::binding {

// An argument of a call: an empty object, an empty text or null where it is something else.
Napi::Object OptionsIn(const Napi::CallbackInfo& info, std::size_t index);
std::string TextIn(const Napi::CallbackInfo& info, std::size_t index);
napi_value ListenerIn(const Napi::CallbackInfo& info, std::size_t index);

nexa::LoadSpec LoadSpecOf(const Napi::Object& options);
nexa::Chat ChatOf(const Napi::Object& options);
nexa::GenerateSpec GenerateSpecOf(const Napi::Object& options);

}  // namespace guard::binding
