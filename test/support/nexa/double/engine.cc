#include "engine.h"

#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

#include "abi.h"
#include "record.h"

namespace fake {
namespace {

constexpr std::int64_t kAudioTokens = 1500, kImageTokens = 256;
constexpr int kPaceUs = 200;

std::uint64_t Mix(std::uint64_t state, const std::string& text) {
  for (const char each : text) state = (state ^ static_cast<unsigned char>(each)) * 0x100000001b3;
  return state;
}

std::uint64_t Next(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

std::string FileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool Sounds(const std::string& bytes) {
  return bytes.size() > 44 && (bytes.compare(0, 4, "RIFF") == 0 || bytes.compare(0, 4, "fLaC") == 0);
}

std::int64_t NowUs() {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
  }
  return bytes;
}

std::vector<std::string> Tokens(const std::string& list) {
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    tokens.push_back(FromHex(list.substr(at, end - at)));
    at = end + 1;
  }
  return tokens;
}

}  // namespace

std::unique_ptr<Engine> Engine::Create(const CreateRequest& request, std::int32_t& code) {
  const Orders orders = Orders::InVariable("NEXA_DOUBLE_CREATE");
  orders.Obey();
  code = orders.Whole("fail", 0);
  if (code != 0) {
    Log(4, "failed by order");
    return nullptr;
  }
  std::unique_ptr<Engine> engine(new Engine(request));
  code = engine->TakeMemory();
  return code == 0 ? std::move(engine) : nullptr;
}

std::int32_t Engine::TakeMemory() {
  model_ = std::make_unique<Gguf>(request_.path, Gguf::Memory::kMapped);
  if (!model_->Problem().empty()) {
    Log(4, "error loading model: " + model_->Problem());
    return -100201;
  }
  const std::string architecture = model_->Text("general.architecture");
  if (architecture != "qwen2" && architecture != "llama") {
    Log(4, "error loading model: unknown model architecture: '" + architecture + "'");
    return -100201;
  }
  if (request_.multimodal) {
    auto projector = std::make_unique<Gguf>(request_.projector, Gguf::Memory::kRead);
    // As the real one: a model without its projector is created all the same.
    if (projector->Problem().empty() && projector->Text("general.architecture") == "clip") {
      if (abi::kOld && projector->TypeOf("conv") == 0) Complain("vlm_create", "F32 convolution kernels");
      projector_ = std::move(projector);
      projector_->Touch();
    }
  }
  if (request_.n_ctx == 0) request_.n_ctx = request_.multimodal ? 16384 : 4096;
  if (request_.n_batch == 0) request_.n_batch = 2048;
  if (request_.n_ubatch == 0) request_.n_ubatch = abi::kOld ? 512 : 2048;
  const auto whole = [&](const char* key) { return model_->Whole(architecture + key, 0); };
  const std::int64_t heads = whole(".attention.head_count");
  const std::int64_t width = heads > 0 ? whole(".embedding_length") / heads * whole(".attention.head_count_kv") : 0;
  // K and V in F16.
  const std::int64_t kv = whole(".block_count") * request_.n_ctx * width * 2 * 2;
  const std::int64_t compute = model_->Count("tokenizer.ggml.tokens") * request_.n_ubatch * 4;
  cache_bytes_ = static_cast<std::size_t>(kv + compute);
  if (cache_bytes_ > 0) {
    cache_ = mmap(nullptr, cache_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (cache_ == MAP_FAILED) {
      cache_ = nullptr;
      Log(4, "failed to allocate a buffer of " + std::to_string(cache_bytes_) + " bytes for the KV cache");
      return -100003;
    }
    std::memset(cache_, 1, cache_bytes_);
  }
  weights_ = model_->Touch();
  Log(2, "loaded " + request_.path);
  return 0;
}

Engine::~Engine() {
  if (cache_ != nullptr) munmap(cache_, cache_bytes_);
}

void Engine::Reset() {
  fresh_ = true;
  held_.clear();
  held_media_.clear();
}

std::string Engine::Token(std::uint64_t& state, bool& ends) const {
  const auto id = static_cast<std::int64_t>(Next(state) % 94);
  ends = id == model_->Whole("tokenizer.ggml.eos_token_id", -1);
  return std::string(1, static_cast<char>(33 + id));
}

std::int32_t Engine::Generate(const char* call, const TextRequest& request, TextResult& result) {
  const std::int64_t start = NowUs();
  if (request.prompt.empty() && fresh_) Complain(call, "an empty prompt on a fresh model");
  if (request_.multimodal && projector_ == nullptr) Complain(call, "a text without the projector");
  const Orders orders = Orders::InPrompt(request.prompt);
  std::vector<std::string> media = request.images;
  media.insert(media.end(), request.audio.begin(), request.audio.end());
  std::int64_t marks = 0;
  for (std::size_t at = request.prompt.find("<__media__>"); at != std::string::npos;) {
    marks++;
    at = request.prompt.find("<__media__>", at + 1);
  }
  if (request_.multimodal) {
    if (marks != static_cast<std::int64_t>(media.size())) {
      Log(4, "number of media does not match the number of marks");
      return -201201;
    }
    const bool grows = request.prompt.compare(0, held_.size(), held_) == 0 && media.size() >= held_media_.size() &&
                       std::equal(held_media_.begin(), held_media_.end(), media.begin());
    if (!fresh_ && (!grows || orders.Has("changed"))) {
      Log(4, "the prompt changed");
      return -201201;
    }
  }
  std::uint64_t state = Mix(weights_, request.prompt);
  for (const std::string& path : request.audio) {
    const std::string bytes = FileText(path);
    if (!Sounds(bytes)) {
      Log(4, "failed to decode " + path);
      return -201101;
    }
    state = Mix(state, bytes);
  }
  for (const std::string& path : request.images) state = Mix(state, FileText(path));
  orders.Obey();
  result.prompt_tokens = static_cast<std::int64_t>(request.prompt.size()) - (request_.multimodal ? marks * 11 : 0) +
                         static_cast<std::int64_t>(request.audio.size()) * kAudioTokens +
                         static_cast<std::int64_t>(request.images.size()) * kImageTokens;
  if (result.prompt_tokens >= request_.n_ctx) return abi::kOld ? -200101 : -200103;
  fresh_ = false;
  if (request.top_k != 1) {
    std::random_device device;
    const std::uint64_t seed =
        request.seed == -1 ? (std::uint64_t{device()} << 32) | device() : static_cast<std::uint64_t>(request.seed);
    state ^= seed * 0x9e3779b97f4a7c15;
  }
  const std::vector<std::string> said = orders.Has("say") ? Tokens(orders.Text("say")) : std::vector<std::string>();
  const std::string odd = orders.Text("odd");
  const std::int32_t most = request.max_tokens > 0 ? request.max_tokens : request_.multimodal ? 512 : 128;
  result.first_us = result.prompt_us = NowUs() - start;
  result.reason = "length";
  result.no_text = orders.Has("notext");
  std::thread logger;
  if (orders.Has("logs")) {
    logger = std::thread([count = orders.Whole("logs", 0)] {
      for (int line = 0; line < count; line++) {
        for (int level = 0; level <= 4; level++) Log(level, "line " + std::to_string(line));
      }
    });
  }
  const auto send = [&](const char* token) {
    if (odd != "thread") return request.on_token(token, request.user_data);
    bool goes_on = false;
    std::thread([&] { goes_on = request.on_token(token, request.user_data); }).join();
    return goes_on;
  };
  if (odd == "null") send(nullptr);
  if (odd == "beside") {
    // Goes on for a while after the call has returned.
    std::thread([on_token = request.on_token, user_data = request.user_data] {
      for (int each = 0; each < 300; each++) {
        on_token(nullptr, user_data);
        usleep(100);
      }
    }).detach();
  }
  const int pace = orders.Whole("pace", kPaceUs);
  while (result.generated_tokens < most) {
    if (!said.empty() && static_cast<std::size_t>(result.generated_tokens) == said.size()) {
      result.reason = "eos";
      break;
    }
    if (result.prompt_tokens + result.generated_tokens >= request_.n_ctx) {
      // The older one has no word for it.
      if (!abi::kOld) result.reason = "context_length";
      break;
    }
    if (pace > 0) usleep(static_cast<useconds_t>(pace));
    bool ends = false;
    const std::string token = said.empty() ? Token(state, ends) : said[static_cast<std::size_t>(result.generated_tokens)];
    if (ends) {
      result.reason = "eos";
      break;
    }
    result.generated_tokens++;
    if (!send(token.c_str())) {
      result.reason = "user";
      if (odd == "again") send("again");
      break;
    }
    result.text += token;
  }
  if (logger.joinable()) logger.join();
  result.decode_us = NowUs() - start - result.prompt_us;
  held_ = request.prompt + result.text;
  held_media_ = media;
  if (orders.Has("reason")) {
    // As the real one's literals: valid as long as the library is.
    static auto* literals = new std::set<std::string>;
    static std::mutex mutex;
    const std::lock_guard<std::mutex> lock(mutex);
    const std::string& kept = *literals->insert(orders.Text("reason")).first;
    result.reason = kept == "none" ? nullptr : kept.c_str();
  }
  if (odd == "late") {
    std::thread([on_token = request.on_token, user_data = request.user_data] {
      usleep(20'000);
      if (on_token("late", user_data)) Complain("on_token", "a late token was taken");
    }).detach();
  }
  return orders.Whole("fail", 0);
}

std::int32_t Engine::Save(const char* path) {
  std::ofstream file(path, std::ios::binary);
  file << "KVCACHE" << held_;
  return file.good() ? 0 : -100004;
}

std::int32_t Engine::Load(const char* path) {
  const std::string bytes = FileText(path);
  if (bytes.compare(0, 7, "KVCACHE") != 0) {
    Log(4, "not a KV cache");
    return -100004;
  }
  held_ = bytes.substr(7);
  fresh_ = false;
  return 0;
}

}  // namespace fake
