// The part of the binding that is about a library: opening, listing and closing.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../nexa/library.h"
#include "begin_promise.h"
#include "nexa_binding.h"
#include "nexa_options.h"

namespace guard::binding {

using namespace guard::nexa;

namespace {

// A list of `make(env, item)` for each item.
template <class Item, class MakeItem>
Channel::Make MakerOfList(std::vector<Item> items, MakeItem make) {
  return [items = std::move(items), make](napi_env env) {
    ListMaker list(env);
    for (const Item& item : items) list.Add(make(env, item));
    return list.Value();
  };
}

// Null if nobody listens.
std::shared_ptr<LogListener> MakeLogListener(napi_env env, napi_value listener) {
  if (IsMissing(env, listener)) return nullptr;
  auto channel = OpenChannel(env);
  napi_ref reference = nullptr;
  if (channel == nullptr || napi_create_reference(env, listener, 1, &reference) != napi_ok) return nullptr;
  return std::make_shared<LogListener>(std::move(channel), reference);
}

bool ReadLayout(napi_env env, napi_value value, std::optional<Layout>& layout) {
  if (IsMissing(env, value)) return true;
  std::string name;
  if (!ReadText(env, value, "layout", name)) return false;
  layout = ParseLayoutName(name);
  return layout || Refuse(env, value, "layout", "the name of a layout");
}

// `open(path, layout?, onLog?)`: `{ library, version, layout }`.
napi_value Open(napi_env env, const Arguments& arguments) {
  std::string path;
  std::optional<Layout> forced;
  if (!ReadPath(env, arguments[0], "path", path) || !ReadLayout(env, arguments[1], forced)) return nullptr;
  if (!IsMissing(env, arguments[2]) && !ReadFunction(env, arguments[2], "onLog")) return nullptr;
  // Before the library is opened, because it logs most of all then.
  auto listener = MakeLogListener(env, arguments[2]);
  return BeginInBackground(env, [path = std::move(path), forced, listener = std::move(listener)](
                                    const std::shared_ptr<Channel>& channel, std::uint64_t id) mutable {
    Library::Opened opened = Library::Open(path, forced);
    const auto handle = std::make_shared<LibraryHandle>();
    handle->listener = std::move(listener);
    handle->library = std::move(opened.library);
    if (handle->library == nullptr) return channel->Reject(id, FailureMaker(std::move(opened.failure)));
    channel->Resolve(id, [handle](napi_env ours) {
      return ObjectMaker(ours)
          .Set("library", WrapHandle(ours, handle, kLibraryTag))
          .Set("version", handle->library->Version())
          .Set("layout", std::string(GetLayoutName(handle->library->UsedLayout())))
          .Value();
    });
  });
}

// `close(library)`
napi_value Close(napi_env env, const Arguments& arguments) {
  std::shared_ptr<LibraryHandle> handle;
  if (!ReadLibrary(env, arguments[0], handle)) return nullptr;
  return BeginPromise(env, nullptr, nullptr, [&handle](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    handle->Release([channel, id] { channel->Resolve(id, MakeUndefined); });
  });
}

// `plugins(library)`: a list of texts.
napi_value ListPlugins(napi_env env, const Arguments& arguments) {
  std::shared_ptr<LibraryHandle> handle;
  if (!ReadLibrary(env, arguments[0], handle)) return nullptr;
  return BeginInBackground(env, [library = handle->library](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    if (library == nullptr) return channel->Reject(id, FailureMaker(MakeRefusal("no-library")));
    std::vector<std::string> plugins;
    if (auto failure = library->ListPlugins(plugins)) return channel->Reject(id, FailureMaker(std::move(*failure)));
    channel->Resolve(id, MakerOfList(std::move(plugins), MakeText));
  });
}

// `devices(library, pluginId)`: a list of `{ id, name }`.
napi_value ListDevices(napi_env env, const Arguments& arguments) {
  std::shared_ptr<LibraryHandle> handle;
  std::string plugin_id;
  if (!ReadLibrary(env, arguments[0], handle) || !ReadText(env, arguments[1], "pluginId", plugin_id)) return nullptr;
  return BeginInBackground(env, [library = handle->library, plugin_id = std::move(plugin_id)](
                                    const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    if (library == nullptr) return channel->Reject(id, FailureMaker(MakeRefusal("no-library")));
    std::vector<Device> devices;
    if (auto failure = library->ListDevices(plugin_id, devices)) {
      return channel->Reject(id, FailureMaker(std::move(*failure)));
    }
    channel->Resolve(id, MakerOfList(std::move(devices), [](napi_env ours, const Device& device) {
                       return ObjectMaker(ours).Set("id", device.id).Set("name", device.name).Value();
                     }));
  });
}

}  // namespace

void DefineNexaLibrary(napi_env env, napi_value nexa) noexcept {
  DefineFunction(env, nexa, "open", Enter<Open>);
  DefineFunction(env, nexa, "close", Enter<Close>);
  DefineFunction(env, nexa, "plugins", Enter<ListPlugins>);
  DefineFunction(env, nexa, "devices", Enter<ListDevices>);
}

}  // namespace guard::binding
