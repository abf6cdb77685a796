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

void Tell(napi_env env, napi_ref listener, int level, const std::string& text) {
  napi_value function;
  napi_value self;
  if (listener == nullptr || napi_get_reference_value(env, listener, &function) != napi_ok || function == nullptr ||
      napi_get_undefined(env, &self) != napi_ok) {
    return;
  }
  napi_value values[] = {NumberOf(env, level), TextOf(env, text)};
  if (values[0] != nullptr && values[1] != nullptr) napi_call_function(env, self, function, 2, values, nullptr);
}

// Releasing a library may wait for another one's load, so it never happens on an environment's thread.
void LetGo(std::shared_ptr<Library> library, std::function<void()> then) {
  const auto held = std::make_shared<std::shared_ptr<Library>>(std::move(library));
  const auto act = [held, then = std::move(then)] {
    held->reset();
    then();
  };
  if (!StartThread(act)) act();
}

}  // namespace

LogEar::LogEar(std::shared_ptr<Channel> channel, napi_ref listener)
    : channel_(std::move(channel)), listener_(std::make_shared<napi_ref>(listener)) {
  id_ = AddLogSink([channel = channel_, heard = listener_](int level, std::string text) {
    channel->Post([heard, level, text = std::move(text)](napi_env env) { Tell(env, *heard, level, text); });
  });
}

LogEar::~LogEar() {
  RemoveLogSink(id_);
  try {
    channel_->Post([heard = listener_](napi_env env) {
      if (*heard != nullptr) napi_delete_reference(env, std::exchange(*heard, nullptr));
    });
  } catch (...) {
  }
}

LibraryHandle::~LibraryHandle() {
  Release([] {});
}

void LibraryHandle::Release(std::function<void()> then) {
  ear = nullptr;
  if (library == nullptr) return then();
  LetGo(std::exchange(library, nullptr), std::move(then));
}

ModelHandle::~ModelHandle() {
  session->Stop();
  session->Close([](std::optional<Failure>) {});
}

}  // namespace guard::binding
