// What JavaScript holds of a library and of a model: externals, which it can hand back and nothing else.
#pragma once

#include <napi.h>

#include <cstddef>
#include <functional>
#include <memory>

#include "../nexa/library.h"
#include "../nexa/session.h"
#include "channel.h"

namespace guard::binding {

// Hears the log for one listener of one environment.
class LogEar {
 public:
  LogEar(std::shared_ptr<Channel> channel, napi_ref listener);
  // Any thread; the listener is let go on its own.
  ~LogEar();
  LogEar(const LogEar&) = delete;
  LogEar& operator=(const LogEar&) = delete;

 private:
  std::shared_ptr<Channel> channel_;
  // On the environment's thread alone; null once it was let go.
  std::shared_ptr<napi_ref> listener_;
  int id_;
};

struct LibraryHandle {
  std::shared_ptr<nexa::Library> library;
  std::shared_ptr<LogEar> ear;

  ~LibraryHandle();
  // `then` is called on any thread.
  void Release(std::function<void()> then);
};

// A model that nobody can reach any more, since it was collected or its environment is gone, is stopped and destroyed.
struct ModelHandle {
  std::shared_ptr<nexa::Session> session;

  ~ModelHandle();
};

inline constexpr napi_type_tag kLibraryTag = {0x6e65786167756172, 0x646c696272617279};
inline constexpr napi_type_tag kModelTag = {0x6e65786167756172, 0x646d6f64656c0000};

template <class Handle>
napi_value ExternalOf(napi_env env, const std::shared_ptr<Handle>& handle, const napi_type_tag& tag) {
  auto* held = new std::shared_ptr<Handle>(handle);
  const auto forget = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Handle>*>(data); };
  napi_value external;
  if (napi_create_external(env, held, forget, nullptr, &external) != napi_ok) {
    delete held;
    return nullptr;
  }
  napi_type_tag_object(env, external, &tag);
  return external;
}

template <class Handle>
std::shared_ptr<Handle> HandleIn(const Napi::CallbackInfo& info, std::size_t index, const napi_type_tag& tag) {
  bool ours = false;
  void* data = nullptr;
  if (index >= info.Length() || !info[index].IsExternal() ||
      napi_check_object_type_tag(info.Env(), info[index], &tag, &ours) != napi_ok || !ours ||
      napi_get_value_external(info.Env(), info[index], &data) != napi_ok) {
    return nullptr;
  }
  return *static_cast<std::shared_ptr<Handle>*>(data);
}

}  // namespace guard::binding
