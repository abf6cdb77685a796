// The addon's entry: one line for each topic.
#include <node_api.h>

#include "../pin_library.h"
#include "environment.h"
#include "exports.h"

NAPI_MODULE_INIT() {
  guard::PinLibrary();
  guard::binding::DefineEnvironment(env);
  guard::binding::DefineMemoryFiles(env, exports);
  guard::binding::DefineMemoryWatch(env, exports);
  guard::binding::DefineLoadMeter(env, exports);
  guard::binding::DefineSystemMemory(env, exports);
  guard::binding::DefineMemoryPressure(env, exports);
  guard::binding::DefineReleaseMemory(env, exports);
  guard::binding::DefineFileLock(env, exports);
  guard::binding::DefineThreadPool(env, exports);
  guard::binding::DefineLifeline(env, exports);
  guard::binding::DefineProcessMemory(env, exports);
  guard::binding::DefineEngineLibrary(env, exports);
  guard::binding::DefineNexa(env, exports);
  return exports;
}
