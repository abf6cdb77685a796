// Stands for the real library's models: takes the memory that they take and gives back what they give back. What they say
// is said by language_text.cc and multimodal_text.cc. It knows no struct layout.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "gguf.h"
#include "kv_cache.h"
#include "orders.h"
#include "speech.h"
#include "vocabulary.h"

namespace fake {

struct CreateRequest {
  std::string path, projector, plugin, device, chat_template;
  bool multimodal = false;
  std::int32_t n_ctx = 0, n_batch = 0, n_ubatch = 0;
};

class Engine {
 public:
  // Null where it failed; then `code` says how.
  static std::unique_ptr<Engine> Create(const CreateRequest& request, std::int32_t& code);
  Engine(const CreateRequest& request, const Orders& orders) : request_(request), orders_(orders) {}
  virtual ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  virtual std::int32_t Generate(const char* call, const TextRequest& request, TextResult& result) = 0;
  virtual void Reset() = 0;
  // Of a language model only.
  virtual std::int32_t Save(const std::string& path) = 0;
  virtual std::int32_t Load(const std::string& path) = 0;

  bool Sees() const { return projector_ != nullptr && projector_->Flag("clip.has_vision_encoder"); }
  bool Hears() const { return projector_ != nullptr && projector_->Flag("clip.has_audio_encoder"); }
  const std::string& Template() const { return request_.chat_template; }
  bool multimodal() const { return request_.multimodal; }
  // Two threads at once is what the real handles don't survive.
  std::atomic<bool> busy{false};

 protected:
  CreateRequest request_;
  const Orders orders_;
  std::unique_ptr<Gguf> model_, projector_;
  // Of the size that the memory was taken for.
  std::unique_ptr<KvCache> cache_;
  std::unique_ptr<Vocabulary> vocabulary_;
  // Depends on every page of the model's file.
  std::uint64_t weights_ = 0;

  std::uint64_t Logits() const { return weights_ ^ cache_->Logits().value_or(0); }

 private:
  std::int32_t LoadFiles();
  std::int32_t TakeMemory();

  void* taken_ = nullptr;
  std::size_t taken_bytes_ = 0;
};

}  // namespace fake
