// The functions of the SDK's library. Each checks what JavaScript hands in, starts the work, and turns its answers into
// values. It runs on its environment's thread; the work does not.
#pragma once

#include <node_api.h>

namespace guard::binding {

// The library: nexa_library_binding.cc.
void DefineNexaLibrary(napi_env env, napi_value nexa) noexcept;
// A model: nexa_model_binding.cc.
void DefineNexaModel(napi_env env, napi_value nexa) noexcept;

}  // namespace guard::binding
