#include "nexa_values.h"

#include <utility>

namespace guard::binding {

using namespace guard::nexa;

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
