// From any thread to the JavaScript of one environment: promises that are settled and listeners that are told, in order.
// It speaks N-API's C interface, whose calls fail with a status where an environment is being terminated.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace guard::binding {

class Channel : public std::enable_shared_from_this<Channel> {
 public:
  // Runs on the environment's own thread with a handle scope.
  using Event = std::function<void(napi_env)>;
  // Null where it could not be made: then nobody hears the answer.
  using Make = std::function<napi_value(napi_env)>;

  // The environment's own; null where it can't have one. On its thread.
  static std::shared_ptr<Channel> Open(napi_env env);

  // Any thread. False once the environment is gone; the event is dropped then.
  bool Post(Event event);

  // The next four belong together: a promise, kept with everything that the work behind it needs until it is settled. While
  // there is one, the process lives. `listener` may be null. On the environment's thread.
  napi_value Begin(napi_env env, napi_value listener, std::shared_ptr<void> keeps, std::uint64_t& id);
  // Any thread.
  void Resolve(std::uint64_t id, Make make);
  void Reject(std::uint64_t id, Make make);
  // Calls the listener with a Buffer.
  void Tell(std::uint64_t id, std::string bytes);

  // Lets nothing through any more and forgets what it kept. On the environment's thread.
  void Close() noexcept;

 private:
  struct Operation {
    napi_deferred deferred;
    napi_ref listener;
    std::shared_ptr<void> keeps;
  };

  static void Drain(napi_env env, napi_value, void* context, void*) noexcept;
  static void OnCleanup(void* channel) noexcept;
  void Settle(std::uint64_t id, bool rejects, Make make);
  void Finish(napi_env env, std::uint64_t id, bool rejects, const Make& make);

  std::mutex mutex_;
  // Under the lock, also while it is called: after `Close` it must not be touched.
  napi_threadsafe_function function_ = nullptr;
  bool open_ = true;
  bool woken_ = false;
  std::vector<Event> events_;
  // On the environment's thread alone.
  std::map<std::uint64_t, Operation> operations_;
  std::uint64_t next_ = 1;
};

}  // namespace guard::binding
