// Lets JavaScript hold the threads of libuv's pool back for the time of one call: work that is begun meanwhile starts only
// after that. An engine notes that its work runs after it has begun it, and must not be overtaken.
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_value.h"

namespace guard::binding {
namespace {

// A thread is held no longer, whatever becomes of the one who holds it.
constexpr std::chrono::seconds kLongest{1};
// More threads than a pool has.
constexpr std::int32_t kMostThreads = 1024;

// What the threads of one hold wait for.
struct Gate {
  std::mutex mutex;
  std::condition_variable opened;
  bool open = false;
};

// One thread of a hold.
struct Held {
  std::shared_ptr<Gate> gate;
  napi_async_work work = nullptr;
};

void Wait(napi_env, void* data) {
  Gate& gate = *static_cast<Held*>(data)->gate;
  std::unique_lock<std::mutex> lock(gate.mutex);
  (void)gate.opened.wait_for(lock, kLongest, [&gate] { return gate.open; });
}

void Forget(napi_env env, napi_status, void* data) {
  const std::unique_ptr<Held> held(static_cast<Held*>(data));
  (void)napi_delete_async_work(env, held->work);
}

bool HoldOne(napi_env env, const std::shared_ptr<Gate>& gate) {
  auto held = std::make_unique<Held>(Held{gate});
  const napi_value name = MakeText(env, "nexa-memory-guard");
  if (name == nullptr || napi_create_async_work(env, nullptr, name, Wait, Forget, held.get(), &held->work) != napi_ok) {
    return false;
  }
  if (napi_queue_async_work(env, held->work) != napi_ok) {
    (void)napi_delete_async_work(env, held->work);
    return false;
  }
  // It is destroyed when its thread goes on.
  (void)held.release();
  return true;
}

void Open(Gate& gate) {
  {
    const std::lock_guard<std::mutex> lock(gate.mutex);
    gate.open = true;
  }
  gate.opened.notify_all();
}

// `new ThreadPoolHold(threads)`, until `release()` or the end of its object.
class ThreadPoolHold {
 public:
  static std::unique_ptr<ThreadPoolHold> Make(napi_env env, const Arguments& arguments) {
    std::int32_t threads = 0;
    if (!ReadInteger(env, arguments[0], "threads", threads)) return nullptr;
    auto hold = std::make_unique<ThreadPoolHold>();
    for (std::int32_t held = 0; held < threads && held < kMostThreads; ++held) {
      if (!HoldOne(env, hold->gate_)) break;
    }
    return hold;
  }

  ~ThreadPoolHold() { Open(*gate_); }

  napi_value Release(napi_env, const Arguments&) {
    Open(*gate_);
    return nullptr;
  }

 private:
  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

}  // namespace

// `ThreadPoolHold`; its type is in src/addon/addon.ts.
void DefineThreadPool(napi_env env, napi_value exports) noexcept {
  using Class = WrappedClass<ThreadPoolHold>;
  Class::Define<ThreadPoolHold::Make>(env, exports, "ThreadPoolHold",
                                      {Class::DescribeMethod<&ThreadPoolHold::Release>("release")});
}

}  // namespace guard::binding
