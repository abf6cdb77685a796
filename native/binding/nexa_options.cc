#include "nexa_options.h"

#include <string>
#include <utility>
#include <vector>

#include "read_value.h"

namespace guard::binding {

using namespace guard::nexa;

namespace {

// The members of one object, until the first that cannot be read.
class Members {
 public:
  Members(napi_env env, napi_value object, const char* name)
      : env_(env), object_(object), good_(ReadObject(env, object, name)) {}

  template <class Target>
  Members& Read(const char* name, Reader<Target> read, Target& target) {
    good_ = good_ && ReadMember(env_, object_, name, read, target);
    return *this;
  }
  Members& Text(const char* name, std::string& text) { return Read(name, ReadText, text); }
  Members& Path(const char* name, std::string& path) { return Read(name, ReadPath, path); }
  Members& Integer(const char* name, std::int32_t& integer) { return Read(name, ReadInteger, integer); }
  Members& Float(const char* name, float& number) {
    double read = number;
    Read(name, ReadNumber, read);
    number = static_cast<float>(read);
    return *this;
  }
  bool Good() const { return good_; }

 private:
  napi_env env_;
  napi_value object_;
  bool good_;
};

bool ReadOptionalFlag(napi_env env, napi_value value, const char* name, std::optional<bool>& flag) {
  return ReadFlag(env, value, name, flag.emplace());
}

bool ReadTokenCount(napi_env env, napi_value value, const char* name, std::int64_t& tokens) {
  std::int32_t count = 0;
  if (!ReadInteger(env, value, name, count)) return false;
  tokens = count;
  return true;
}

bool ReadParts(napi_env env, napi_value value, const char* name, std::vector<Part>& parts) {
  std::vector<napi_value> items;
  if (!ReadList(env, value, name, items)) return false;
  for (const napi_value item : items) {
    Part part;
    if (!Members(env, item, name).Text("type", part.type).Text("text", part.text).Good()) return false;
    parts.push_back(std::move(part));
  }
  return true;
}

bool ReadMessages(napi_env env, napi_value value, const char* name, std::vector<Message>& messages) {
  std::vector<napi_value> items;
  if (!ReadList(env, value, name, items)) return false;
  for (const napi_value item : items) {
    Message message;
    if (!Members(env, item, name).Text("role", message.role).Read("parts", ReadParts, message.parts).Good()) return false;
    messages.push_back(std::move(message));
  }
  return true;
}

}  // namespace

bool ReadLoadSpec(napi_env env, napi_value options, LoadSpec& spec) {
  return Members(env, options, "load")
      .Path("modelPath", spec.model_path)
      .Path("projectorPath", spec.projector_path)
      .Text("chatTemplate", spec.chat_template)
      .Text("pluginId", spec.plugin_id)
      .Text("deviceId", spec.device_id)
      .Integer("contextSize", spec.context_size)
      .Integer("threads", spec.threads)
      .Integer("batchSize", spec.batch_size)
      .Integer("microBatchSize", spec.micro_batch_size)
      .Integer("gpuLayers", spec.gpu_layers)
      .Read("addsBos", ReadOptionalFlag, spec.adds_bos)
      .Read("specialTokens", ReadTexts, spec.special_tokens)
      .Good();
}

bool ReadChat(napi_env env, napi_value options, Chat& chat) {
  return Members(env, options, "chat")
      .Text("tools", chat.tools)
      .Read("thinking", ReadFlag, chat.thinking)
      .Read("messages", ReadMessages, chat.messages)
      .Good();
}

bool ReadGenerateSpec(napi_env env, napi_value options, GenerateSpec& spec) {
  return ReadChat(env, options, spec.chat) && Members(env, options, "generate")
                                                  .Text("prompt", spec.prompt)
                                                  .Integer("maxTokens", spec.max_tokens)
                                                  .Read("truncate", ReadFlag, spec.truncate)
                                                  .Read("stop", ReadTexts, spec.stop)
                                                  .Read("images", ReadTexts, spec.images)
                                                  .Read("audio", ReadTexts, spec.audio)
                                                  .Float("temperature", spec.sampling.temperature)
                                                  .Float("topP", spec.sampling.top_p)
                                                  .Float("minP", spec.sampling.min_p)
                                                  .Integer("topK", spec.sampling.top_k)
                                                  .Float("repetitionPenalty", spec.sampling.repetition_penalty)
                                                  .Float("presencePenalty", spec.sampling.presence_penalty)
                                                  .Float("frequencyPenalty", spec.sampling.frequency_penalty)
                                                  .Integer("seed", spec.sampling.seed)
                                                  .Text("grammar", spec.sampling.grammar)
                                                  .Good();
}

bool ReadHeldText(napi_env env, napi_value options, HeldText& held) {
  return Members(env, options, "held")
      .Read("text", ReadBytes, held.text)
      .Read("tokens", ReadTokenCount, held.tokens)
      .Good();
}

}  // namespace guard::binding
