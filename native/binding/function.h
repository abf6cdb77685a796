// Defines the functions and classes that JavaScript calls. They are called by N-API's C interface: each of its calls
// returns a status, and fails with one while an environment is being terminated. A function that returns null then ends
// quietly.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <initializer_list>
#include <memory>

namespace guard::binding {

// What a function was called with. An argument that was not given is undefined.
struct Arguments {
  static constexpr std::size_t kMost = 8;
  napi_value self = nullptr;
  napi_value values[kMost] = {};
  // What the function was defined with.
  void* data = nullptr;

  napi_value operator[](std::size_t index) const { return values[index]; }
};

bool GetArguments(napi_env env, napi_callback_info info, Arguments& arguments) noexcept;
// Throws an error, unless an exception is pending or the environment is being terminated. Returns null.
napi_value Throw(napi_env env, const char* sentence) noexcept;
napi_value ThrowNoMemory(napi_env env) noexcept;

using Function = napi_value (*)(napi_env env, const Arguments& arguments);

// Runs a function, out of which no exception may reach the frames of the JavaScript engine.
template <Function function>
napi_value Enter(napi_env env, napi_callback_info info) noexcept {
  try {
    Arguments arguments;
    return GetArguments(env, info, arguments) ? function(env, arguments) : nullptr;
  } catch (...) {
    return ThrowNoMemory(env);
  }
}

// Adds a function to an object. Does nothing if the environment is being terminated.
void DefineFunction(napi_env env, napi_value object, const char* name, napi_callback callback,
                    void* data = nullptr) noexcept;

// A class whose objects have an object of `Wrapped`. Every environment has a class of its own, so nothing of it is shared
// between workers. JavaScript's engine lets a method be called on an object of its class only.
template <class Wrapped>
class WrappedClass {
 public:
  // Null if an exception is pending or the environment is being terminated.
  using Make = std::unique_ptr<Wrapped> (*)(napi_env env, const Arguments& arguments);
  using Method = napi_value (Wrapped::*)(napi_env env, const Arguments& arguments);

  template <Make make>
  static void Define(napi_env env, napi_value exports, const char* name,
                     std::initializer_list<napi_property_descriptor> methods) noexcept {
    napi_value made = nullptr;
    if (napi_define_class(env, name, NAPI_AUTO_LENGTH, Construct<make>, nullptr, methods.size(), methods.begin(), &made) ==
        napi_ok) {
      (void)napi_set_named_property(env, exports, name, made);
    }
  }

  template <Method method>
  static napi_property_descriptor DescribeMethod(const char* name) noexcept {
    return {name, nullptr, Call<method>, nullptr, nullptr, nullptr, napi_default_method, nullptr};
  }

 private:
  template <Make make>
  static napi_value Construct(napi_env env, napi_callback_info info) noexcept {
    try {
      napi_value target = nullptr;
      if (napi_get_new_target(env, info, &target) != napi_ok) return nullptr;
      if (target == nullptr) {
        (void)napi_throw_type_error(env, nullptr, "Expected a call with `new`, got one without it.");
        return nullptr;
      }
      Arguments arguments;
      if (!GetArguments(env, info, arguments)) return nullptr;
      std::unique_ptr<Wrapped> made = make(env, arguments);
      const auto forget = [](napi_env, void* data, void*) { delete static_cast<Wrapped*>(data); };
      if (made == nullptr || napi_wrap(env, arguments.self, made.get(), forget, nullptr, nullptr) != napi_ok) {
        return nullptr;
      }
      (void)made.release();
      return arguments.self;
    } catch (...) {
      return ThrowNoMemory(env);
    }
  }

  template <Method method>
  static napi_value Call(napi_env env, napi_callback_info info) noexcept {
    try {
      Arguments arguments;
      void* data = nullptr;
      if (!GetArguments(env, info, arguments) || napi_unwrap(env, arguments.self, &data) != napi_ok) {
        return Throw(env, "Expected an object that was made by its class, got another one.");
      }
      return (static_cast<Wrapped*>(data)->*method)(env, arguments);
    } catch (...) {
      return ThrowNoMemory(env);
    }
  }
};

}  // namespace guard::binding
