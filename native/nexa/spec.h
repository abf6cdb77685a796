// What is asked of a model and what comes back, in plain values. It knows no struct of the library and no JavaScript.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace guard::nexa {

// An empty text is not handed over. A number that is zero is left to the library.
struct LoadSpec {
  std::string model_path;
  // Empty for a model of text alone.
  std::string projector_path;
  std::string chat_template;
  std::string plugin_id;
  // Empty if the model is computed on the CPU.
  std::string device_id;
  std::int32_t context_size = 0;
  std::int32_t threads = 0;
  std::int32_t batch_size = 0;
  std::int32_t micro_batch_size = 0;
  std::int32_t gpu_layers = 0;
  // Whether the model puts a token before every prompt; absent if that isn't known.
  std::optional<bool> adds_bos;
  // The texts of tokens that are cut out of a prompt before the rest of it is cut into tokens, such as "<|im_start|>".
  std::vector<std::string> special_tokens;
};

struct Part {
  // "text", "image" or "audio"; for the last two, `text` is a path.
  std::string type;
  std::string text;
};

struct Message {
  std::string role;
  std::vector<Part> parts;
};

struct Chat {
  std::vector<Message> messages;
  // JSON; empty for none.
  std::string tools;
  bool thinking = true;
};

struct Sampling {
  float temperature = 0, top_p = 0, min_p = 0;
  float repetition_penalty = 0, presence_penalty = 0, frequency_penalty = 0;
  std::int32_t top_k = 0;
  // -1 is a random seed.
  std::int32_t seed = -1;
  std::string grammar;
};

struct GenerateSpec {
  // If it has no messages, `prompt` goes to the model as it is.
  Chat chat;
  std::string prompt;
  Sampling sampling;
  std::int32_t max_tokens = 0;
  // Whether the library may drop the start of a prompt that is too long for the context.
  bool truncate = false;
  // They are found here and not by the library, which would only match whole tokens.
  std::vector<std::string> stop;
  std::vector<std::string> images;
  std::vector<std::string> audio;
};

// What the library measured. A figure that its layout does not have is absent.
struct Profile {
  std::int64_t first_token_us = 0, prompt_us = 0, decode_us = 0;
  std::int64_t prompt_tokens = 0, generated_tokens = 0;
  std::optional<std::int64_t> media_us, audio_us, draft_tokens, accepted_draft_tokens;
};

struct Generated {
  Profile profile;
  // "eos", "length", "user", "stop_sequence", "context_length"; empty if the library gave none.
  std::string stop_reason;
  // Whether a stop text ended it.
  bool matched = false;
  // Whether it was asked to stop.
  bool stopped = false;
  // Whether it ended because the context is full.
  bool context_full = false;
  // Whether the start of the prompt was dropped.
  bool truncated = false;
  // Tokens of the prompt that the context held already. The profile's prompt tokens are the other ones.
  std::int64_t reused_tokens = 0;
};

// What a KV cache holds: the text of the prompt and the answer, and its tokens.
struct HeldText {
  std::string text;
  std::int64_t tokens = 0;
};

struct Abilities {
  bool vision = false;
  bool audio = false;
  // False if the library cannot be asked.
  bool known = false;
};

}  // namespace guard::nexa
