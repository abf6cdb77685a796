// One template for each call, and one switch over the layouts.
#include "invoke.h"

#include <cstring>
#include <type_traits>
#include <vector>

#include "failure.h"
#include "geniex_structs.h"
#include "nexa_structs.h"

namespace guard::nexa {
namespace {

template <class T>
void Zero(T& value) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memset(static_cast<void*>(&value), 0, sizeof value);
}

const char* PointerOrNull(const std::string& text) noexcept { return text.empty() ? nullptr : text.c_str(); }

std::vector<const char*> ListPointers(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  pointers.reserve(texts.size());
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  return pointers;
}

template <class Input>
void FillCreate(const LoadSpec& spec, Input& input) noexcept {
  input.model_path = spec.model_path.c_str();
  input.plugin_id = spec.plugin_id.c_str();
  input.device_id = PointerOrNull(spec.device_id);
  input.config.n_ctx = spec.context_size;
  input.config.n_threads = spec.threads;
  input.config.n_threads_batch = spec.threads;
  input.config.n_batch = spec.batch_size;
  input.config.n_ubatch = spec.micro_batch_size;
  input.config.n_seq_max = 1;
  input.config.n_gpu_layers = spec.gpu_layers;
  input.config.chat_template_content = PointerOrNull(spec.chat_template);
}

template <class L>
std::int32_t Create(const Calls& calls, const LoadSpec& spec, void** handle) noexcept {
  if (spec.projector_path.empty()) {
    typename L::LlmCreateInput input;
    Zero(input);
    FillCreate(spec, input);
    return RunCall([&] { return calls.llm_create(&input, handle); });
  }
  typename L::VlmCreateInput input;
  Zero(input);
  FillCreate(spec, input);
  input.mmproj_path = spec.projector_path.c_str();
  return RunCall([&] { return calls.vlm_create(&input, handle); });
}

template <class SamplerConfig>
void FillSampler(const Sampling& sampling, SamplerConfig& config) noexcept {
  config.temperature = sampling.temperature;
  config.top_p = sampling.top_p;
  config.top_k = sampling.top_k;
  config.min_p = sampling.min_p;
  config.repetition_penalty = sampling.repetition_penalty;
  config.presence_penalty = sampling.presence_penalty;
  config.frequency_penalty = sampling.frequency_penalty;
  config.seed = sampling.seed;
  config.grammar_string = PointerOrNull(sampling.grammar);
}

template <class L>
void ReadProfile(const typename L::ProfileData& data, Generated& result) {
  Profile& profile = result.profile;
  profile.first_token_us = data.ttft;
  profile.prompt_us = data.prompt_time;
  profile.decode_us = data.decode_time;
  profile.prompt_tokens = data.prompt_tokens;
  profile.generated_tokens = data.generated_tokens;
  if constexpr (std::is_same_v<L, Nexa10>) profile.audio_us = data.audio_duration;
  if constexpr (std::is_same_v<L, Geniex05>) {
    profile.media_us = data.media_time;
    profile.draft_tokens = data.draft_n_total;
    profile.accepted_draft_tokens = data.draft_n_accepted;
  }
  // It is a literal of the library and must not be freed.
  if (data.stop_reason != nullptr) result.stop_reason = data.stop_reason;
}

template <class L>
std::int32_t Generate(const Calls& calls, void* handle, bool multimodal, const GenerateSpec& spec, const GivenText& given,
                      TokenRun& run, Generated& result, std::string& text) {
  std::vector<const char*> images = ListPointers(given.images);
  std::vector<const char*> audio = ListPointers(given.audio);
  typename L::SamplerConfig sampler;
  Zero(sampler);
  FillSampler(spec.sampling, sampler);
  typename L::GenerationConfig config;
  Zero(config);
  config.max_tokens = spec.max_tokens;
  config.sampler_config = &sampler;
  if (!images.empty()) config.image_paths = images.data();
  config.image_count = static_cast<std::int32_t>(images.size());
  if (!audio.empty()) config.audio_paths = audio.data();
  config.audio_count = static_cast<std::int32_t>(audio.size());
  typename L::GenerateOutput output;
  Zero(output);
  std::int32_t code;
  if (multimodal) {
    VlmGenerateInput input;
    Zero(input);
    input.prompt_utf8 = given.prompt;
    input.config = &config;
    input.on_token = TokenRun::Take;
    input.user_data = run.UserData();
    code = RunCall([&] { return calls.vlm_generate(handle, &input, &output); });
  } else {
    LlmGenerateInput input;
    Zero(input);
    input.prompt_utf8 = given.prompt;
    input.config = &config;
    input.on_token = TokenRun::Take;
    input.user_data = run.UserData();
    code = RunCall([&] { return calls.llm_generate(handle, &input, &output); });
  }
  if (output.full_text != nullptr) {
    text = output.full_text;
    // The text is ours even if the call failed.
    calls.free(output.full_text);
  }
  ReadProfile<L>(output.profile, result);
  return code;
}

}  // namespace

std::int32_t InvokeCreate(Layout layout, const Calls& calls, const LoadSpec& spec, void** handle) noexcept {
  switch (layout) {
    case Layout::kNexa10: return Create<Nexa10>(calls, spec, handle);
    case Layout::kGeniex03: return Create<Geniex03>(calls, spec, handle);
    case Layout::kGeniex05: return Create<Geniex05>(calls, spec, handle);
  }
  return kThrew;
}

std::int32_t InvokeGenerate(Layout layout, const Calls& calls, void* handle, bool multimodal, const GenerateSpec& spec,
                            const GivenText& given, TokenRun& run, Generated& result, std::string& text) {
  switch (layout) {
    case Layout::kNexa10: return Generate<Nexa10>(calls, handle, multimodal, spec, given, run, result, text);
    case Layout::kGeniex03: return Generate<Geniex03>(calls, handle, multimodal, spec, given, run, result, text);
    case Layout::kGeniex05: return Generate<Geniex05>(calls, handle, multimodal, spec, given, run, result, text);
  }
  return kThrew;
}

}  // namespace guard::nexa
