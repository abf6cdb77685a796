// A multimodal model's text, with the states of the real one. The newer generation continues a conversation if the last
// answer stands where the last prompt ended, and fails otherwise. The older one skips as many bytes as it has seen,
// whatever they are.
#pragma once

#include "engine.h"

namespace fake {

class MultimodalText : public Engine {
 public:
  using Engine::Engine;
  std::int32_t Generate(const char* call, const TextRequest& request, TextResult& result) override;
  void Reset() override;
  std::int32_t Save(const std::string&) override { return -100013; }
  std::int32_t Load(const std::string&) override { return -100013; }

 private:
  // Of text or of one medium.
  struct Chunk {
    std::vector<std::uint64_t> tokens;
    bool medium = false;
  };

  bool FindNewText(const TextRequest& request, const Orders& orders, std::string& text) const;
  std::vector<std::vector<std::uint64_t>> LoadMedia(const TextRequest& request) const;
  bool Cut(const std::string& text, const TextRequest& request, std::vector<Chunk>& chunks) const;
  std::int32_t Read(const std::vector<Chunk>& chunks, std::int64_t& tokens);
  void Remember(const TextRequest& request, const TextResult& result);

  std::int32_t n_past_ = 0;
  // The newer generation's.
  std::string past_prompt_, past_answer_;
  // The older one's: of the prompts and answers so far. Its sampler is made once, whatever a text asks for.
  std::size_t past_bytes_ = 0;
  Sampler sampler_;
};

}  // namespace fake
