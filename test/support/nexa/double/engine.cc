#include "engine.h"

#include <sys/mman.h>

#include <cstring>
#include <mutex>
#include <vector>

#include "abi.h"
#include "language_text.h"
#include "log.h"
#include "multimodal_text.h"
#include "record.h"

namespace fake {
namespace {

constexpr std::int32_t kPadding = 256;

// The older generation never frees a multimodal model.
void KeepForever(std::unique_ptr<Gguf> model) {
  static auto* kept = new std::vector<std::unique_ptr<Gguf>>;
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  kept->push_back(std::move(model));
}

void SetDefaults(CreateRequest& request) {
  if (request.n_ctx == 0) request.n_ctx = request.multimodal ? 16384 : 4096;
  if (request.n_batch == 0) request.n_batch = 2048;
  if (request.n_ubatch == 0) request.n_ubatch = abi::kOld ? 512 : 2048;
  if (abi::kOld && request.multimodal) request.n_batch = 4096;
  if (request.n_batch > request.n_ctx) request.n_batch = request.n_ctx;
  request.n_ctx = (request.n_ctx + kPadding - 1) / kPadding * kPadding;
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
  std::unique_ptr<Engine> engine;
  if (request.multimodal) {
    engine = std::make_unique<MultimodalText>(request, orders);
  } else {
    engine = std::make_unique<LanguageText>(request, orders);
  }
  code = engine->LoadFiles();
  if (code == 0) code = engine->TakeMemory();
  return code == 0 ? std::move(engine) : nullptr;
}

std::int32_t Engine::LoadFiles() {
  const std::string memory = orders_.Text("memory");
  model_ = std::make_unique<Gguf>(request_.path, memory == "read" ? Gguf::Memory::kRead : Gguf::Memory::kMapped);
  const std::string architecture = model_->Text("general.architecture");
  std::string problem = model_->Problem();
  if (problem.empty() && architecture != "qwen2" && architecture != "llama") {
    problem = "unknown model architecture: '" + architecture + "'";
  }
  if (!problem.empty()) {
    LogLlama(3, "llama_model_load: error loading model: " + problem);
    LogLlama(3, "llama_model_load_from_file_impl: failed to load model");
    return -100201;
  }
  weights_ = model_->Touch();
  if (memory == "repack") model_->Repack();
  vocabulary_ = std::make_unique<Vocabulary>(*model_, orders_.Has("pairs"));
  if (!request_.multimodal) return 0;
  auto projector = std::make_unique<Gguf>(request_.projector, Gguf::Memory::kRead);
  // As the real one: a model without its projector is created all the same.
  if (!projector->Problem().empty() || projector->Text("general.architecture") != "clip") return 0;
  if (abi::kOld && projector->TypeOf("conv") == 0) Complain("vlm_create", "F32 convolution kernels");
  const std::int64_t width = model_->Whole(architecture + ".embedding_length", 0);
  const std::int64_t projected = projector->Whole("clip.audio.projection_dim", width);
  if (projected != width) {
    LogLlama(3, "mtmd_init_from_file: error: mismatch between text model (n_embd = " + std::to_string(width) +
                    ") and mmproj (n_embd = " + std::to_string(projected) + ")\nhint: you may be using wrong mmproj");
    return 0;
  }
  projector_ = std::move(projector);
  projector_->Touch();
  return 0;
}

std::int32_t Engine::TakeMemory() {
  SetDefaults(request_);
  const std::string architecture = model_->Text("general.architecture");
  const auto whole = [&](const char* key) { return model_->Whole(architecture + key, 0); };
  const std::int64_t heads = whole(".attention.head_count");
  const std::int64_t width = heads > 0 ? whole(".embedding_length") / heads * whole(".attention.head_count_kv") : 0;
  // K and V in F16.
  const std::int64_t kv = whole(".block_count") * request_.n_ctx * width * 2 * 2;
  const std::int64_t compute = model_->Count("tokenizer.ggml.tokens") * request_.n_ubatch * 4;
  taken_bytes_ = static_cast<std::size_t>(kv + compute);
  if (taken_bytes_ > 0) {
    taken_ = mmap(nullptr, taken_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (taken_ == MAP_FAILED) {
      taken_ = nullptr;
      LogLlama(3, "failed to allocate a buffer of " + std::to_string(taken_bytes_) + " bytes for the KV cache");
      return -100201;
    }
    std::memset(taken_, 1, taken_bytes_);
  }
  cache_ = std::make_unique<KvCache>(request_.n_ctx);
  Log(2, "loaded " + request_.path);
  return 0;
}

Engine::~Engine() {
  if (taken_ != nullptr) munmap(taken_, taken_bytes_);
  if (abi::kOld && request_.multimodal && model_ != nullptr) KeepForever(std::move(model_));
}

}  // namespace fake
