// The SDK's library: checks what JavaScript hands in, starts the work and turns its answers into values.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../nexa/library.h"
#include "../nexa_os.h"
#include "../nexa/session.h"
#include "../nexa/shutdown.h"
#include "../nexa/threads.h"
#include "channel.h"
#include "nexa_handles.h"
#include "nexa_options.h"
#include "nexa_values.h"
#include "exports.h"

namespace guard::binding {
namespace {

using namespace guard::nexa;

// The functions of one environment. Its channel is opened by the first of them: most programs never need it.
class Room {
 public:
  static Napi::Object Define(Napi::Env env) {
    const auto room = std::make_shared<Room>();
    Napi::Object nexa = Napi::Object::New(env);
    const auto define = [&](const char* name, Napi::Value (Room::*method)(const Napi::CallbackInfo&)) {
      nexa.Set(name, Napi::Function::New(
                         env, [room, method](const Napi::CallbackInfo& info) { return room->Call(method, info); }, name));
    };
    define("open", &Room::Open);
    define("close", &Room::Close);
    define("plugins", &Room::Plugins);
    define("devices", &Room::Devices);
    define("load", &Room::Load);
    define("generate", &Room::Generate);
    define("stop", &Room::Stop);
    define("format", &Room::Format);
    define("reset", &Room::Reset);
    define("saveKvCache", &Room::SaveKvCache);
    define("loadKvCache", &Room::LoadKvCache);
    define("destroy", &Room::Destroy);
    define("leave", &Room::Leave);
    return nexa;
  }

 private:
  // No exception may reach the JavaScript engine's frames.
  Napi::Value Call(Napi::Value (Room::*method)(const Napi::CallbackInfo&), const Napi::CallbackInfo& info) {
    try {
      return (this->*method)(info);
    } catch (...) {
      Napi::Error::New(info.Env(), "There is no memory left for this call.").ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
  }

  // Every asynchronous function: opens the channel, begins a promise, then `start(channel, id)` or a rejection.
  template <class Start>
  Napi::Value Promise(const Napi::CallbackInfo& info, napi_value listener, std::shared_ptr<void> keeps, Start start) {
    const Napi::Env env = info.Env();
    if (channel_ == nullptr) channel_ = Channel::Open(env);
    std::uint64_t id = 0;
    napi_value promise = channel_ != nullptr ? channel_->Begin(env, listener, std::move(keeps), id) : nullptr;
    if (promise == nullptr) {
      Napi::Error::New(env, "This environment is ending.").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    try {
      start(channel_, id);
    } catch (...) {
      channel_->Reject(id, Failed(Refused("no-memory")));
    }
    return Napi::Value(env, promise);
  }

  // The same for work on a thread of its own: `work` gives the value or the failure.
  template <class Work>
  Napi::Value InBackground(const Napi::CallbackInfo& info, Work work) {
    return Promise(info, nullptr, nullptr, [&work](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
      const bool started = StartThread([channel, id, work = std::move(work)]() mutable {
        try {
          work(channel, id);
        } catch (...) {
          channel->Reject(id, Failed(Refused("no-memory")));
        }
        // What it holds goes with the thread.
      });
      if (!started) channel->Reject(id, Failed(Refused("no-thread")));
    });
  }

  template <class Call>
  Napi::Value OnSession(const Napi::CallbackInfo& info, Call call) {
    const auto handle = HandleIn<ModelHandle>(info, 0, kModelTag);
    return Promise(info, nullptr, handle, [&](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
      if (handle == nullptr) return channel->Reject(id, Failed(Refused("no-model")));
      call(*handle->session, channel, id);
    });
  }

  // `open(path, layout?, onLog?)`: `{ library, version, layout }`.
  Napi::Value Open(const Napi::CallbackInfo& info) {
    const std::optional<Layout> forced = LayoutNamed(TextIn(info, 1));
    // Before the library is opened: it has much to say then.
    auto ear = EarFor(info, 2);
    return InBackground(info, [path = TextIn(info, 0), forced, ear = std::move(ear)](
                                  const std::shared_ptr<Channel>& channel, std::uint64_t id) mutable {
      Library::Opened opened = Library::Open(path, forced);
      const auto handle = std::make_shared<LibraryHandle>();
      handle->ear = std::move(ear);
      handle->library = std::move(opened.library);
      if (handle->library == nullptr) return channel->Reject(id, Failed(std::move(opened.failure)));
      channel->Resolve(id, [handle](napi_env env) {
        return ObjectMaker(env)
            .Set("library", ExternalOf(env, handle, kLibraryTag))
            .Set("version", handle->library->Version())
            .Set("layout", std::string(NameOf(handle->library->UsedLayout())))
            .Value();
      });
    });
  }

  // Null where nobody listens.
  std::shared_ptr<LogEar> EarFor(const Napi::CallbackInfo& info, std::size_t index) {
    napi_value listener = ListenerIn(info, index);
    if (channel_ == nullptr) channel_ = Channel::Open(info.Env());
    napi_ref reference = nullptr;
    if (listener == nullptr || channel_ == nullptr ||
        napi_create_reference(info.Env(), listener, 1, &reference) != napi_ok) {
      return nullptr;
    }
    return std::make_shared<LogEar>(channel_, reference);
  }

  Napi::Value Close(const Napi::CallbackInfo& info) {
    const auto handle = HandleIn<LibraryHandle>(info, 0, kLibraryTag);
    return Promise(info, nullptr, nullptr, [&](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
      if (handle == nullptr) return channel->Reject(id, Failed(Refused("no-library")));
      handle->Release([channel, id] { channel->Resolve(id, Nothing); });
    });
  }

  Napi::Value Plugins(const Napi::CallbackInfo& info) {
    return InBackground(info, [library = LibraryIn(info)](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
      if (library == nullptr) return channel->Reject(id, Failed(Refused("no-library")));
      std::vector<std::string> plugins;
      if (auto failure = library->Plugins(plugins)) return channel->Reject(id, Failed(std::move(*failure)));
      channel->Resolve(id, [plugins = std::move(plugins)](napi_env env) {
        napi_value list = nullptr;
        napi_create_array(env, &list);
        std::uint32_t at = 0;
        for (const std::string& plugin : plugins) napi_set_element(env, list, at++, TextOf(env, plugin));
        return list;
      });
    });
  }

  Napi::Value Devices(const Napi::CallbackInfo& info) {
    return InBackground(info, [library = LibraryIn(info), plugin = TextIn(info, 1)](const std::shared_ptr<Channel>& channel,
                                                                                    std::uint64_t id) {
      if (library == nullptr) return channel->Reject(id, Failed(Refused("no-library")));
      std::vector<Device> devices;
      if (auto failure = library->Devices(plugin, devices)) return channel->Reject(id, Failed(std::move(*failure)));
      channel->Resolve(id, [devices = std::move(devices)](napi_env env) {
        napi_value list = nullptr;
        napi_create_array(env, &list);
        std::uint32_t at = 0;
        for (const Device& device : devices) {
          napi_set_element(env, list, at++, ObjectMaker(env).Set("id", device.id).Set("name", device.name).Value());
        }
        return list;
      });
    });
  }

  static std::shared_ptr<Library> LibraryIn(const Napi::CallbackInfo& info) {
    const auto handle = HandleIn<LibraryHandle>(info, 0, kLibraryTag);
    return handle != nullptr ? handle->library : nullptr;
  }

  // `load(library, spec)`: `{ model, vision, audio, asked }`.
  Napi::Value Load(const Napi::CallbackInfo& info) {
    auto library = LibraryIn(info);
    LoadSpec spec = LoadSpecOf(OptionsIn(info, 1));
    return Promise(info, nullptr, nullptr, [&](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
      if (library == nullptr) return channel->Reject(id, Failed(Refused("no-library")));
      Session::Start(std::move(library), std::move(spec),
                     [channel, id](std::shared_ptr<Session> session, Abilities abilities, Failure failure) {
                       if (session == nullptr) return channel->Reject(id, Failed(std::move(failure)));
                       const std::shared_ptr<ModelHandle> handle(new ModelHandle{std::move(session)});
                       channel->Resolve(id, [handle, abilities](napi_env env) {
                         return ObjectMaker(env)
                             .Set("model", ExternalOf(env, handle, kModelTag))
                             .Set("vision", FlagOf(env, abilities.vision))
                             .Set("audio", FlagOf(env, abilities.audio))
                             .Set("asked", FlagOf(env, abilities.known))
                             .Value();
                       });
                     });
    });
  }

  // `generate(model, spec, onBytes)`
  Napi::Value Generate(const Napi::CallbackInfo& info) {
    const auto handle = HandleIn<ModelHandle>(info, 0, kModelTag);
    GenerateSpec spec = GenerateSpecOf(OptionsIn(info, 1));
    return Promise(info, ListenerIn(info, 2), handle, [&](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
      if (handle == nullptr) return channel->Reject(id, Failed(Refused("no-model")));
      handle->session->Generate(
          std::move(spec), [channel, id](std::string bytes) { channel->Tell(id, std::move(bytes)); },
          [channel, id](std::optional<Failure> failure, Generated result) {
            if (failure) return channel->Reject(id, Failed(std::move(*failure)));
            channel->Resolve(id, [result = std::move(result)](napi_env env) { return GeneratedOf(env, result); });
          });
    });
  }

  Napi::Value Stop(const Napi::CallbackInfo& info) {
    const auto handle = HandleIn<ModelHandle>(info, 0, kModelTag);
    if (handle != nullptr) handle->session->Stop();
    return info.Env().Undefined();
  }

  // `format(model, chat)`: a Buffer, since it need not be valid UTF-8.
  Napi::Value Format(const Napi::CallbackInfo& info) {
    Chat chat = ChatOf(OptionsIn(info, 1));
    return OnSession(info, [&chat](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
      session.Format(std::move(chat), [channel, id](std::optional<Failure> failure, std::string text) {
        if (failure) return channel->Reject(id, Failed(std::move(*failure)));
        channel->Resolve(id, [text = std::move(text)](napi_env env) {
          napi_value buffer = nullptr;
          napi_create_buffer_copy(env, text.size(), text.data(), nullptr, &buffer);
          return buffer;
        });
      });
    });
  }

  Napi::Value Reset(const Napi::CallbackInfo& info) {
    return OnSession(info, [](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
      session.Reset(Answering(channel, id));
    });
  }

  Napi::Value SaveKvCache(const Napi::CallbackInfo& info) {
    return OnSession(info, [&info](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
      session.SaveKvCache(TextIn(info, 1), Answering(channel, id));
    });
  }

  Napi::Value LoadKvCache(const Napi::CallbackInfo& info) {
    return OnSession(info, [&info](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
      session.LoadKvCache(TextIn(info, 1), Answering(channel, id));
    });
  }

  Napi::Value Destroy(const Napi::CallbackInfo& info) {
    return OnSession(info, [](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
      session.Close(Answering(channel, id));
    });
  }

  // `leave(code)`: the process ends. Nothing reaches this environment from then on.
  Napi::Value Leave(const Napi::CallbackInfo& info) {
    BeginShutdown(info.Length() > 0 && info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 0);
    if (channel_ != nullptr) channel_->Close();
    return info.Env().Undefined();
  }

  std::shared_ptr<Channel> channel_;
};

}  // namespace

void DefineNexa(Napi::Env env, Napi::Object exports) {
  if (os::LibrariesSupported()) exports.Set("nexa", Room::Define(env));
}

}  // namespace guard::binding
