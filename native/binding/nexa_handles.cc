#include "nexa_handles.h"

#include <optional>
#include <string>
#include <utility>

#include "../nexa/library_log.h"
#include "../nexa/threads.h"
#include "nexa_values.h"

namespace guard::binding {

using namespace guard::nexa;

namespace {

void CallListener(napi_env env, napi_ref listener, int level, const std::string& text) {
  napi_value function;
  napi_value self;
  if (listener == nullptr || napi_get_reference_value(env, listener, &function) != napi_ok || function == nullptr ||
      napi_get_undefined(env, &self) != napi_ok) {
    return;
  }
  napi_value values[] = {MakeNumber(env, level), MakeText(env, text)};
  if (values[0] != nullptr && values[1] != nullptr) (void)napi_call_function(env, self, function, 2, values, nullptr);
}

// Releasing a library may wait for the load of another one, so it is done on the environment's thread only if there is no
// other.
void ReleaseInBackground(std::shared_ptr<Library> library, std::function<void()> then) {
  const auto held = std::make_shared<std::shared_ptr<Library>>(std::move(library));
  const auto act = [held, then = std::move(then)] {
    held->reset();
    then();
  };
  if (!StartThread(act)) act();
}

}  // namespace

LogListener::LogListener(std::shared_ptr<Channel> channel, napi_ref listener)
    : channel_(std::move(channel)), listener_(std::make_shared<napi_ref>(listener)) {
  id_ = AddLogSink([channel = channel_, reference = listener_](int level, std::string text) {
    channel->Post([reference, level, text = std::move(text)](napi_env env) { CallListener(env, *reference, level, text); });
  });
}

LogListener::~LogListener() {
  RemoveLogSink(id_);
  try {
    channel_->Post([reference = listener_](napi_env env) {
      if (*reference != nullptr) (void)napi_delete_reference(env, std::exchange(*reference, nullptr));
    });
  } catch (...) {
  }
}

LibraryHandle::~LibraryHandle() {
  Release([] {});
}

void LibraryHandle::Release(std::function<void()> then) {
  listener = nullptr;
  if (library == nullptr) return then();
  ReleaseInBackground(std::exchange(library, nullptr), std::move(then));
}

ModelHandle::~ModelHandle() {
  session->Stop();
  session->Close([](std::optional<Failure>) {});
}

bool ReadLibrary(napi_env env, napi_value value, std::shared_ptr<LibraryHandle>& handle) {
  return ReadHandle(env, value, "library", kLibraryTag, handle);
}

bool ReadModel(napi_env env, napi_value value, std::shared_ptr<ModelHandle>& handle) {
  return ReadHandle(env, value, "model", kModelTag, handle);
}

}  // namespace guard::binding
