// The part of the binding that is about a library: opening, listing and closing.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../nexa/library.h"
#include "nexa_binding.h"
#include "nexa_options.h"

namespace guard::binding {

using namespace guard::nexa;

namespace {

std::shared_ptr<Library> GetLibrary(const Napi::CallbackInfo& info) {
  const auto handle = GetHandle<LibraryHandle>(info, 0, kLibraryTag);
  return handle != nullptr ? handle->library : nullptr;
}

// A list of `make(env, item)` for each item.
template <class Item, class MakeItem>
Channel::Make ListMaker(std::vector<Item> items, MakeItem make) {
  return [items = std::move(items), make](napi_env env) {
    napi_value list = nullptr;
    napi_create_array(env, &list);
    std::uint32_t at = 0;
    for (const Item& item : items) napi_set_element(env, list, at++, make(env, item));
    return list;
  };
}

}  // namespace

// `open(path, layout?, onLog?)`: `{ library, version, layout }`.
Napi::Value NexaBinding::Open(const Napi::CallbackInfo& info) {
  const std::optional<Layout> forced = ParseLayoutName(GetText(info, 1));
  // Before the library is opened, because it logs most of all then.
  auto listener = MakeLogListener(info, 2);
  return BeginInBackground(info, [path = GetText(info, 0), forced, listener = std::move(listener)](
                                     const std::shared_ptr<Channel>& channel, std::uint64_t id) mutable {
    Library::Opened opened = Library::Open(path, forced);
    const auto handle = std::make_shared<LibraryHandle>();
    handle->listener = std::move(listener);
    handle->library = std::move(opened.library);
    if (handle->library == nullptr) return channel->Reject(id, FailureMaker(std::move(opened.failure)));
    channel->Resolve(id, [handle](napi_env env) {
      return ObjectMaker(env)
          .Set("library", WrapHandle(env, handle, kLibraryTag))
          .Set("version", handle->library->Version())
          .Set("layout", std::string(GetLayoutName(handle->library->UsedLayout())))
          .Value();
    });
  });
}

std::shared_ptr<LogListener> NexaBinding::MakeLogListener(const Napi::CallbackInfo& info, std::size_t index) {
  napi_value listener = GetListener(info, index);
  Channel* channel = OpenChannel(info.Env());
  napi_ref reference = nullptr;
  if (listener == nullptr || channel == nullptr || napi_create_reference(info.Env(), listener, 1, &reference) != napi_ok) {
    return nullptr;
  }
  return std::make_shared<LogListener>(channel_, reference);
}

// `close(library)`
Napi::Value NexaBinding::Close(const Napi::CallbackInfo& info) {
  const auto handle = GetHandle<LibraryHandle>(info, 0, kLibraryTag);
  return BeginPromise(info, nullptr, nullptr, [&](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    if (handle == nullptr) return channel->Reject(id, FailureMaker(MakeRefusal("no-library")));
    handle->Release([channel, id] { channel->Resolve(id, MakeUndefined); });
  });
}

// `plugins(library)`: a list of texts.
Napi::Value NexaBinding::ListPlugins(const Napi::CallbackInfo& info) {
  return BeginInBackground(info, [library = GetLibrary(info)](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    if (library == nullptr) return channel->Reject(id, FailureMaker(MakeRefusal("no-library")));
    std::vector<std::string> plugins;
    if (auto failure = library->ListPlugins(plugins)) return channel->Reject(id, FailureMaker(std::move(*failure)));
    channel->Resolve(id, ListMaker(std::move(plugins), MakeText));
  });
}

// `devices(library, pluginId)`: a list of `{ id, name }`.
Napi::Value NexaBinding::ListDevices(const Napi::CallbackInfo& info) {
  return BeginInBackground(info, [library = GetLibrary(info), plugin = GetText(info, 1)](
                                     const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    if (library == nullptr) return channel->Reject(id, FailureMaker(MakeRefusal("no-library")));
    std::vector<Device> devices;
    if (auto failure = library->ListDevices(plugin, devices)) return channel->Reject(id, FailureMaker(std::move(*failure)));
    channel->Resolve(id, ListMaker(std::move(devices), [](napi_env env, const Device& device) {
                       return ObjectMaker(env).Set("id", device.id).Set("name", device.name).Value();
                     }));
  });
}

}  // namespace guard::binding
