// The SDK's library: checks what JavaScript hands in, starts the work and turns its answers into values. Handles of libraries and models are
// externals: JavaScript can hold them and hand them back, nothing else.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../nexa/library.h"
#include "../nexa/log.h"
#include "../nexa/os.h"
#include "../nexa/session.h"
#include "../nexa/shutdown.h"
#include "../nexa/threads.h"
#include "channel.h"
#include "topics.h"

namespace guard::binding {
namespace {

using namespace guard::nexa;

// Releasing a library may wait for another one's load, so it never happens on an environment's thread.
void LetGo(std::shared_ptr<Library> library, std::function<void()> then = [] {}) {
  const auto held = std::make_shared<std::shared_ptr<Library>>(std::move(library));
  const auto act = [held, then = std::move(then)] {
    held->reset();
    then();
  };
  if (!StartThread(act)) act();
}

// Hears the log for one listener of one environment.
class LogEar {
 public:
  LogEar(std::shared_ptr<Channel> channel, napi_ref listener)
      : channel_(std::move(channel)), listener_(std::make_shared<napi_ref>(listener)) {
    id_ = AddLogSink([channel = channel_, heard = listener_](int level, std::string text) {
      channel->Post([heard, level, text = std::move(text)](napi_env env) { Tell(env, *heard, level, text); });
    });
  }

  // Any thread; the listener is let go on its own.
  ~LogEar() {
    RemoveLogSink(id_);
    try {
      channel_->Post([heard = listener_](napi_env env) {
        if (*heard != nullptr) napi_delete_reference(env, std::exchange(*heard, nullptr));
      });
    } catch (...) {
    }
  }
  LogEar(const LogEar&) = delete;
  LogEar& operator=(const LogEar&) = delete;

 private:
  static void Tell(napi_env env, napi_ref listener, int level, const std::string& text);

  std::shared_ptr<Channel> channel_;
  // On the environment's thread alone; null once it was let go.
  std::shared_ptr<napi_ref> listener_;
  int id_;
};

struct LibraryHandle {
  std::shared_ptr<Library> library;
  std::shared_ptr<LogEar> ear;

  ~LibraryHandle() { Release([] {}); }

  void Release(std::function<void()> then) {
    ear = nullptr;
    if (library == nullptr) return then();
    LetGo(std::exchange(library, nullptr), std::move(then));
  }
};

// A model that nobody can reach any more, since it was collected or its environment is gone, is stopped and destroyed.
struct ModelHandle {
  std::shared_ptr<Session> session;

  ~ModelHandle() {
    session->Stop();
    session->Close([](std::optional<Failure>) {});
  }
};

constexpr napi_type_tag kLibraryTag = {0x6e65786167756172, 0x646c696272617279};
constexpr napi_type_tag kModelTag = {0x6e65786167756172, 0x646d6f64656c0000};

template <class Handle>
napi_value ExternalOf(napi_env env, const std::shared_ptr<Handle>& handle, const napi_type_tag& tag) {
  auto* held = new std::shared_ptr<Handle>(handle);
  const auto forget = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Handle>*>(data); };
  napi_value external;
  if (napi_create_external(env, held, forget, nullptr, &external) != napi_ok) {
    delete held;
    return nullptr;
  }
  napi_type_tag_object(env, external, &tag);
  return external;
}

template <class Handle>
std::shared_ptr<Handle> HandleIn(const Napi::CallbackInfo& info, std::size_t index, const napi_type_tag& tag) {
  bool ours = false;
  void* data = nullptr;
  if (index >= info.Length() || !info[index].IsExternal() ||
      napi_check_object_type_tag(info.Env(), info[index], &tag, &ours) != napi_ok || !ours ||
      napi_get_value_external(info.Env(), info[index], &data) != napi_ok) {
    return nullptr;
  }
  return *static_cast<std::shared_ptr<Handle>*>(data);
}

// Values of answers, made by calls that may fail without a trace where an environment is being terminated.

napi_value TextOf(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

napi_value NumberOf(napi_env env, double number) {
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  return value;
}

napi_value FlagOf(napi_env env, bool flag) {
  napi_value value = nullptr;
  napi_get_boolean(env, flag, &value);
  return value;
}

void LogEar::Tell(napi_env env, napi_ref listener, int level, const std::string& text) {
  napi_value function;
  napi_value self;
  if (listener == nullptr || napi_get_reference_value(env, listener, &function) != napi_ok || function == nullptr ||
      napi_get_undefined(env, &self) != napi_ok) {
    return;
  }
  napi_value values[] = {NumberOf(env, level), TextOf(env, text)};
  if (values[0] != nullptr && values[1] != nullptr) napi_call_function(env, self, function, 2, values, nullptr);
}

class ObjectMaker {
 public:
  explicit ObjectMaker(napi_env env) : env_(env) { napi_create_object(env, &object_); }

  ObjectMaker& Set(const char* name, napi_value value) {
    if (object_ != nullptr && value != nullptr) napi_set_named_property(env_, object_, name, value);
    return *this;
  }
  ObjectMaker& Set(const char* name, const std::string& text) { return Set(name, TextOf(env_, text)); }
  ObjectMaker& Set(const char* name, double number) { return Set(name, NumberOf(env_, number)); }
  ObjectMaker& Set(const char* name, std::optional<std::int64_t> number) {
    return number ? Set(name, static_cast<double>(*number)) : *this;
  }
  napi_value Value() const { return object_; }

 private:
  napi_env env_;
  napi_value object_ = nullptr;
};

Channel::Make Failed(Failure failure) {
  return [failure = std::move(failure)](napi_env env) {
    return ObjectMaker(env)
        .Set("call", failure.call)
        .Set("code", static_cast<double>(failure.code))
        .Set("text", failure.text)
        .Set("detail", failure.detail)
        .Value();
  };
}

napi_value Nothing(napi_env env) {
  napi_value value = nullptr;
  napi_get_undefined(env, &value);
  return value;
}

// Answers with nothing but a failure.
Session::Answer Answering(std::shared_ptr<Channel> channel, std::uint64_t id) {
  return [channel = std::move(channel), id](std::optional<Failure> failure) {
    if (failure) {
      channel->Reject(id, Failed(std::move(*failure)));
    } else {
      channel->Resolve(id, Nothing);
    }
  };
}

// Options that JavaScript hands in. What is missing or of another type is as if it were not there.

std::string Text(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

std::int32_t Whole(const Napi::Object& options, const char* name, std::int32_t missing = 0) {
  const Napi::Value value = options.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : missing;
}

float Real(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().FloatValue() : 0.0F;
}

template <class Take>
void Each(const Napi::Object& options, const char* name, Take take) {
  const Napi::Value value = options.Get(name);
  if (!value.IsArray()) return;
  const Napi::Array list = value.As<Napi::Array>();
  for (std::uint32_t at = 0; at < list.Length(); at++) take(list.Get(at));
}

std::vector<std::string> Texts(const Napi::Object& options, const char* name) {
  std::vector<std::string> texts;
  Each(options, name, [&texts](const Napi::Value& value) {
    if (value.IsString()) texts.push_back(value.As<Napi::String>().Utf8Value());
  });
  return texts;
}

Napi::Object OptionsIn(const Napi::CallbackInfo& info, std::size_t index) {
  const bool given = index < info.Length() && info[index].IsObject();
  return given ? info[index].As<Napi::Object>() : Napi::Object::New(info.Env());
}

std::string TextIn(const Napi::CallbackInfo& info, std::size_t index) {
  const bool given = index < info.Length() && info[index].IsString();
  return given ? info[index].As<Napi::String>().Utf8Value() : std::string();
}

napi_value ListenerIn(const Napi::CallbackInfo& info, std::size_t index) {
  return index < info.Length() && info[index].IsFunction() ? static_cast<napi_value>(info[index]) : nullptr;
}

LoadSpec LoadSpecOf(const Napi::Object& options) {
  LoadSpec spec;
  spec.model_path = Text(options, "modelPath");
  spec.projector_path = Text(options, "projectorPath");
  spec.chat_template = Text(options, "chatTemplate");
  spec.plugin_id = Text(options, "pluginId");
  spec.device_id = Text(options, "deviceId");
  spec.context_size = Whole(options, "contextSize");
  spec.threads = Whole(options, "threads");
  spec.batch_size = Whole(options, "batchSize");
  spec.micro_batch_size = Whole(options, "microBatchSize");
  spec.gpu_layers = Whole(options, "gpuLayers");
  return spec;
}

Chat ChatOf(const Napi::Object& options) {
  Chat chat;
  chat.tools = Text(options, "tools");
  const Napi::Value thinking = options.Get("thinking");
  chat.thinking = !thinking.IsBoolean() || thinking.As<Napi::Boolean>().Value();
  Each(options, "messages", [&chat](const Napi::Value& value) {
    if (!value.IsObject()) return;
    const Napi::Object given = value.As<Napi::Object>();
    Message message{Text(given, "role"), {}};
    Each(given, "parts", [&message](const Napi::Value& part) {
      if (!part.IsObject()) return;
      const Napi::Object object = part.As<Napi::Object>();
      message.parts.push_back({Text(object, "type"), Text(object, "text")});
    });
    chat.messages.push_back(std::move(message));
  });
  return chat;
}

GenerateSpec GenerateSpecOf(const Napi::Object& options) {
  GenerateSpec spec;
  spec.chat = ChatOf(options);
  spec.prompt = Text(options, "prompt");
  spec.max_tokens = Whole(options, "maxTokens");
  spec.stop = Texts(options, "stop");
  spec.images = Texts(options, "images");
  spec.audio = Texts(options, "audio");
  spec.sampling.temperature = Real(options, "temperature");
  spec.sampling.top_p = Real(options, "topP");
  spec.sampling.min_p = Real(options, "minP");
  spec.sampling.top_k = Whole(options, "topK");
  spec.sampling.repetition_penalty = Real(options, "repetitionPenalty");
  spec.sampling.presence_penalty = Real(options, "presencePenalty");
  spec.sampling.frequency_penalty = Real(options, "frequencyPenalty");
  spec.sampling.seed = Whole(options, "seed", -1);
  spec.sampling.grammar = Text(options, "grammar");
  return spec;
}

napi_value GeneratedOf(napi_env env, const Generated& result) {
  const Profile& profile = result.profile;
  return ObjectMaker(env)
      .Set("stopReason", result.stop_reason)
      .Set("matched", FlagOf(env, result.matched))
      .Set("stopped", FlagOf(env, result.stopped))
      .Set("firstTokenUs", static_cast<double>(profile.first_token_us))
      .Set("promptUs", static_cast<double>(profile.prompt_us))
      .Set("decodeUs", static_cast<double>(profile.decode_us))
      .Set("promptTokens", static_cast<double>(profile.prompt_tokens))
      .Set("generatedTokens", static_cast<double>(profile.generated_tokens))
      .Set("mediaUs", profile.media_us)
      .Set("audioUs", profile.audio_us)
      .Set("draftTokens", profile.draft_tokens)
      .Set("acceptedDraftTokens", profile.accepted_draft_tokens)
      .Value();
}

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
    return InBackground(info, [library = LibraryIn(info), plugin = TextIn(info, 1)](
                                  const std::shared_ptr<Channel>& channel, std::uint64_t id) {
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
