#include "environment.h"

#include <new>

namespace guard::binding {
namespace {

struct Environment {
  std::shared_ptr<Channel> channel;
};

// Null in an environment that ended while it was set up.
Environment* Get(napi_env env) noexcept {
  void* data = nullptr;
  return napi_get_instance_data(env, &data) == napi_ok ? static_cast<Environment*>(data) : nullptr;
}

}  // namespace

void DefineEnvironment(napi_env env) noexcept {
  auto* made = new (std::nothrow) Environment;
  const auto forget = [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); };
  if (made != nullptr && napi_set_instance_data(env, made, forget, nullptr) != napi_ok) delete made;
}

std::shared_ptr<Channel> OpenChannel(napi_env env) {
  Environment* environment = Get(env);
  if (environment == nullptr) return nullptr;
  if (environment->channel == nullptr) environment->channel = Channel::Open(env);
  return environment->channel;
}

std::shared_ptr<Channel> GetChannel(napi_env env) noexcept {
  const Environment* environment = Get(env);
  return environment != nullptr ? environment->channel : nullptr;
}

}  // namespace guard::binding
