// Leads from any thread to the JavaScript of one environment: promises that are settled and listeners that are called, in
// order. It speaks N-API's C interface, whose calls fail with a status if an environment is being terminated.
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
  // Makes a value on that thread. Null if it could not be made; then the promise is not settled.
  using Make = std::function<napi_value(napi_env)>;

  // Opens the channel of an environment, on its thread. Null if the environment cannot have one.
  static std::shared_ptr<Channel> Open(napi_env env);

  // Any thread may call it. False if the environment is gone; the event is dropped then.
  bool Post(Event event);

  // The next four belong together. `Begin` makes a promise on the environment's thread, and keeps everything that the work
  // behind it needs until it is settled. While there is a promise, the process lives. `listener` may be null.
  napi_value Begin(napi_env env, napi_value listener, std::shared_ptr<void> keeps, std::uint64_t& id);
  // Any thread may call the other three.
  void Resolve(std::uint64_t id, Make make);
  void Reject(std::uint64_t id, Make make);
  // Calls the listener with a Buffer.
  void Tell(std::uint64_t id, std::string bytes);

  // Drops everything from now on, and releases what it kept. To be called on the environment's thread.
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

  // Guards the next four. It is held while the function is called, because the function must not be called after `Close`.
  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
  bool open_ = true;
  bool woken_ = false;
  std::vector<Event> events_;
  // The next two belong to the environment's thread alone.
  std::map<std::uint64_t, Operation> operations_;
  std::uint64_t next_ = 1;
};

}  // namespace guard::binding
