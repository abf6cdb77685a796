// Reads what JavaScript hands in. An option of another type counts as missing.
#pragma once

#include <napi.h>

#include <cstddef>
#include <string>

#include "../nexa/spec.h"

namespace guard::binding {

// Each returns an argument of a call; if the argument is something else, an empty object, an empty text, or null.
Napi::Object GetOptions(const Napi::CallbackInfo& info, std::size_t index);
std::string GetText(const Napi::CallbackInfo& info, std::size_t index);
napi_value GetListener(const Napi::CallbackInfo& info, std::size_t index);

nexa::LoadSpec ReadLoadSpec(const Napi::Object& options);
nexa::Chat ReadChat(const Napi::Object& options);
nexa::GenerateSpec ReadGenerateSpec(const Napi::Object& options);
nexa::HeldText ReadHeldText(const Napi::Object& options);

}  // namespace guard::binding
