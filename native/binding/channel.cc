// Each environment has one thread-safe function, which is never released: Node closes it with the environment, and a
// release that comes later than that aborts the process (nodejs/node#65100). It is unreferenced while there is no promise.
#include "channel.h"

#include <utility>

namespace guard::binding {
namespace {

constexpr std::size_t kUnlimited = 0;

}  // namespace

std::shared_ptr<Channel> Channel::Open(napi_env env) {
  auto channel = std::make_shared<Channel>();
  napi_value name;
  if (napi_create_string_utf8(env, "nexa-memory-guard", NAPI_AUTO_LENGTH, &name) != napi_ok) return nullptr;
  auto* kept = new std::shared_ptr<Channel>(channel);
  const auto forget = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Channel>*>(data); };
  napi_threadsafe_function function;
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, kUnlimited, 1, kept, forget, channel.get(), Drain,
                                      &function) != napi_ok) {
    delete kept;
    return nullptr;
  }
  // The two below fail only without an environment.
  (void)napi_unref_threadsafe_function(env, function);
  channel->function_ = function;
  // Added after the function, so that it runs before Node's own hook for the function.
  (void)napi_add_env_cleanup_hook(env, OnCleanup, new std::shared_ptr<Channel>(channel));
  return channel;
}

void Channel::OnCleanup(void* data) noexcept {
  auto* channel = static_cast<std::shared_ptr<Channel>*>(data);
  (*channel)->Close();
  delete channel;
}

void Channel::Close() noexcept {
  std::vector<Event> events;
  std::map<std::uint64_t, Operation> operations;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = false;
    events.swap(events_);
    operations.swap(operations_);
  }
  // What they kept is destroyed here, outside the lock.
}

bool Channel::Post(Event event) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!open_) return false;
  events_.push_back(std::move(event));
  if (!woken_) woken_ = napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking) == napi_ok;
  return true;
}

void Channel::Drain(napi_env env, napi_value, void* context, void*) noexcept {
  if (env == nullptr) return;
  const auto channel = static_cast<Channel*>(context)->shared_from_this();
  std::vector<Event> events;
  {
    const std::lock_guard<std::mutex> lock(channel->mutex_);
    channel->woken_ = false;
    events.swap(channel->events_);
  }
  for (Event& event : events) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return;
    try {
      event(env);
    } catch (...) {
    }
    event = nullptr;
    bool thrown = false;
    napi_value error;
    if (napi_is_exception_pending(env, &thrown) == napi_ok && thrown &&
        napi_get_and_clear_last_exception(env, &error) == napi_ok) {
      (void)napi_fatal_exception(env, error);
    }
    (void)napi_close_handle_scope(env, scope);
  }
}

napi_value Channel::Begin(napi_env env, napi_value listener, std::shared_ptr<void> keeps, std::uint64_t& id) {
  Operation operation{nullptr, nullptr, std::move(keeps)};
  if (listener != nullptr && napi_create_reference(env, listener, 1, &operation.listener) != napi_ok) return nullptr;
  napi_value promise;
  if (napi_create_promise(env, &operation.deferred, &promise) != napi_ok) {
    if (operation.listener != nullptr) (void)napi_delete_reference(env, operation.listener);
    return nullptr;
  }
  id = next_++;
  if (operations_.empty()) (void)napi_ref_threadsafe_function(env, function_);
  operations_.emplace(id, std::move(operation));
  return promise;
}

void Channel::Resolve(std::uint64_t id, Make make) { Settle(id, false, std::move(make)); }

void Channel::Reject(std::uint64_t id, Make make) { Settle(id, true, std::move(make)); }

void Channel::Settle(std::uint64_t id, bool rejects, Make make) {
  Post([this, id, rejects, make = std::move(make)](napi_env env) { Finish(env, id, rejects, make); });
}

void Channel::Finish(napi_env env, std::uint64_t id, bool rejects, const Make& make) {
  const auto found = operations_.find(id);
  if (found == operations_.end()) return;
  const Operation operation = std::move(found->second);
  operations_.erase(found);
  if (operations_.empty()) (void)napi_unref_threadsafe_function(env, function_);
  if (operation.listener != nullptr) (void)napi_delete_reference(env, operation.listener);
  napi_value value = make(env);
  if (value == nullptr) return;
  if (rejects) {
    (void)napi_reject_deferred(env, operation.deferred, value);
  } else {
    (void)napi_resolve_deferred(env, operation.deferred, value);
  }
}

void Channel::Tell(std::uint64_t id, std::string bytes) {
  Post([this, id, bytes = std::move(bytes)](napi_env env) {
    const auto found = operations_.find(id);
    if (found == operations_.end() || found->second.listener == nullptr) return;
    napi_value listener;
    napi_value self;
    napi_value buffer;
    if (napi_get_reference_value(env, found->second.listener, &listener) != napi_ok || listener == nullptr ||
        napi_get_undefined(env, &self) != napi_ok ||
        napi_create_buffer_copy(env, bytes.size(), bytes.data(), nullptr, &buffer) != napi_ok) {
      return;
    }
    (void)napi_call_function(env, self, listener, 1, &buffer, nullptr);
  });
}

}  // namespace guard::binding
