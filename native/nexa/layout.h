// The structs of the SDK's C interface in the three layouts that are known. Facts alone: it calls nothing and knows no
// JavaScript. Sizes and offsets were measured on x86_64; the fields are such that other 64-bit systems lay them out alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace guard::nexa {

// Named for the first version that has it.
enum class Layout { kNexa10, kGeniex03, kGeniex05 };
// The names of the calls: `ml_…` and `geniex_…`.
enum class Generation { kNexa, kGeniex };

// None for a version whose layout nobody has measured.
std::optional<Layout> LayoutOf(Generation generation, std::string_view version) noexcept;
std::optional<Layout> LayoutNamed(std::string_view name) noexcept;
const char* NameOf(Layout layout) noexcept;
Generation GenerationOf(Layout layout) noexcept;

// False stops the text; the token is lent for the call.
using OnToken = bool (*)(const char* token, void* user_data);
// 0 trace .. 4 error; the text is lent for the call.
using OnLog = void (*)(std::int32_t level, const char* text);

constexpr bool kMeasured = sizeof(void*) == 8;
template <class T>
constexpr bool HasSize(std::size_t bytes) {
  return !kMeasured || sizeof(T) == bytes;
}
constexpr bool At(std::size_t found, std::size_t offset) { return !kMeasured || found == offset; }

// What all three layouts have in common.

struct PluginList {
  char** plugin_ids;
  std::int32_t plugin_count;
};
static_assert(HasSize<PluginList>(16));

struct DeviceListInput {
  const char* plugin_id;
};
static_assert(HasSize<DeviceListInput>(8));

struct DeviceList {
  const char** device_ids;
  const char** device_names;
  std::int32_t device_count;
};
static_assert(HasSize<DeviceList>(24));

struct LlmChatMessage {
  const char* role;
  const char* content;
};
static_assert(HasSize<LlmChatMessage>(16));

struct LlmApplyChatTemplateInput {
  LlmChatMessage* messages;
  std::int32_t message_count;
  const char* tools;
  bool enable_thinking;
  bool add_generation_prompt;
};
static_assert(HasSize<LlmApplyChatTemplateInput>(32) && At(offsetof(LlmApplyChatTemplateInput, enable_thinking), 24));

struct VlmContent {
  const char* type;
  const char* text;
};
static_assert(HasSize<VlmContent>(16));

struct VlmChatMessage {
  const char* role;
  VlmContent* contents;
  std::int64_t content_count;
};
static_assert(HasSize<VlmChatMessage>(24));

struct VlmApplyChatTemplateInput {
  VlmChatMessage* messages;
  std::int32_t message_count;
  const char* tools;
  bool enable_thinking;
  bool grounding;
};
static_assert(HasSize<VlmApplyChatTemplateInput>(32) && At(offsetof(VlmApplyChatTemplateInput, enable_thinking), 24));

struct ApplyChatTemplateOutput {
  char* formatted_text;
};
static_assert(HasSize<ApplyChatTemplateOutput>(8));

struct KvCacheInput {
  const char* path;
};
struct KvCacheOutput {
  void* reserved;
};
static_assert(HasSize<KvCacheInput>(8) && HasSize<KvCacheOutput>(8));

struct VlmCapabilities {
  bool supports_vision;
  bool supports_audio;
};
static_assert(HasSize<VlmCapabilities>(2));

// Where the older generation has two fields less at its end, more zeros do no harm.
struct LlmGenerateInput {
  const char* prompt_utf8;
  const void* config;
  OnToken on_token;
  void* user_data;
  const std::int32_t* input_ids;
  std::int32_t input_ids_count;
};
static_assert(HasSize<LlmGenerateInput>(48));

struct VlmGenerateInput {
  const char* prompt_utf8;
  const void* config;
  OnToken on_token;
  void* user_data;
};
static_assert(HasSize<VlmGenerateInput>(32));

// Nexa SDK, bridge v1.0.x.
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
  // Times in µs.
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
static_assert(At(offsetof(Nexa10::ProfileData, stop_reason), 72) && HasSize<Nexa10::GenerateOutput>(88));
static_assert(At(offsetof(Nexa10::LlmCreateInput, model_path), 8) && At(offsetof(Nexa10::LlmCreateInput, config), 24));
static_assert(At(offsetof(Nexa10::LlmCreateInput, plugin_id), 120) && At(offsetof(Nexa10::LlmCreateInput, device_id), 128));
static_assert(At(offsetof(Nexa10::VlmCreateInput, mmproj_path), 16) && At(offsetof(Nexa10::VlmCreateInput, config), 24));
static_assert(At(offsetof(Nexa10::VlmCreateInput, plugin_id), 120) && At(offsetof(Nexa10::VlmCreateInput, device_id), 128));
static_assert(At(offsetof(Nexa10::GenerationConfig, sampler_config), 24) &&
              At(offsetof(Nexa10::GenerationConfig, audio_paths), 48));

// GenieX v0.5.x.
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
  // Times in µs.
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
static_assert(At(offsetof(Geniex05::ProfileData, stop_reason), 80) && HasSize<Geniex05::GenerateOutput>(96));
static_assert(At(offsetof(Geniex05::LlmCreateInput, config), 16) && At(offsetof(Geniex05::LlmCreateInput, plugin_id), 96));
static_assert(At(offsetof(Geniex05::LlmCreateInput, device_id), 104));
static_assert(At(offsetof(Geniex05::VlmCreateInput, mmproj_path), 8) && At(offsetof(Geniex05::VlmCreateInput, config), 16));
static_assert(At(offsetof(Geniex05::VlmCreateInput, plugin_id), 96) &&
              At(offsetof(Geniex05::VlmCreateInput, device_id), 104));
static_assert(At(offsetof(Geniex05::GenerationConfig, sampler_config), 24) &&
              At(offsetof(Geniex05::GenerationConfig, audio_paths), 48));

// GenieX v0.3.20 to v0.4.0: as v0.5 but for the profile, whose middle is not known for certain and is not read.
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
static_assert(HasSize<Geniex03::ProfileData>(80) && At(offsetof(Geniex03::ProfileData, stop_reason), 72));
static_assert(HasSize<Geniex03::GenerateOutput>(88));

}  // namespace guard::nexa
