// What each topic adds to the addon's exports. The types of all of it are in src/addon/addon.ts, and for the SDK's library
// in src/addon/nexa-binding.ts. This folder is the only one that speaks N-API.
#pragma once

#include <napi.h>

namespace guard::binding {

void DefineMemoryFiles(Napi::Env env, Napi::Object exports);
void DefineMemoryWatch(Napi::Env env, Napi::Object exports);
void DefineSystemMemory(Napi::Env env, Napi::Object exports);
void DefineMemoryPressure(Napi::Env env, Napi::Object exports);
void DefineReleaseMemory(Napi::Env env, Napi::Object exports);
void DefineFileLock(Napi::Env env, Napi::Object exports);
void DefineEngineOutput(Napi::Env env, Napi::Object exports);
void DefineNexa(Napi::Env env, Napi::Object exports);

}  // namespace guard::binding
