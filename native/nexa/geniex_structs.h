// The structs of GenieX, the successor of the Nexa SDK. They are facts: nothing here calls the library.
#pragma once

#include "common_structs.h"

namespace guard::nexa {

// Version 0.5.x.
struct Geniex05 {
  struct SamplerConfig {
    float temperature, top_p;
    std::int32_t top_k;
    float min_p, repetition_penalty, presence_penalty, frequency_penalty;
    std::int32_t seed;
    const char* grammar_path;
    const char* grammar_string;
  };
  struct GenerationConfig {
    std::int32_t max_tokens;
    const char** stop;
    std::int32_t stop_count;
    SamplerConfig* sampler_config;
    const char** image_paths;
    std::int32_t image_count;
    const char** audio_paths;
    std::int32_t audio_count;
    bool sliding_window;
    std::int32_t sliding_window_n_keep;
  };
  struct ModelConfig {
    std::int32_t n_ctx, n_threads, n_threads_batch, n_batch, n_ubatch, n_seq_max, n_gpu_layers;
    const char* chat_template_path;
    const char* chat_template_content;
    const char* spec_type;
    const char* spec_draft_model;
    std::int32_t spec_n_max, spec_n_min;
    float spec_p_min;
  };
  // Times are in microseconds.
  struct ProfileData {
    std::int64_t ttft, media_time, prompt_time, decode_time, prompt_tokens, generated_tokens;
    double prefill_speed, decoding_speed;
    std::int64_t draft_n_total, draft_n_accepted;
    const char* stop_reason;
  };
  struct LlmCreateInput {
    const char* model_path;
    const char* tokenizer_path;
    ModelConfig config;
    const char* plugin_id;
    const char* device_id;
  };
  struct VlmCreateInput {
    const char* model_path;
    const char* mmproj_path;
    ModelConfig config;
    const char* plugin_id;
    const char* device_id;
    const char* tokenizer_path;
  };
  struct GenerateOutput {
    char* full_text;
    ProfileData profile;
  };
};
static_assert(HasSize<Geniex05::SamplerConfig>(48) && HasSize<Geniex05::GenerationConfig>(72));
static_assert(HasSize<Geniex05::ModelConfig>(80) && HasSize<Geniex05::ProfileData>(88));
static_assert(HasSize<Geniex05::LlmCreateInput>(112) && HasSize<Geniex05::VlmCreateInput>(120));
static_assert(IsAt(offsetof(Geniex05::ProfileData, stop_reason), 80) && HasSize<Geniex05::GenerateOutput>(96));
static_assert(IsAt(offsetof(Geniex05::LlmCreateInput, config), 16) &&
              IsAt(offsetof(Geniex05::LlmCreateInput, plugin_id), 96));
static_assert(IsAt(offsetof(Geniex05::LlmCreateInput, device_id), 104));
static_assert(IsAt(offsetof(Geniex05::VlmCreateInput, mmproj_path), 8) &&
              IsAt(offsetof(Geniex05::VlmCreateInput, config), 16));
static_assert(IsAt(offsetof(Geniex05::VlmCreateInput, plugin_id), 96) &&
              IsAt(offsetof(Geniex05::VlmCreateInput, device_id), 104));
static_assert(IsAt(offsetof(Geniex05::GenerationConfig, sampler_config), 24) &&
              IsAt(offsetof(Geniex05::GenerationConfig, audio_paths), 48));

// Versions 0.3.20 to 0.4.0: as 0.5 except for the profile, whose middle is not known for certain and is not read.
struct Geniex03 : Geniex05 {
  struct ProfileData {
    std::int64_t ttft, prompt_time, decode_time, prompt_tokens, generated_tokens;
    std::int64_t unread[4];
    const char* stop_reason;
  };
  struct GenerateOutput {
    char* full_text;
    ProfileData profile;
  };
};
static_assert(HasSize<Geniex03::ProfileData>(80) && IsAt(offsetof(Geniex03::ProfileData, stop_reason), 72));
static_assert(HasSize<Geniex03::GenerateOutput>(88));

}  // namespace guard::nexa
