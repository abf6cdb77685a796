// The addon's entry: one line for each topic. Its doors are in binding/, the only folder that speaks N-API.
#include <napi.h>

#include "exports.h"
#include "../pin_library.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  guard::PinLibrary();
  guard::binding::DefineMemoryFiles(env, exports);
  guard::binding::DefineMemoryWatch(env, exports);
  guard::binding::DefineEngineLog(env, exports);
  guard::binding::DefineLocks(env, exports);
  guard::binding::DefineGivingBack(env, exports);
  guard::binding::DefineMachine(env, exports);
  guard::binding::DefineNexa(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(nexa_memory_guard, Init)
