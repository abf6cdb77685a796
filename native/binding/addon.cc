// The addon's entry: one line for each topic.
#include <napi.h>

#include "../pin_library.h"
#include "exports.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  guard::PinLibrary();
  guard::binding::DefineMemoryFiles(env, exports);
  guard::binding::DefineMemoryWatch(env, exports);
  guard::binding::DefineSystemMemory(env, exports);
  guard::binding::DefineMemoryPressure(env, exports);
  guard::binding::DefineReleaseMemory(env, exports);
  guard::binding::DefineFileLock(env, exports);
  guard::binding::DefineEngineOutput(env, exports);
  guard::binding::DefineNexa(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(nexa_memory_guard, Init)
