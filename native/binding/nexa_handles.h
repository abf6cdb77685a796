// What JavaScript has of a library and of a model: externals, which it can only hand back.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <functional>
#include <memory>

#include "../nexa/library.h"
#include "../nexa/session.h"
#include "channel.h"
#include "read_value.h"

namespace guard::binding {

// Calls one listener of one environment with what libraries log.
class LogListener {
 public:
  LogListener(std::shared_ptr<Channel> channel, napi_ref listener);
  // Any thread may destroy it; the reference to the listener is deleted on the environment's thread.
  ~LogListener();
  LogListener(const LogListener&) = delete;
  LogListener& operator=(const LogListener&) = delete;

 private:
  std::shared_ptr<Channel> channel_;
  // Belongs to the environment's thread alone; null once it was deleted.
  std::shared_ptr<napi_ref> listener_;
  int id_;
};

struct LibraryHandle {
  std::shared_ptr<nexa::Library> library;
  std::shared_ptr<LogListener> listener;

  ~LibraryHandle();
  // Calls `then` on any thread.
  void Release(std::function<void()> then);
};

// If nobody can reach a model any more, because it was collected or its environment is gone, it is stopped and destroyed.
struct ModelHandle {
  std::shared_ptr<nexa::Session> session;

  ~ModelHandle();
};

inline constexpr napi_type_tag kLibraryTag = {0x6e65786167756172, 0x646c696272617279};
inline constexpr napi_type_tag kModelTag = {0x6e65786167756172, 0x646d6f64656c0000};

// Null if the environment is being terminated.
template <class Handle>
napi_value WrapHandle(napi_env env, const std::shared_ptr<Handle>& handle, const napi_type_tag& tag) {
  auto* held = new std::shared_ptr<Handle>(handle);
  const auto forget = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Handle>*>(data); };
  napi_value external;
  if (napi_create_external(env, held, forget, nullptr, &external) != napi_ok) {
    delete held;
    return nullptr;
  }
  // Without its tag nobody could hand it back.
  return napi_type_tag_object(env, external, &tag) == napi_ok ? external : nullptr;
}

// Reads a handle that `WrapHandle` made. Returns false as read_value.h says.
template <class Handle>
bool ReadHandle(napi_env env, napi_value value, const char* name, const napi_type_tag& tag,
                std::shared_ptr<Handle>& handle) {
  napi_valuetype type;
  bool ours = false;
  void* data = nullptr;
  if (value == nullptr || napi_typeof(env, value, &type) != napi_ok || type != napi_external ||
      napi_check_object_type_tag(env, value, &tag, &ours) != napi_ok || !ours ||
      napi_get_value_external(env, value, &data) != napi_ok) {
    return Refuse(env, value, name, "a handle that the addon gave for it");
  }
  handle = *static_cast<std::shared_ptr<Handle>*>(data);
  return true;
}

bool ReadLibrary(napi_env env, napi_value value, std::shared_ptr<LibraryHandle>& handle);
bool ReadModel(napi_env env, napi_value value, std::shared_ptr<ModelHandle>& handle);

}  // namespace guard::binding
