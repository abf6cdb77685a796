// Calls a build of llama.cpp, whose C++ is libstdc++'s.
#include "../engine_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <limits>
#include <utility>

namespace guard::engine {
namespace {

// Structures beyond 16 bytes travel in memory on x64 and arm64: behind a pointer, or at the bottom of what the caller put
// on the stack. So this stands for every one of them.
struct alignas(8) Parameters {
  static constexpr std::size_t kBytes = 1024;
  unsigned char bytes[kBytes];
};

Parameters ReadParameters(const std::string& bytes) {
  Parameters parameters{};
  std::memcpy(parameters.bytes, bytes.data(), std::min(bytes.size(), Parameters::kBytes));
  return parameters;
}

// What libstdc++ makes of a std::map: its tree, and in each node the pair behind the links.
struct TreeNode {
  std::size_t color;
  const TreeNode* parent;
  const TreeNode* left;
  const TreeNode* right;
};

struct Tree {
  std::size_t compare;
  TreeNode header;
  std::size_t count;
  // A returned map is built in the caller's place. It is never destroyed: its library's allocator has it.
  unsigned char spare[64];
};

template <class Visit>
void VisitNodes(const TreeNode* node, const Visit& visit) {
  for (; node != nullptr; node = node->right) {
    VisitNodes(node->left, visit);
    visit(reinterpret_cast<const void*>(node + 1));
  }
}

struct BufferEntry {
  void* type;
  std::size_t weights, context, compute;
};

struct DeviceEntry {
  void* device;
  std::size_t bytes;
};

std::string log_text;

void TakeLine(int, const char* text, void*) {
  try {
    if (text != nullptr) log_text += text;
  } catch (...) {
    // A line less.
  }
}

double ReadHeldBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kibibytes = 0;
    if (word == "RssAnon:" && status >> kibibytes) return kibibytes * 1024;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

using Log = void(int, const char*, void*);

class Symbols {
 public:
  bool Open(const std::vector<std::string>& files, std::string& problem) {
    for (const std::string& file : files) {
      // A file for Node asks for functions of Node that are never called here.
      void* handle = dlopen(file.c_str(), RTLD_LAZY | RTLD_GLOBAL);
      if (handle == nullptr) {
        const char* reason = dlerror();
        problem = reason != nullptr ? reason : file + " can't be loaded";
        return false;
      }
      handles_.push_back(handle);
    }
    return true;
  }

  template <class Function>
  Function* Find(const char* name) const {
    for (void* handle : handles_) {
      if (void* symbol = dlsym(handle, name)) return reinterpret_cast<Function*>(symbol);
    }
    return nullptr;
  }

 private:
  std::vector<void*> handles_;
};

struct Calls {
  Parameters (*model_defaults)();
  Parameters (*context_defaults)();
  Parameters (*projector_defaults)();
  void* (*load_model)(const char*, Parameters);
  void (*free_model)(void*);
  void* (*init_context)(void*, Parameters);
  void (*free_context)(void*);
  Tree (*breakdown)(const void*);
  Tree (*projector_usage)(const char*, Parameters);
  const char* (*buffer_name)(void*);
  bool (*buffer_is_host)(void*);
  const char* (*device_name)(void*);
  void* (*load_adapter)(void*, const char*);
  int (*set_adapters)(void*, void**, std::size_t, float*);
  void (*reserve)(void*);
};

template <class Function>
bool Bind(const Symbols& symbols, std::initializer_list<const char*> names, Function*& function) {
  for (const char* name : names) {
    function = symbols.Find<Function>(name);
    if (function != nullptr) return true;
  }
  return false;
}

class Model final : public EngineModel {
 public:
  Model(const Calls& calls, void* model) : calls_(calls), model_(model) {}
  ~Model() override { calls_.free_model(model_); }

  bool Measure(const std::string& parameters, std::vector<BufferBytes>& buffers, double& held_bytes) override {
    void* context = calls_.init_context(model_, ReadParameters(parameters));
    if (context == nullptr) return false;
    const bool adapted = adapters_.empty() || Adapt(context);
    if (adapted) {
      const Tree tree = calls_.breakdown(context);
      VisitNodes(tree.header.parent, [&](const void* pair) {
        const auto& entry = *static_cast<const BufferEntry*>(pair);
        buffers.push_back({calls_.buffer_name(entry.type), calls_.buffer_is_host(entry.type),
                           static_cast<double>(entry.weights), static_cast<double>(entry.context),
                           static_cast<double>(entry.compute)});
      });
      held_bytes = ReadHeldBytes();
    }
    calls_.free_context(context);
    return adapted;
  }

  bool AddAdapter(const std::string& path) override {
    if (calls_.load_adapter == nullptr || calls_.set_adapters == nullptr || calls_.reserve == nullptr) return false;
    void* adapter = calls_.load_adapter(model_, path.c_str());
    if (adapter != nullptr) adapters_.push_back(adapter);
    return adapter != nullptr;
  }

 private:
  bool Adapt(void* context) {
    std::vector<float> scales(adapters_.size(), 1.0F);
    if (calls_.set_adapters(context, adapters_.data(), adapters_.size(), scales.data()) != 0) return false;
    calls_.reserve(context);
    return true;
  }

  const Calls& calls_;
  void* model_;
  std::vector<void*> adapters_;
};

std::string ReadDefaults(Parameters (*defaults)()) {
  if (defaults == nullptr) return {};
  const Parameters parameters = defaults();
  return {reinterpret_cast<const char*>(parameters.bytes), Parameters::kBytes};
}

class Library final : public EngineLibrary {
 public:
  bool Open(const std::vector<std::string>& files, const std::string& backends, std::string& problem) {
    if (!symbols_.Open(files, problem)) return false;
    const Symbols& symbols = symbols_;
    const bool complete =
        Bind(symbols, {"llama_model_default_params"}, calls_.model_defaults) &&
        Bind(symbols, {"llama_context_default_params"}, calls_.context_defaults) &&
        Bind(symbols, {"llama_model_load_from_file"}, calls_.load_model) &&
        Bind(symbols, {"llama_model_free"}, calls_.free_model) &&
        Bind(symbols, {"llama_init_from_model"}, calls_.init_context) &&
        Bind(symbols, {"llama_free"}, calls_.free_context) &&
        Bind(symbols, {"_Z26llama_get_memory_breakdownPK13llama_context", "_ZNK13llama_context16memory_breakdownEv"},
             calls_.breakdown) &&
        Bind(symbols, {"ggml_backend_buft_name"}, calls_.buffer_name) &&
        Bind(symbols, {"ggml_backend_buft_is_host"}, calls_.buffer_is_host) &&
        Bind(symbols, {"ggml_backend_dev_name"}, calls_.device_name);
    if (!complete) {
      problem = "it lacks functions by which it tells what a load takes";
      return false;
    }
    (void)Bind(symbols, {"mtmd_context_params_default"}, calls_.projector_defaults);
    (void)Bind(symbols, {"_Z21mtmd_get_memory_usagePKc19mtmd_context_params"}, calls_.projector_usage);
    (void)Bind(symbols, {"llama_adapter_lora_init"}, calls_.load_adapter);
    (void)Bind(symbols, {"llama_set_adapters_lora"}, calls_.set_adapters);
    (void)Bind(symbols, {"_ZN13llama_context13sched_reserveEv"}, calls_.reserve);
    Listen("llama_log_set");
    Listen("mtmd_log_set");
    if (auto* load = symbols.Find<void(const char*)>("ggml_backend_load_all_from_path");
        load != nullptr && !backends.empty()) {
      load(backends.c_str());
    }
    if (auto* init = symbols.Find<void()>("llama_backend_init")) init();
    return true;
  }

  std::string ModelDefaults() override { return ReadDefaults(calls_.model_defaults); }
  std::string ContextDefaults() override { return ReadDefaults(calls_.context_defaults); }
  std::string ProjectorDefaults() override { return ReadDefaults(calls_.projector_defaults); }

  std::unique_ptr<EngineModel> OpenModel(const std::string& path, const std::string& parameters) override {
    void* model = calls_.load_model(path.c_str(), ReadParameters(parameters));
    return model == nullptr ? nullptr : std::make_unique<Model>(calls_, model);
  }

  bool MeasureProjector(const std::string& path, const std::string& parameters,
                        std::vector<DeviceBytes>& devices) override {
    if (calls_.projector_usage == nullptr) return false;
    const Tree tree = calls_.projector_usage(path.c_str(), ReadParameters(parameters));
    VisitNodes(tree.header.parent, [&](const void* pair) {
      const auto& entry = *static_cast<const DeviceEntry*>(pair);
      devices.push_back({calls_.device_name(entry.device), static_cast<double>(entry.bytes)});
    });
    return !devices.empty();
  }

  double HeldBytes() override { return ReadHeldBytes(); }

  std::string TakeLog() override { return std::exchange(log_text, {}); }

 private:
  void Listen(const char* name) {
    if (auto* listen = symbols_.Find<void(Log*, void*)>(name)) listen(TakeLine, nullptr);
  }

  Symbols symbols_;
  Calls calls_{};
};

}  // namespace

bool EngineLibrarySupported() noexcept { return true; }

std::unique_ptr<EngineLibrary> OpenEngineLibrary(const std::vector<std::string>& files, const std::string& backends,
                                                 std::string& problem) {
  auto library = std::make_unique<Library>();
  if (!library->Open(files, backends, problem)) return nullptr;
  return library;
}

}  // namespace guard::engine
