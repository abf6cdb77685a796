// The part of the binding that is about a model: loading, generating and destroying.
#include <optional>
#include <string>
#include <utility>

#include "begin_promise.h"
#include "nexa_binding.h"
#include "nexa_options.h"

namespace guard::binding {

using namespace guard::nexa;

namespace {

// `load(library, load)`: `{ model, vision, audio, asked }`.
napi_value Load(napi_env env, const Arguments& arguments) {
  std::shared_ptr<LibraryHandle> handle;
  LoadSpec spec;
  if (!ReadLibrary(env, arguments[0], handle) || !ReadLoadSpec(env, arguments[1], spec)) return nullptr;
  return BeginPromise(env, nullptr, nullptr, [&](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    auto library = handle->library;
    if (library == nullptr) return channel->Reject(id, FailureMaker(MakeRefusal("no-library")));
    const auto loaded = [channel, id](std::shared_ptr<Session> session, Abilities abilities, Failure failure) {
      if (session == nullptr) return channel->Reject(id, FailureMaker(std::move(failure)));
      const std::shared_ptr<ModelHandle> model(new ModelHandle{std::move(session)});
      channel->Resolve(id, [model, abilities](napi_env ours) {
        return ObjectMaker(ours)
            .Set("model", WrapHandle(ours, model, kModelTag))
            .Set("vision", MakeFlag(ours, abilities.vision))
            .Set("audio", MakeFlag(ours, abilities.audio))
            .Set("asked", MakeFlag(ours, abilities.known))
            .Value();
      });
    };
    Session::Start(std::move(library), std::move(spec), loaded);
  });
}

// `generate(model, generate, onBytes)`: a `NativeResult`.
napi_value Generate(napi_env env, const Arguments& arguments) {
  std::shared_ptr<ModelHandle> handle;
  GenerateSpec spec;
  if (!ReadModel(env, arguments[0], handle) || !ReadGenerateSpec(env, arguments[1], spec) ||
      !ReadFunction(env, arguments[2], "onBytes")) {
    return nullptr;
  }
  return BeginPromise(env, arguments[2], handle, [&](const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    handle->session->Generate(
        std::move(spec), [channel, id](std::string bytes) { channel->Tell(id, std::move(bytes)); },
        [channel, id](std::optional<Failure> failure, Generated result) {
          if (failure) return channel->Reject(id, FailureMaker(std::move(*failure)));
          channel->Resolve(id, [result = std::move(result)](napi_env ours) { return MakeResult(ours, result); });
        });
  });
}

// `stop(model)`
napi_value Stop(napi_env env, const Arguments& arguments) {
  std::shared_ptr<ModelHandle> handle;
  if (ReadModel(env, arguments[0], handle)) handle->session->Stop();
  return nullptr;
}

// `format(model, chat)`: a Buffer, since the text need not be valid UTF-8.
napi_value Format(napi_env env, const Arguments& arguments) {
  std::shared_ptr<ModelHandle> handle;
  Chat chat;
  if (!ReadModel(env, arguments[0], handle) || !ReadChat(env, arguments[1], chat)) return nullptr;
  return BeginOnSession(env, handle, [&chat](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    session.Format(std::move(chat), [channel, id](std::optional<Failure> failure, std::string text) {
      if (failure) return channel->Reject(id, FailureMaker(std::move(*failure)));
      channel->Resolve(id, [text = std::move(text)](napi_env ours) { return MakeBytes(ours, text); });
    });
  });
}

// `reset(model)`
napi_value Reset(napi_env env, const Arguments& arguments) {
  std::shared_ptr<ModelHandle> handle;
  if (!ReadModel(env, arguments[0], handle)) return nullptr;
  return BeginOnSession(env, handle, [](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    session.Reset(AnswerPromise(channel, id));
  });
}

// `saveKvCache(model, path)`: `{ text, tokens }`, what the file holds.
napi_value SaveKvCache(napi_env env, const Arguments& arguments) {
  std::shared_ptr<ModelHandle> handle;
  std::string path;
  if (!ReadModel(env, arguments[0], handle) || !ReadPath(env, arguments[1], "path", path)) return nullptr;
  return BeginOnSession(env, handle, [&path](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    session.SaveKvCache(std::move(path), [channel, id](std::optional<Failure> failure, HeldText held) {
      if (failure) return channel->Reject(id, FailureMaker(std::move(*failure)));
      channel->Resolve(id, [held = std::move(held)](napi_env ours) {
        return ObjectMaker(ours)
            .Set("text", MakeBytes(ours, held.text))
            .Set("tokens", static_cast<double>(held.tokens))
            .Value();
      });
    });
  });
}

// `loadKvCache(model, path, held)`
napi_value LoadKvCache(napi_env env, const Arguments& arguments) {
  std::shared_ptr<ModelHandle> handle;
  std::string path;
  HeldText held;
  if (!ReadModel(env, arguments[0], handle) || !ReadPath(env, arguments[1], "path", path) ||
      !ReadHeldText(env, arguments[2], held)) {
    return nullptr;
  }
  return BeginOnSession(env, handle, [&](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    session.LoadKvCache(std::move(path), std::move(held), AnswerPromise(channel, id));
  });
}

// `destroy(model)`
napi_value Destroy(napi_env env, const Arguments& arguments) {
  std::shared_ptr<ModelHandle> handle;
  if (!ReadModel(env, arguments[0], handle)) return nullptr;
  return BeginOnSession(env, handle, [](Session& session, const std::shared_ptr<Channel>& channel, std::uint64_t id) {
    session.Close(AnswerPromise(channel, id));
  });
}

}  // namespace

void DefineNexaModel(napi_env env, napi_value nexa) noexcept {
  DefineFunction(env, nexa, "load", Enter<Load>);
  DefineFunction(env, nexa, "generate", Enter<Generate>);
  DefineFunction(env, nexa, "stop", Enter<Stop>);
  DefineFunction(env, nexa, "format", Enter<Format>);
  DefineFunction(env, nexa, "reset", Enter<Reset>);
  DefineFunction(env, nexa, "saveKvCache", Enter<SaveKvCache>);
  DefineFunction(env, nexa, "loadKvCache", Enter<LoadKvCache>);
  DefineFunction(env, nexa, "destroy", Enter<Destroy>);
}

}  // namespace guard::binding
