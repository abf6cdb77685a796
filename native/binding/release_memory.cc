// Returns memory to the system for JavaScript, on threads of the pool of libuv.
#include "../release_memory.h"

#include <memory>
#include <string>
#include <utility>

#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_value.h"

namespace guard::binding {
namespace {

// One release, from its call to the end of its promise.
struct Release {
  bool (*act)(const std::string& path) noexcept;
  std::string path;
  bool done = false;
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
};

void Execute(napi_env, void* data) {
  auto* release = static_cast<Release*>(data);
  release->done = release->act(release->path);
}

void Complete(napi_env env, napi_status, void* data) {
  const std::unique_ptr<Release> release(static_cast<Release*>(data));
  const napi_value done = MakeFlag(env, release->done);
  // If it fails, the environment is being terminated, and nobody waits for it any more.
  if (done != nullptr) (void)napi_resolve_deferred(env, release->deferred, done);
  (void)napi_delete_async_work(env, release->work);
}

// A promise of whether `act` did it.
napi_value Begin(napi_env env, bool (*act)(const std::string& path) noexcept, std::string path) {
  auto release = std::make_unique<Release>();
  release->act = act;
  release->path = std::move(path);
  napi_value promise = nullptr;
  const napi_value name = MakeText(env, "nexa-memory-guard");
  if (name == nullptr ||
      napi_create_async_work(env, nullptr, name, Execute, Complete, release.get(), &release->work) != napi_ok) {
    return Throw(env, "This environment is ending.");
  }
  if (napi_create_promise(env, &release->deferred, &promise) != napi_ok ||
      napi_queue_async_work(env, release->work) != napi_ok) {
    (void)napi_delete_async_work(env, release->work);
    return Throw(env, "This environment is ending.");
  }
  // It is destroyed when the work completes.
  (void)release.release();
  return promise;
}

napi_value Trim(napi_env env, const Arguments&) {
  return Begin(env, [](const std::string&) noexcept { return guard::TrimHeap(); }, {});
}

napi_value Drop(napi_env env, const Arguments& arguments) {
  std::string path;
  if (!ReadPath(env, arguments[0], "path", path)) return nullptr;
  return Begin(
      env, [](const std::string& file) noexcept { return guard::DropPageCache(file.c_str()); }, std::move(path));
}

}  // namespace

// `trimHeap(): Promise<boolean>` and `dropPageCache(path): Promise<boolean>`.
void DefineReleaseMemory(napi_env env, napi_value exports) noexcept {
  DefineFunction(env, exports, "trimHeap", Enter<Trim>);
  DefineFunction(env, exports, "dropPageCache", Enter<Drop>);
}

}  // namespace guard::binding
