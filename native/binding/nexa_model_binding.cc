// The part of the binding that is about a model: loading, generating and destroying.
#include <optional>
#include <string>
#include <utility>

#include "nexa_binding.h"
#include "nexa_options.h"

namespace guard::binding {

using namespace guard::nexa;

// `load(library, load)`: `{ model, vision, audio, asked }`.
Napi::Value NexaBinding::Load(const Napi::CallbackInfo& info) {
  const auto handle = GetHandle<LibraryHandle>(info, 0, kLibraryTag);
  LoadSpec spec = ReadLoadSpec(GetOptions(info, 1));
  return BeginPromise(info, nullptr, nullptr, [&](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    auto library = handle != nullptr ? handle->library : nullptr;
    if (library == nullptr) return channel->Reject(id, FailureMaker(MakeRefusal("no-library")));
    const auto loaded = [channel, id](std::shared_ptr<Session> session, Abilities abilities, Failure failure) {
      if (session == nullptr) return channel->Reject(id, FailureMaker(std::move(failure)));
      const std::shared_ptr<ModelHandle> model(new ModelHandle{std::move(session)});
      channel->Resolve(id, [model, abilities](napi_env env) {
        return ObjectMaker(env)
            .Set("model", WrapHandle(env, model, kModelTag))
            .Set("vision", MakeFlag(env, abilities.vision))
            .Set("audio", MakeFlag(env, abilities.audio))
            .Set("asked", MakeFlag(env, abilities.known))
            .Value();
      });
    };
    Session::Start(std::move(library), std::move(spec), loaded);
  });
}

// `generate(model, generate, onBytes)`: a `NativeResult`.
Napi::Value NexaBinding::Generate(const Napi::CallbackInfo& info) {
  const auto handle = GetHandle<ModelHandle>(info, 0, kModelTag);
  GenerateSpec spec = ReadGenerateSpec(GetOptions(info, 1));
  return BeginPromise(info, GetListener(info, 2), handle, [&](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    if (handle == nullptr) return channel->Reject(id, FailureMaker(MakeRefusal("no-model")));
    handle->session->Generate(
        std::move(spec), [channel, id](std::string bytes) { channel->Tell(id, std::move(bytes)); },
        [channel, id](std::optional<Failure> failure, Generated result) {
          if (failure) return channel->Reject(id, FailureMaker(std::move(*failure)));
          channel->Resolve(id, [result = std::move(result)](napi_env env) { return MakeResult(env, result); });
        });
  });
}

// `stop(model)`
Napi::Value NexaBinding::Stop(const Napi::CallbackInfo& info) {
  const auto handle = GetHandle<ModelHandle>(info, 0, kModelTag);
  if (handle != nullptr) handle->session->Stop();
  return info.Env().Undefined();
}

// `format(model, chat)`: a Buffer, since the text need not be valid UTF-8.
Napi::Value NexaBinding::Format(const Napi::CallbackInfo& info) {
  Chat chat = ReadChat(GetOptions(info, 1));
  return BeginOnSession(info, [&chat](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    session.Format(std::move(chat), [channel, id](std::optional<Failure> failure, std::string text) {
      if (failure) return channel->Reject(id, FailureMaker(std::move(*failure)));
      channel->Resolve(id, [text = std::move(text)](napi_env env) { return MakeBytes(env, text); });
    });
  });
}

// `reset(model)`
Napi::Value NexaBinding::Reset(const Napi::CallbackInfo& info) {
  return BeginOnSession(info, [](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    session.Reset(AnswerPromise(channel, id));
  });
}

// `saveKvCache(model, path)`: `{ text, tokens }`, what the file holds.
Napi::Value NexaBinding::SaveKvCache(const Napi::CallbackInfo& info) {
  return BeginOnSession(info, [&info](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    session.SaveKvCache(GetText(info, 1), [channel, id](std::optional<Failure> failure, HeldText held) {
      if (failure) return channel->Reject(id, FailureMaker(std::move(*failure)));
      channel->Resolve(id, [held = std::move(held)](napi_env env) {
        return ObjectMaker(env)
            .Set("text", MakeBytes(env, held.text))
            .Set("tokens", static_cast<double>(held.tokens))
            .Value();
      });
    });
  });
}

// `loadKvCache(model, path, held)`
Napi::Value NexaBinding::LoadKvCache(const Napi::CallbackInfo& info) {
  return BeginOnSession(info, [&info](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    session.LoadKvCache(GetText(info, 1), ReadHeldText(GetOptions(info, 2)), AnswerPromise(channel, id));
  });
}

// `destroy(model)`
Napi::Value NexaBinding::Destroy(const Napi::CallbackInfo& info) {
  return BeginOnSession(info, [](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    session.Close(AnswerPromise(channel, id));
  });
}

}  // namespace guard::binding
