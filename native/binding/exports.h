// The doors of the addon, one topic each: what they take and give stands in src/addon/load-addon.ts, and for the SDK's
// library in src/addon/nexa-binding.ts. Only this folder and binding.cc
// speak N-API.
#pragma once

#include <napi.h>

namespace guard::binding {

void DefineMemoryFiles(Napi::Env env, Napi::Object exports);
void DefineMemoryWatch(Napi::Env env, Napi::Object exports);
void DefineEngineLog(Napi::Env env, Napi::Object exports);
void DefineLocks(Napi::Env env, Napi::Object exports);
void DefineGivingBack(Napi::Env env, Napi::Object exports);
void DefineMachine(Napi::Env env, Napi::Object exports);
void DefineNexa(Napi::Env env, Napi::Object exports);

}  // namespace guard::binding
