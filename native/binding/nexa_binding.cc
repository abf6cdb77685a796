// What the binding to the SDK's library consists of, and the end of the process.
#include "nexa_binding.h"

#include "../nexa/shutdown.h"
#include "../nexa_os.h"
#include "environment.h"
#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_value.h"

namespace guard::binding {
namespace {

// `leave(code)`: the process ends. Nothing reaches this environment from then on.
napi_value Leave(napi_env env, const Arguments& arguments) {
  std::int32_t code = 0;
  if (!ReadInteger(env, arguments[0], "code", code)) return nullptr;
  nexa::BeginShutdown(code);
  if (const auto channel = GetChannel(env)) channel->Close();
  return nullptr;
}

}  // namespace

// `nexa`, see `NexaBinding` in src/addon/nexa-binding.ts.
void DefineNexa(napi_env env, napi_value exports) noexcept {
  if (!nexa::os::LibrariesSupported()) return;
  const napi_value nexa = ObjectMaker(env).Value();
  DefineNexaLibrary(env, nexa);
  DefineNexaModel(env, nexa);
  DefineFunction(env, nexa, "leave", Enter<Leave>);
  (void)napi_set_named_property(env, exports, "nexa", nexa);
}

}  // namespace guard::binding
