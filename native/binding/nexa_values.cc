#include "nexa_values.h"

#include <utility>

namespace guard::binding {

using namespace guard::nexa;

napi_value MakeText(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

napi_value MakeNumber(napi_env env, double number) {
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  return value;
}

napi_value MakeFlag(napi_env env, bool flag) {
  napi_value value = nullptr;
  napi_get_boolean(env, flag, &value);
  return value;
}

Channel::Make FailureMaker(Failure failure) {
  return [failure = std::move(failure)](napi_env env) {
    return ObjectMaker(env)
        .Set("call", failure.call)
        .Set("code", static_cast<double>(failure.code))
        .Set("text", failure.text)
        .Set("detail", failure.detail)
        .Value();
  };
}

napi_value MakeUndefined(napi_env env) {
  napi_value value = nullptr;
  napi_get_undefined(env, &value);
  return value;
}

napi_value MakeBytes(napi_env env, const std::string& bytes) {
  napi_value buffer = nullptr;
  napi_create_buffer_copy(env, bytes.size(), bytes.data(), nullptr, &buffer);
  return buffer;
}

Session::Answer AnswerPromise(std::shared_ptr<Channel> channel, std::uint64_t id) {
  return [channel = std::move(channel), id](std::optional<Failure> failure) {
    if (failure) {
      channel->Reject(id, FailureMaker(std::move(*failure)));
    } else {
      channel->Resolve(id, MakeUndefined);
    }
  };
}

napi_value MakeResult(napi_env env, const Generated& result) {
  const Profile& profile = result.profile;
  return ObjectMaker(env)
      .Set("stopReason", result.stop_reason)
      .Set("matched", MakeFlag(env, result.matched))
      .Set("stopped", MakeFlag(env, result.stopped))
      .Set("contextFull", MakeFlag(env, result.context_full))
      .Set("truncated", MakeFlag(env, result.truncated))
      .Set("firstTokenUs", static_cast<double>(profile.first_token_us))
      .Set("promptUs", static_cast<double>(profile.prompt_us))
      .Set("decodeUs", static_cast<double>(profile.decode_us))
      .Set("promptTokens", static_cast<double>(result.reused_tokens + profile.prompt_tokens))
      .Set("reusedTokens", static_cast<double>(result.reused_tokens))
      .Set("generatedTokens", static_cast<double>(profile.generated_tokens))
      .Set("mediaUs", profile.media_us)
      .Set("audioUs", profile.audio_us)
      .Set("draftTokens", profile.draft_tokens)
      .Set("acceptedDraftTokens", profile.accepted_draft_tokens)
      .Value();
}

}  // namespace guard::binding
