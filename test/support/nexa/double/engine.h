// Stands for the real library's models: takes the memory that they take, answers with babble that depends on all it was
// given, and dies of what they die of. It knows no struct layout.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gguf.h"
#include "orders.h"

namespace fake {

struct CreateRequest {
  std::string path, projector, plugin, device, chat_template;
  bool multimodal = false;
  std::int32_t n_ctx = 0, n_batch = 0, n_ubatch = 0;
};

struct TextRequest {
  std::string prompt;
  std::vector<std::string> images, audio;
  std::int32_t max_tokens = 0, top_k = 0, seed = 0;
  bool (*on_token)(const char*, void*) = nullptr;
  void* user_data = nullptr;
};

struct TextResult {
  std::string text;
  const char* reason = nullptr;
  bool no_text = false;
  std::int64_t first_us = 0, prompt_us = 0, decode_us = 0, prompt_tokens = 0, generated_tokens = 0;
};

class Engine {
 public:
  // Null where it failed; then `code` says how.
  static std::unique_ptr<Engine> Create(const CreateRequest& request, std::int32_t& code);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  std::int32_t Generate(const char* call, const TextRequest& request, TextResult& result);
  void Reset();
  std::int32_t Save(const char* path);
  std::int32_t Load(const char* path);
  bool Sees() const { return projector_ != nullptr && projector_->Flag("clip.has_vision_encoder"); }
  bool Hears() const { return projector_ != nullptr && projector_->Flag("clip.has_audio_encoder"); }
  const std::string& Template() const { return request_.chat_template; }

  bool multimodal() const { return request_.multimodal; }
  // Two threads at once is what the real handles don't survive.
  std::atomic<bool> busy{false};

 private:
  explicit Engine(const CreateRequest& request) : request_(request) {}
  std::int32_t TakeMemory();
  std::string Token(std::uint64_t& state, bool& ends) const;

  CreateRequest request_;
  std::unique_ptr<Gguf> model_, projector_;
  void* cache_ = nullptr;
  std::size_t cache_bytes_ = 0;
  std::uint64_t weights_ = 0;
  // What the context holds.
  bool fresh_ = true;
  std::string held_;
  std::vector<std::string> held_media_;
};

void Log(int level, const std::string& text);

}  // namespace fake
