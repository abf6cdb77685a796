// What each topic adds to the addon's exports. The types of all of it are in src/addon/addon.ts, and for the SDK's library
// in src/addon/nexa-binding.ts. This folder is the only one that speaks N-API. If an environment is being terminated, a
// topic's members may be missing, and nobody will look for them.
#pragma once

#include <node_api.h>

namespace guard::binding {

void DefineMemoryFiles(napi_env env, napi_value exports) noexcept;
void DefineMemoryWatch(napi_env env, napi_value exports) noexcept;
void DefineLoadMeter(napi_env env, napi_value exports) noexcept;
void DefineSystemMemory(napi_env env, napi_value exports) noexcept;
void DefineMemoryPressure(napi_env env, napi_value exports) noexcept;
void DefineReleaseMemory(napi_env env, napi_value exports) noexcept;
void DefineFileLock(napi_env env, napi_value exports) noexcept;
void DefineThreadPool(napi_env env, napi_value exports) noexcept;
void DefineLifeline(napi_env env, napi_value exports) noexcept;
void DefineProcessMemory(napi_env env, napi_value exports) noexcept;
void DefineEngineLibrary(napi_env env, napi_value exports) noexcept;
void DefineNexa(napi_env env, napi_value exports) noexcept;

}  // namespace guard::binding
