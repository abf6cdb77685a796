// The addon with one door, that of the SDK's library: the others have nothing to do with what the sanitizer looks at.
#include <napi.h>

#include "../../../../native/binding/exports.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  guard::binding::DefineNexa(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(nexa_memory_guard, Init)
