// The structs of the Nexa SDK, bridge v1.0.x. They are facts: nothing here calls the library.
#pragma once

#include "common_structs.h"

namespace guard::nexa {

struct Nexa10 {
  struct SamplerConfig {
    float temperature, top_p;
    std::int32_t top_k;
    float min_p, repetition_penalty, presence_penalty, frequency_penalty;
    std::int32_t seed;
    const char* grammar_path;
    const char* grammar_string;
    bool enable_json;
  };
  struct GenerationConfig {
    std::int32_t max_tokens;
    const char** stop;
    std::int32_t stop_count;
    std::int32_t n_past;
    SamplerConfig* sampler_config;
    const char** image_paths;
    std::int32_t image_count;
    std::int32_t image_max_length;
    const char** audio_paths;
    std::int32_t audio_count;
  };
  struct ModelConfig {
    std::int32_t n_ctx, n_threads, n_threads_batch, n_batch, n_ubatch, n_seq_max, n_gpu_layers;
    const char* chat_template_path;
    const char* chat_template_content;
    // Everything from here on stays zero: the order of what follows was never checked against the closed library.
    const char* system_prompt;
    bool enable_sampling;
    const char* grammar_str;
    std::int32_t max_tokens;
    bool enable_thinking, verbose;
    const char* qnn_model_folder_path;
    const char* qnn_lib_folder_path;
  };
  // Times are in microseconds.
  struct ProfileData {
    std::int64_t ttft, prompt_time, decode_time, prompt_tokens, generated_tokens, audio_duration;
    double prefill_speed, decoding_speed, real_time_factor;
    const char* stop_reason;
  };
  struct LlmCreateInput {
    const char* model_name;
    const char* model_path;
    const char* tokenizer_path;
    ModelConfig config;
    const char* plugin_id;
    const char* device_id;
    const char* license_id;
    const char* license_key;
  };
  struct VlmCreateInput {
    const char* model_name;
    const char* model_path;
    const char* mmproj_path;
    ModelConfig config;
    const char* plugin_id;
    const char* device_id;
    const char* tokenizer_path;
    const char* license_id;
    const char* license_key;
  };
  struct GenerateOutput {
    char* full_text;
    ProfileData profile;
  };
};
static_assert(HasSize<Nexa10::SamplerConfig>(56) && HasSize<Nexa10::GenerationConfig>(64));
static_assert(HasSize<Nexa10::ModelConfig>(96) && HasSize<Nexa10::ProfileData>(80));
static_assert(HasSize<Nexa10::LlmCreateInput>(152) && HasSize<Nexa10::VlmCreateInput>(160));
static_assert(IsAt(offsetof(Nexa10::ProfileData, stop_reason), 72) && HasSize<Nexa10::GenerateOutput>(88));
static_assert(IsAt(offsetof(Nexa10::LlmCreateInput, model_path), 8) && IsAt(offsetof(Nexa10::LlmCreateInput, config), 24));
static_assert(IsAt(offsetof(Nexa10::LlmCreateInput, plugin_id), 120) &&
              IsAt(offsetof(Nexa10::LlmCreateInput, device_id), 128));
static_assert(IsAt(offsetof(Nexa10::VlmCreateInput, mmproj_path), 16) &&
              IsAt(offsetof(Nexa10::VlmCreateInput, config), 24));
static_assert(IsAt(offsetof(Nexa10::VlmCreateInput, plugin_id), 120) &&
              IsAt(offsetof(Nexa10::VlmCreateInput, device_id), 128));
static_assert(IsAt(offsetof(Nexa10::GenerationConfig, sampler_config), 24) &&
              IsAt(offsetof(Nexa10::GenerationConfig, audio_paths), 48));

}  // namespace guard::nexa
