// The door between JavaScript and the loader of the SDK's library.
#pragma once

#include <napi.h>

namespace guard::nexa {

// `nexa` of the addon, see src/sdk/nexa/native.ts; undefined on systems without a loader.
Napi::Value DefineNexa(Napi::Env env);

}  // namespace guard::nexa
