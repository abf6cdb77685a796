#include "speech.h"

#include <unistd.h>

#include <chrono>
#include <mutex>
#include <random>
#include <set>

#include "kv_cache.h"
#include "log.h"
#include "record.h"

namespace fake {
namespace {

constexpr int kPaceUs = 200;

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
  }
  return bytes;
}

std::vector<std::string> SplitTokens(const std::string& list) {
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    tokens.push_back(FromHex(list.substr(at, end - at)));
    at = end + 1;
  }
  return tokens;
}

// As the real one's literals: valid as long as the library is.
const char* Literal(const std::string& text) {
  static auto* literals = new std::set<std::string>;
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  return literals->insert(text).first->c_str();
}

}  // namespace

std::int64_t NowUs() {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

Sampler::Sampler(std::int32_t top_k, std::int32_t seed) : greedy_(top_k == 1), seed_(static_cast<std::uint64_t>(seed)) {
  if (greedy_ || (seed != 0 && seed != -1)) return;
  std::random_device device;
  seed_ = (std::uint64_t{device()} << 32) | device();
}

std::uint64_t Sampler::Draw(std::uint64_t logits) {
  return greedy_ ? Mix(logits) : Mix(logits ^ Mix(seed_ + 0x9e3779b97f4a7c15 * ++drawn_));
}

Speech::Speech(const TextRequest& request, const Orders& orders)
    : request_(request), orders_(orders), odd_(orders.Text("odd")) {
  if (!orders.Has("logs")) return;
  logger_ = std::thread([count = orders.Whole("logs", 0)] {
    for (int line = 0; line < count; line++) {
      for (int level = 0; level <= 4; level++) Log(level, "line " + std::to_string(line));
    }
  });
}

Speech::~Speech() {
  if (logger_.joinable()) logger_.join();
}

bool Speech::Send(const char* token) const {
  if (odd_ != "thread") return request_.on_token(token, request_.user_data);
  bool goes_on = false;
  std::thread([&] { goes_on = request_.on_token(token, request_.user_data); }).join();
  return goes_on;
}

// Goes on for a while after the call has returned.
void Speech::SendBeside() const {
  std::thread([on_token = request_.on_token, user_data = request_.user_data] {
    for (int each = 0; each < 300; each++) {
      on_token(nullptr, user_data);
      usleep(100);
    }
  }).detach();
}

std::int32_t Speech::Speak(const Vocabulary& vocabulary, Sampler& sampler, std::int32_t most,
                           const std::function<std::uint64_t()>& logits,
                           const std::function<std::int32_t(std::uint64_t)>& decode, std::vector<std::uint64_t>& said,
                           TextResult& result) {
  const std::int64_t start = NowUs();
  const std::vector<std::string> ordered =
      orders_.Has("say") ? SplitTokens(orders_.Text("say")) : std::vector<std::string>();
  const int pace = orders_.Whole("pace", kPaceUs);
  if (odd_ == "null") Send(nullptr);
  if (odd_ == "beside") SendBeside();
  std::int32_t code = 0;
  result.reason = "unknown";
  while (code == 0 && said.size() < static_cast<std::size_t>(most)) {
    if (pace > 0) usleep(static_cast<useconds_t>(pace));
    const std::uint64_t drawn = sampler.Draw(logits());
    const bool over = !ordered.empty() && said.size() == ordered.size();
    const Token token = ordered.empty() || over ? vocabulary.Printable(drawn) : vocabulary.Of(ordered[said.size()]);
    if (over || (ordered.empty() && vocabulary.Ends(token))) {
      result.reason = "eos";
      break;
    }
    said.push_back(token.id);
    if (!Send(token.text.c_str())) {
      LogFrom("plugins/llama_cpp/src/llm.cpp:427:operator()", 3, "User callback requested stop during token generation");
      result.reason = "user";
      if (odd_ == "again") Send("again");
      break;
    }
    result.text += token.text;
    code = decode(token.id);
  }
  if (said.size() >= static_cast<std::size_t>(most)) result.reason = "length";
  result.no_text = orders_.Has("notext");
  result.generated_tokens = static_cast<std::int64_t>(said.size());
  result.decode_us = NowUs() - start;
  return code;
}

std::int32_t Speech::Finish(TextResult& result) {
  if (logger_.joinable()) logger_.join();
  if (orders_.Has("reason")) {
    const std::string reason = orders_.Text("reason");
    result.reason = reason == "none" ? nullptr : Literal(reason);
  }
  if (odd_ == "late") {
    std::thread([on_token = request_.on_token, user_data = request_.user_data] {
      usleep(20'000);
      if (on_token("late", user_data)) Complain("on_token", "a late token was taken");
    }).detach();
  }
  return orders_.Whole("fail", 0);
}

}  // namespace fake
