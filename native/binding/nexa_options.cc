#include "nexa_options.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace guard::binding {

using namespace guard::nexa;

namespace {

std::string ReadText(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

std::int32_t ReadInteger(const Napi::Object& options, const char* name, std::int32_t missing = 0) {
  const Napi::Value value = options.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : missing;
}

float ReadFloat(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().FloatValue() : 0.0F;
}

template <class Take>
void ForEach(const Napi::Object& options, const char* name, Take take) {
  const Napi::Value value = options.Get(name);
  if (!value.IsArray()) return;
  const Napi::Array list = value.As<Napi::Array>();
  for (std::uint32_t at = 0; at < list.Length(); at++) take(list.Get(at));
}

std::vector<std::string> ReadTexts(const Napi::Object& options, const char* name) {
  std::vector<std::string> texts;
  ForEach(options, name, [&texts](const Napi::Value& value) {
    if (value.IsString()) texts.push_back(value.As<Napi::String>().Utf8Value());
  });
  return texts;
}

}  // namespace

Napi::Object GetOptions(const Napi::CallbackInfo& info, std::size_t index) {
  const bool given = index < info.Length() && info[index].IsObject();
  return given ? info[index].As<Napi::Object>() : Napi::Object::New(info.Env());
}

std::string GetText(const Napi::CallbackInfo& info, std::size_t index) {
  const bool given = index < info.Length() && info[index].IsString();
  return given ? info[index].As<Napi::String>().Utf8Value() : std::string();
}

napi_value GetListener(const Napi::CallbackInfo& info, std::size_t index) {
  return index < info.Length() && info[index].IsFunction() ? static_cast<napi_value>(info[index]) : nullptr;
}

LoadSpec ReadLoadSpec(const Napi::Object& options) {
  LoadSpec spec;
  spec.model_path = ReadText(options, "modelPath");
  spec.projector_path = ReadText(options, "projectorPath");
  spec.chat_template = ReadText(options, "chatTemplate");
  spec.plugin_id = ReadText(options, "pluginId");
  spec.device_id = ReadText(options, "deviceId");
  spec.context_size = ReadInteger(options, "contextSize");
  spec.threads = ReadInteger(options, "threads");
  spec.batch_size = ReadInteger(options, "batchSize");
  spec.micro_batch_size = ReadInteger(options, "microBatchSize");
  spec.gpu_layers = ReadInteger(options, "gpuLayers");
  const Napi::Value adds_bos = options.Get("addsBos");
  if (adds_bos.IsBoolean()) spec.adds_bos = adds_bos.As<Napi::Boolean>().Value();
  spec.special_tokens = ReadTexts(options, "specialTokens");
  return spec;
}

Chat ReadChat(const Napi::Object& options) {
  Chat chat;
  chat.tools = ReadText(options, "tools");
  const Napi::Value thinking = options.Get("thinking");
  chat.thinking = !thinking.IsBoolean() || thinking.As<Napi::Boolean>().Value();
  ForEach(options, "messages", [&chat](const Napi::Value& value) {
    if (!value.IsObject()) return;
    const Napi::Object given = value.As<Napi::Object>();
    Message message{ReadText(given, "role"), {}};
    ForEach(given, "parts", [&message](const Napi::Value& part) {
      if (!part.IsObject()) return;
      const Napi::Object object = part.As<Napi::Object>();
      message.parts.push_back({ReadText(object, "type"), ReadText(object, "text")});
    });
    chat.messages.push_back(std::move(message));
  });
  return chat;
}

GenerateSpec ReadGenerateSpec(const Napi::Object& options) {
  GenerateSpec spec;
  spec.chat = ReadChat(options);
  spec.prompt = ReadText(options, "prompt");
  spec.max_tokens = ReadInteger(options, "maxTokens");
  const Napi::Value truncate = options.Get("truncate");
  spec.truncate = truncate.IsBoolean() && truncate.As<Napi::Boolean>().Value();
  spec.stop = ReadTexts(options, "stop");
  spec.images = ReadTexts(options, "images");
  spec.audio = ReadTexts(options, "audio");
  spec.sampling.temperature = ReadFloat(options, "temperature");
  spec.sampling.top_p = ReadFloat(options, "topP");
  spec.sampling.min_p = ReadFloat(options, "minP");
  spec.sampling.top_k = ReadInteger(options, "topK");
  spec.sampling.repetition_penalty = ReadFloat(options, "repetitionPenalty");
  spec.sampling.presence_penalty = ReadFloat(options, "presencePenalty");
  spec.sampling.frequency_penalty = ReadFloat(options, "frequencyPenalty");
  spec.sampling.seed = ReadInteger(options, "seed", -1);
  spec.sampling.grammar = ReadText(options, "grammar");
  return spec;
}

HeldText ReadHeldText(const Napi::Object& options) {
  HeldText held;
  const Napi::Value text = options.Get("text");
  if (text.IsBuffer()) {
    const auto bytes = text.As<Napi::Buffer<char>>();
    held.text.assign(bytes.Data(), bytes.Length());
  }
  held.tokens = ReadInteger(options, "tokens");
  return held;
}

}  // namespace guard::binding
