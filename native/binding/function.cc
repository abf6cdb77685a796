#include "function.h"

namespace guard::binding {

bool GetArguments(napi_env env, napi_callback_info info, Arguments& arguments) noexcept {
  std::size_t count = Arguments::kMost;
  return napi_get_cb_info(env, info, &count, arguments.values, &arguments.self, &arguments.data) == napi_ok;
}

napi_value Throw(napi_env env, const char* sentence) noexcept {
  (void)napi_throw_error(env, nullptr, sentence);
  return nullptr;
}

napi_value ThrowNoMemory(napi_env env) noexcept { return Throw(env, "There is no memory left for this call."); }

void DefineFunction(napi_env env, napi_value object, const char* name, napi_callback callback, void* data) noexcept {
  napi_value function = nullptr;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, data, &function) == napi_ok) {
    (void)napi_set_named_property(env, object, name, function);
  }
}

}  // namespace guard::binding
