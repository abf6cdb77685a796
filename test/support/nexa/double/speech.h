// How tokens are chosen and handed over, one by one, with all that a test orders to go wrong meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "orders.h"
#include "vocabulary.h"

namespace fake {

struct TextRequest {
  std::string prompt;
  std::vector<std::string> images, audio;
  std::int32_t max_tokens = 0, top_k = 0, seed = 0;
  bool (*on_token)(const char*, void*) = nullptr;
  void* user_data = nullptr;
};

struct TextResult {
  std::string text;
  // Null until something is known: then the caller's struct stays as it was.
  const char* reason = nullptr;
  bool no_text = true;
  std::int64_t first_us = 0, prompt_us = 0, decode_us = 0, prompt_tokens = 0, generated_tokens = 0;
};

// Greedy, or with a seed; 0 and -1 are random ones.
class Sampler {
 public:
  Sampler() : Sampler(0, 0) {}
  Sampler(std::int32_t top_k, std::int32_t seed);
  std::uint64_t Draw(std::uint64_t logits);

 private:
  bool greedy_;
  std::uint64_t seed_;
  std::uint64_t drawn_ = 0;
};

class Speech {
 public:
  Speech(const TextRequest& request, const Orders& orders);
  ~Speech();
  Speech(const Speech&) = delete;
  Speech& operator=(const Speech&) = delete;

  // Says tokens until there is a reason to end. Each that the listener took goes to `decode`, whose code ends the text if
  // it is not 0. `said` gets all that were offered.
  std::int32_t Speak(const Vocabulary& vocabulary, Sampler& sampler, std::int32_t most,
                     const std::function<std::uint64_t()>& logits, const std::function<std::int32_t(std::uint64_t)>& decode,
                     std::vector<std::uint64_t>& said, TextResult& result);
  // What the orders say about the end. Returns the code to return in place of 0.
  std::int32_t Finish(TextResult& result);

 private:
  bool Send(const char* token) const;
  void SendBeside() const;

  const TextRequest& request_;
  const Orders& orders_;
  const std::string odd_;
  std::thread logger_;
};

std::int64_t NowUs();

}  // namespace fake
