#include "make_value.h"

namespace guard::binding {

napi_value MakeText(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  return napi_create_string_utf8(env, text.data(), text.size(), &value) == napi_ok ? value : nullptr;
}

napi_value MakeNumber(napi_env env, double number) {
  napi_value value = nullptr;
  return napi_create_double(env, number, &value) == napi_ok ? value : nullptr;
}

napi_value MakeFlag(napi_env env, bool flag) {
  napi_value value = nullptr;
  return napi_get_boolean(env, flag, &value) == napi_ok ? value : nullptr;
}

napi_value MakeUndefined(napi_env env) {
  napi_value value = nullptr;
  return napi_get_undefined(env, &value) == napi_ok ? value : nullptr;
}

napi_value MakeBytes(napi_env env, const std::string& bytes) {
  napi_value buffer = nullptr;
  return napi_create_buffer_copy(env, bytes.size(), bytes.data(), nullptr, &buffer) == napi_ok ? buffer : nullptr;
}

ObjectMaker::ObjectMaker(napi_env env) : env_(env) {
  if (napi_create_object(env, &object_) != napi_ok) object_ = nullptr;
}

ObjectMaker& ObjectMaker::Set(const char* name, napi_value value) {
  // If it fails, the environment is being terminated, and nobody will look at the object.
  if (object_ != nullptr && value != nullptr) (void)napi_set_named_property(env_, object_, name, value);
  return *this;
}

ListMaker::ListMaker(napi_env env) : env_(env) {
  if (napi_create_array(env, &list_) != napi_ok) list_ = nullptr;
}

ListMaker& ListMaker::Add(napi_value value) {
  if (list_ != nullptr && value != nullptr) (void)napi_set_element(env_, list_, length_++, value);
  return *this;
}

}  // namespace guard::binding
