// The exported functions: every struct is checked byte by byte, every allocation is counted, every rule of the real
// library's life is held.
#include <dlfcn.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "abi.h"
#include "engine.h"
#include "log.h"
#include "orders.h"
#include "record.h"

#define EXPORT extern "C" __attribute__((visibility("default")))
#if DOUBLE_LAYOUT == 10
#define NAME(call) ml_##call
#else
#define NAME(call) geniex_##call
#endif

namespace fake {
namespace {

struct State {
  std::mutex mutex;
  std::set<void*> lent;
  std::map<void*, std::unique_ptr<Engine>> handles;
  int inits = 0;
  std::string plugin_path;
  bool plugin_used = false;
  std::atomic<bool> living{false};
  std::atomic<void (*)(std::int32_t, const char*)> log{nullptr};
};

State& The() {
  static State* state = new State;
  return *state;
}

#if DOUBLE_LAYOUT == 10
// The published source of the older generation reads and sets the second.
const char* const kVariables[] = {"NEXA_PLUGIN_PATH", "GENIEX_PLUGIN_PATH"};
const char* const kPlugins[] = {"cpu_gpu", "npu"};
#else
const char* const kVariables[] = {"GENIEX_PLUGIN_PATH"};
const char* const kPlugins[] = {"llama_cpp", "qairt"};
#endif

std::string Folder() {
  Dl_info facts{};
  dladdr(reinterpret_cast<void*>(&The), &facts);
  const std::string path = facts.dli_fname;
  return path.substr(0, path.rfind('/'));
}

// The first variable that is set. If none is, all of them are set to the library's own folder.
std::string PluginPath() {
  for (const char* name : kVariables) {
    if (const char* value = std::getenv(name)) return value;
  }
  for (const char* name : kVariables) setenv(name, Folder().c_str(), 1);
  return Folder();
}

// Plugins lie beside the library: a path that another one left shows none. They look for what they need when they are first
// used.
bool HasPlugins() {
  const std::lock_guard<std::mutex> lock(The().mutex);
  if (!std::exchange(The().plugin_used, true) && The().plugin_path == Folder()) The().plugin_path = PluginPath();
  return The().plugin_path == Folder();
}

// Lent memory comes back through `free`, once.
template <class T>
T* Lend(std::size_t bytes) {
  void* memory = std::malloc(bytes);
  const std::lock_guard<std::mutex> lock(The().mutex);
  The().lent.insert(memory);
  return static_cast<T*>(memory);
}

char* LendText(const std::string& text) {
  char* copy = Lend<char>(text.size() + 1);
  std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

// Init, deinit, create and destroy are never beside another.
class Living {
 public:
  explicit Living(const char* call) : line(call) {
    if (The().living.exchange(true)) Complain(call, "beside another of init, deinit, create, destroy");
  }
  ~Living() { The().living = false; }
  Line line;
};

void MustBeInitialized(const char* call) {
  const std::lock_guard<std::mutex> lock(The().mutex);
  if (The().inits == 0) Complain(call, "before init or after deinit");
}

// A handle that is there, and nobody else's at the moment.
class Busy {
 public:
  Busy(const char* call, void* handle, bool multimodal) {
    MustBeInitialized(call);
    const std::lock_guard<std::mutex> lock(The().mutex);
    const auto found = The().handles.find(handle);
    if (found == The().handles.end()) Complain(call, "with a handle that was destroyed or never made");
    engine = found->second.get();
    if (engine->multimodal() != multimodal) Complain(call, "with a handle of the other kind");
    if (engine->busy.exchange(true)) Complain(call, "on two threads at once");
  }
  ~Busy() { engine->busy = false; }
  Engine* engine;
};

void ReadModelConfig(const char* call, const void* base, Line& line, CreateRequest& request) {
  Bytes config(call, "ModelConfig", base, abi::kModel, line);
  request.n_ctx = config.Whole("n_ctx", 0, 0, 1 << 24);
  config.Whole("n_threads", 4, 0, 1024);
  config.Whole("n_threads_batch", 8, 0, 1024);
  request.n_batch = config.Whole("n_batch", 12, 0, 1 << 20);
  request.n_ubatch = config.Whole("n_ubatch", 16, 0, 1 << 20);
  config.Whole("n_seq_max", 20, 0, 1);
  config.Whole("n_gpu_layers", 24, 0, 999);
  if (config.Text("chat_template_path", 32) != nullptr) Complain(call, "a template by path");
  const char* content = config.Text("chat_template_content", 40);
  if (content != nullptr) request.chat_template = content;
  config.Zero("the rest of the configuration", 48, abi::kModel - 48);
}

std::int32_t Made(Living& living, CreateRequest& request, void** handle) {
  bool known = false;
  for (const char* plugin : kPlugins) known = known || request.plugin == plugin;
  if (abi::kOld && request.plugin == "llama_cpp") {
    Log(3, "llama_cpp is now called cpu_gpu");
    known = true;
  }
  if (!known || !HasPlugins()) return -100302;
  if (!request.device.empty() && request.device != "CPU") return -100001;
  std::int32_t code = 0;
  auto engine = Engine::Create(request, code);
  living.line.Whole("code", code);
  if (engine == nullptr) return code;
  if (Orders::InVariable("NEXA_DOUBLE_CREATE").Has("nohandle")) return 0;
  *handle = engine.get();
  const std::lock_guard<std::mutex> lock(The().mutex);
  The().handles.emplace(engine.get(), std::move(engine));
  return 0;
}

std::int32_t Destroyed(const char* call, void* handle, bool multimodal) {
  Living living(call);
  { Busy busy(call, handle, multimodal); }
  std::unique_ptr<Engine> engine;
  {
    const std::lock_guard<std::mutex> lock(The().mutex);
    const auto found = The().handles.find(handle);
    engine = std::move(found->second);
    The().handles.erase(found);
  }
  return 0;
}

std::vector<std::string> Paths(const char* call, const char* name, const void* list, std::int32_t count, Line& line) {
  std::vector<std::string> paths;
  std::string all;
  if ((list == nullptr) != (count == 0)) Complain(call, "a list and its count disagree");
  for (std::int32_t at = 0; at < count; at++) {
    const char* path = static_cast<const char* const*>(list)[at];
    if (path == nullptr) Complain(call, "a path is NULL");
    paths.emplace_back(path);
    all += (at == 0 ? "" : " ") + paths.back();
  }
  line.Text(name, all.c_str());
  return paths;
}

TextRequest ReadText(const char* call, const void* input, std::size_t size, Line& line) {
  TextRequest request;
  Bytes fields(call, "GenerateInput", input, size, line);
  const char* prompt = fields.Text("prompt", 0);
  if (prompt == nullptr) Complain(call, "no prompt");
  request.prompt = prompt;
  const void* config = fields.Pointer("config", 8);
  const void* on_token = fields.Pointer("on_token", 16);
  std::memcpy(&request.on_token, &on_token, sizeof on_token);
  // Not a pointer for us: it is only handed back.
  std::memcpy(&request.user_data, fields.Inner(24, 8), sizeof request.user_data);
  Bytes generation(call, "GenerationConfig", config, abi::kGeneration, line);
  request.max_tokens = generation.Whole("max_tokens", abi::kMaxTokens, 0, 1 << 30);
  if (generation.Pointer("stop", abi::kStop) != nullptr) Complain(call, "stop texts are not the library's work");
  generation.Whole("stop_count", abi::kStopCount, 0, 0);
  const void* sampling = generation.Pointer("sampler_config", abi::kSamplerConfig);
  const void* images = generation.Pointer("image_paths", abi::kImagePaths);
  request.images = Paths(call, "images", images, generation.Whole("image_count", abi::kImageCount, 0, 64), line);
  const void* audio = generation.Pointer("audio_paths", abi::kAudioPaths);
  request.audio = Paths(call, "audio", audio, generation.Whole("audio_count", abi::kAudioCount, 0, 64), line);
  if (sampling == nullptr) return request;
  Bytes sampler(call, "SamplerConfig", sampling, abi::kSampler, line);
  sampler.Real("temperature", 0);
  sampler.Real("top_p", 4);
  request.top_k = sampler.Whole("top_k", 8, 0, 1 << 20);
  sampler.Real("min_p", 12);
  sampler.Real("repetition_penalty", 16);
  sampler.Real("presence_penalty", 20);
  sampler.Real("frequency_penalty", 24);
  request.seed = sampler.Whole("seed", 28, -1, 0x7fffffff);
  if (sampler.Text("grammar_path", 32) != nullptr) Complain(call, "a grammar by path");
  sampler.Text("grammar", 40);
  return request;
}

template <class T>
void Put(void* base, std::size_t at, T value) {
  std::memcpy(static_cast<char*>(base) + at, &value, sizeof value);
}

std::int32_t Generated(const char* call, void* handle, const void* input, std::size_t size, void* output, bool multimodal) {
  Line line(call);
  Busy busy(call, handle, multimodal);
  MustBeZero(call, output, 8 + abi::kProfile);
  const TextRequest request = ReadText(call, input, size, line);
  TextResult result;
  const std::int32_t code = busy.engine->Generate(call, request, result);
  line.Whole("code", code);
  if (result.reason == nullptr && result.no_text && code != 0) return code;
  char* profile = static_cast<char*>(output) + 8;
  // Nothing may depend on what another layout keeps here.
  std::memset(profile, 0x7f, abi::kProfile);
  Put(profile, 0, result.first_us);
#if DOUBLE_LAYOUT == 5
  Put(profile, 8, std::int64_t{17});
  Put(profile, 64, std::int64_t{12});
  Put(profile, 72, std::int64_t{9});
#elif DOUBLE_LAYOUT == 10
  Put(profile, 40, std::int64_t{1'000'000});
#endif
  Put(profile, abi::kPromptTime, result.prompt_us);
  Put(profile, abi::kDecodeTime, result.decode_us);
  Put(profile, abi::kPromptTokens, result.prompt_tokens);
  Put(profile, abi::kGeneratedTokens, result.generated_tokens);
  Put(profile, abi::kStopReason, result.reason);
  Put(output, 0, result.no_text ? nullptr : LendText(result.text));
  return code;
}

std::string RoleOf(const char* call, const char* role) {
  if (role == nullptr) Complain(call, "a role is NULL");
  return role;
}

std::string Rendered(const Engine& engine, const std::string& role, const std::string& content) {
  if (!engine.Template().empty()) return engine.Template() + role + ":" + content + "\n";
  return "<|im_start|>" + role + "\n" + content + "<|im_end|>\n";
}

std::string Ended(const Engine& engine, bool thinking) {
  if (!engine.Template().empty()) return {};
  return std::string("<|im_start|>assistant\n") + (thinking ? "" : "<think></think>");
}

}  // namespace

void Log(int level, const std::string& text) {
  if (const auto log = The().log.load()) log(level, text.c_str());
}

void LogFrom(const char* place, int level, const std::string& text) {
  Log(level, abi::kOld ? text : "[" + std::string(place) + "] " + text);
}

void LogLlama(int level, const std::string& text) {
  LogFrom("plugins/llama_cpp/src/plugin.cpp:52:ggml_to_geniex_log", level, text);
}

}  // namespace fake

using namespace fake;

EXPORT const char* NAME(version)() {
  const char* version = std::getenv("NEXA_DOUBLE_VERSION");
  return version != nullptr ? version : DOUBLE_VERSION;
}

EXPORT std::int32_t NAME(set_log)(void (*log)(std::int32_t, const char*)) {
  The().log = log;
  return 0;
}

EXPORT std::int32_t NAME(init)() {
  Living living("init");
  const Orders orders = Orders::InVariable("NEXA_DOUBLE_INIT");
  orders.Obey();
  if (orders.Has("fail")) {
    Log(4, "init failed by order");
    return orders.Whole("fail", 0);
  }
  const std::lock_guard<std::mutex> lock(The().mutex);
  The().plugin_path = PluginPath();
  The().plugin_used = false;
  The().inits = 1;
  Log(0, "initialized");
  return 0;
}

EXPORT std::int32_t NAME(deinit)() {
  Living living("deinit");
  const std::lock_guard<std::mutex> lock(The().mutex);
  if (The().inits == 0) Complain("deinit", "without init");
  if (!The().handles.empty()) Complain("deinit", std::to_string(The().handles.size()) + " models are left");
  if (!The().lent.empty()) Complain("deinit", std::to_string(The().lent.size()) + " texts were not given back");
  The().inits = 0;
  return 0;
}

EXPORT void NAME(free)(void* memory) {
  if (memory == nullptr) return;
  const std::lock_guard<std::mutex> lock(The().mutex);
  if (The().lent.erase(memory) == 0) Complain("free", "what was not lent, or given back twice");
  std::free(memory);
}

EXPORT const char* NAME(get_error_message)(std::int32_t code) {
  switch (code) {
    case -100000: return "Unknown error";
    case -100001: return "Invalid input parameters or handle";
    case -100003: return "Memory allocation failed";
    case -100004: return "File not found or inaccessible";
    case -100201: return "Model loading failed";
    case -100302: return "Invalid plugin";
    case -200004: return "Context length exceeded";
    case -200101: return "Text generation failed";
    case -200103: return "Input prompt too long";
    case -201101: return "Audio loading failed";
    case -201201: return "Multimodal generation failed";
    case -999: return nullptr;
    default: return "Unknown error";
  }
}

EXPORT std::int32_t NAME(get_plugin_list)(void* output) {
  Line line("get_plugin_list");
  MustBeInitialized("get_plugin_list");
  MustBeZero("get_plugin_list", output, 16);
  if (The().plugin_path != Folder()) return 0;
  char** list = Lend<char*>(sizeof(char*) * std::size(kPlugins));
  for (std::size_t at = 0; at < std::size(kPlugins); at++) list[at] = LendText(kPlugins[at]);
  Put(output, 0, list);
  Put(output, 8, static_cast<std::int32_t>(std::size(kPlugins)));
  return 0;
}

EXPORT std::int32_t NAME(get_device_list)(const void* input, void* output) {
  Line line("get_device_list");
  MustBeInitialized("get_device_list");
  MustBeZero("get_device_list", output, 24);
  Bytes fields("get_device_list", "DeviceListInput", input, 8, line);
  const char* plugin = fields.Text("plugin", 0);
  if (plugin == nullptr || std::strcmp(plugin, kPlugins[0]) != 0 || !HasPlugins()) return -100302;
  // The strings stay ours, so they are not in the list of what is lent.
  static const char* const kIds[] = {"CPU", "GPU0"};
  static const char* const kNames[] = {"Processor", "Graphics"};
  const char** ids = Lend<const char*>(sizeof kIds);
  const char** names = Lend<const char*>(sizeof kNames);
  std::memcpy(ids, kIds, sizeof kIds);
  std::memcpy(names, kNames, sizeof kNames);
  Put(output, 0, ids);
  Put(output, 8, names);
  Put(output, 16, std::int32_t{2});
  return 0;
}

EXPORT std::int32_t NAME(llm_create)(const void* input, void** handle) {
  Living living("llm_create");
  MustBeInitialized("llm_create");
  CreateRequest request;
  Bytes fields("llm_create", "LlmCreateInput", input, abi::kLlmCreate, living.line);
  if (const char* path = fields.Text("model", abi::kLlmPath)) request.path = path;
  if (fields.Text("tokenizer", abi::kLlmTokenizer) != nullptr) Complain("llm_create", "a tokenizer");
  ReadModelConfig("llm_create", fields.Inner(abi::kLlmConfig, abi::kModel), living.line, request);
  if (const char* plugin = fields.Text("plugin", abi::kLlmPlugin)) request.plugin = plugin;
  if (const char* device = fields.Text("device", abi::kLlmDevice)) request.device = device;
  return Made(living, request, handle);
}

EXPORT std::int32_t NAME(vlm_create)(const void* input, void** handle) {
  Living living("vlm_create");
  MustBeInitialized("vlm_create");
  CreateRequest request;
  request.multimodal = true;
  Bytes fields("vlm_create", "VlmCreateInput", input, abi::kVlmCreate, living.line);
  if (const char* path = fields.Text("model", abi::kVlmPath)) request.path = path;
  if (const char* path = fields.Text("projector", abi::kVlmProjector)) request.projector = path;
  if (fields.Text("tokenizer", abi::kVlmTokenizer) != nullptr) Complain("vlm_create", "a tokenizer");
  ReadModelConfig("vlm_create", fields.Inner(abi::kVlmConfig, abi::kModel), living.line, request);
  if (const char* plugin = fields.Text("plugin", abi::kVlmPlugin)) request.plugin = plugin;
  if (const char* device = fields.Text("device", abi::kVlmDevice)) request.device = device;
  return Made(living, request, handle);
}

EXPORT std::int32_t NAME(llm_destroy)(void* handle) { return Destroyed("llm_destroy", handle, false); }
EXPORT std::int32_t NAME(vlm_destroy)(void* handle) { return Destroyed("vlm_destroy", handle, true); }

EXPORT std::int32_t NAME(llm_reset)(void* handle) {
  Line line("llm_reset");
  Busy("llm_reset", handle, false).engine->Reset();
  return 0;
}

EXPORT std::int32_t NAME(vlm_reset)(void* handle) {
  Line line("vlm_reset");
  Busy("vlm_reset", handle, true).engine->Reset();
  return 0;
}

EXPORT std::int32_t NAME(llm_generate)(void* handle, const void* input, void* output) {
  return Generated("llm_generate", handle, input, abi::kOld ? 32 : 48, output, false);
}

EXPORT std::int32_t NAME(vlm_generate)(void* handle, const void* input, void* output) {
  return Generated("vlm_generate", handle, input, 32, output, true);
}

EXPORT std::int32_t NAME(llm_apply_chat_template)(void* handle, const void* input, void* output) {
  const char* call = "llm_apply_chat_template";
  Line line(call);
  Busy busy(call, handle, false);
  MustBeZero(call, output, 8);
  Bytes fields(call, "LlmApplyChatTemplateInput", input, 32, line);
  const auto* messages = static_cast<const char* const*>(fields.Pointer("messages", 0));
  const std::int32_t count = fields.Whole("message_count", 8, 1, 1000);
  const char* tools = fields.Text("tools", 16);
  const bool thinking = fields.Flag("enable_thinking", 24);
  const bool prompts = fields.Flag("add_generation_prompt", 25);
  std::string text = tools != nullptr ? Rendered(*busy.engine, "system", tools) : std::string();
  for (std::int32_t at = 0; at < count; at++) {
    const std::string role = RoleOf(call, messages[2 * at]);
    if (messages[2 * at + 1] == nullptr) Complain(call, "a content is NULL");
    text += Rendered(*busy.engine, role, messages[2 * at + 1]);
  }
  if (text.find("<<double template") != std::string::npos) return -200001;
  Put(output, 0, LendText(text + (prompts ? Ended(*busy.engine, thinking) : "")));
  return 0;
}

EXPORT std::int32_t NAME(vlm_apply_chat_template)(void* handle, const void* input, void* output) {
  const char* call = "vlm_apply_chat_template";
  Line line(call);
  Busy busy(call, handle, true);
  MustBeZero(call, output, 8);
  Bytes fields(call, "VlmApplyChatTemplateInput", input, 32, line);
  const auto* messages = static_cast<const char*>(fields.Pointer("messages", 0));
  const std::int32_t count = fields.Whole("message_count", 8, 1, 1000);
  const char* tools = fields.Text("tools", 16);
  const bool thinking = fields.Flag("enable_thinking", 24);
  if (fields.Flag("grounding", 25)) Complain(call, "grounding");
  std::string text = tools != nullptr ? Rendered(*busy.engine, "system", tools) : std::string();
  for (std::int32_t at = 0; at < count; at++) {
    Bytes message(call, "VlmChatMessage", messages + std::ptrdiff_t{24} * at, 24, line);
    const std::string role = RoleOf(call, message.Text("role", 0));
    const auto* contents = static_cast<const char* const*>(message.Pointer("contents", 8));
    std::int64_t parts = 0;
    std::memcpy(&parts, message.Inner(16, 8), sizeof parts);
    std::string content;
    for (std::int64_t part = 0; part < parts; part++) {
      const char* type = contents[2 * part];
      const char* said = contents[2 * part + 1];
      if (type == nullptr || said == nullptr) Complain(call, "a content is NULL");
      content += std::strcmp(type, "text") == 0 ? said : "<__media__>";
    }
    text += Rendered(*busy.engine, role, content);
  }
  Put(output, 0, LendText(text + Ended(*busy.engine, thinking)));
  return 0;
}

EXPORT std::int32_t NAME(llm_save_kv_cache)(void* handle, const void* input, void* output) {
  Line line("llm_save_kv_cache");
  Busy busy("llm_save_kv_cache", handle, false);
  MustBeZero("llm_save_kv_cache", output, 8);
  return busy.engine->Save(Bytes("llm_save_kv_cache", "KvCacheSaveInput", input, 8, line).Text("path", 0));
}

EXPORT std::int32_t NAME(llm_load_kv_cache)(void* handle, const void* input, void* output) {
  Line line("llm_load_kv_cache");
  Busy busy("llm_load_kv_cache", handle, false);
  MustBeZero("llm_load_kv_cache", output, 8);
  return busy.engine->Load(Bytes("llm_load_kv_cache", "KvCacheLoadInput", input, 8, line).Text("path", 0));
}

#if DOUBLE_LAYOUT != 10
EXPORT const char* geniex_get_plugin_version(const char*) { return "1"; }

EXPORT std::int32_t geniex_vlm_get_capabilities(void* handle, void* output) {
  Line line("vlm_get_capabilities");
  Busy busy("vlm_get_capabilities", handle, true);
  MustBeZero("vlm_get_capabilities", output, 2);
  Put(output, 0, busy.engine->Sees());
  Put(output, 1, busy.engine->Hears());
  return 0;
}
#endif
