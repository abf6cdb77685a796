#include "nexa_options.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace guard::binding {

using namespace guard::nexa;

namespace {

std::string Text(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

std::int32_t Whole(const Napi::Object& options, const char* name, std::int32_t missing = 0) {
  const Napi::Value value = options.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : missing;
}

float Real(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().FloatValue() : 0.0F;
}

template <class Take>
void Each(const Napi::Object& options, const char* name, Take take) {
  const Napi::Value value = options.Get(name);
  if (!value.IsArray()) return;
  const Napi::Array list = value.As<Napi::Array>();
  for (std::uint32_t at = 0; at < list.Length(); at++) take(list.Get(at));
}

std::vector<std::string> Texts(const Napi::Object& options, const char* name) {
  std::vector<std::string> texts;
  Each(options, name, [&texts](const Napi::Value& value) {
    if (value.IsString()) texts.push_back(value.As<Napi::String>().Utf8Value());
  });
  return texts;
}

}  // namespace

Napi::Object OptionsIn(const Napi::CallbackInfo& info, std::size_t index) {
  const bool given = index < info.Length() && info[index].IsObject();
  return given ? info[index].As<Napi::Object>() : Napi::Object::New(info.Env());
}

std::string TextIn(const Napi::CallbackInfo& info, std::size_t index) {
  const bool given = index < info.Length() && info[index].IsString();
  return given ? info[index].As<Napi::String>().Utf8Value() : std::string();
}

napi_value ListenerIn(const Napi::CallbackInfo& info, std::size_t index) {
  return index < info.Length() && info[index].IsFunction() ? static_cast<napi_value>(info[index]) : nullptr;
}

LoadSpec LoadSpecOf(const Napi::Object& options) {
  LoadSpec spec;
  spec.model_path = Text(options, "modelPath");
  spec.projector_path = Text(options, "projectorPath");
  spec.chat_template = Text(options, "chatTemplate");
  spec.plugin_id = Text(options, "pluginId");
  spec.device_id = Text(options, "deviceId");
  spec.context_size = Whole(options, "contextSize");
  spec.threads = Whole(options, "threads");
  spec.batch_size = Whole(options, "batchSize");
  spec.micro_batch_size = Whole(options, "microBatchSize");
  spec.gpu_layers = Whole(options, "gpuLayers");
  return spec;
}

Chat ChatOf(const Napi::Object& options) {
  Chat chat;
  chat.tools = Text(options, "tools");
  const Napi::Value thinking = options.Get("thinking");
  chat.thinking = !thinking.IsBoolean() || thinking.As<Napi::Boolean>().Value();
  Each(options, "messages", [&chat](const Napi::Value& value) {
    if (!value.IsObject()) return;
    const Napi::Object given = value.As<Napi::Object>();
    Message message{Text(given, "role"), {}};
    Each(given, "parts", [&message](const Napi::Value& part) {
      if (!part.IsObject()) return;
      const Napi::Object object = part.As<Napi::Object>();
      message.parts.push_back({Text(object, "type"), Text(object, "text")});
    });
    chat.messages.push_back(std::move(message));
  });
  return chat;
}

GenerateSpec GenerateSpecOf(const Napi::Object& options) {
  GenerateSpec spec;
  spec.chat = ChatOf(options);
  spec.prompt = Text(options, "prompt");
  spec.max_tokens = Whole(options, "maxTokens");
  spec.stop = Texts(options, "stop");
  spec.images = Texts(options, "images");
  spec.audio = Texts(options, "audio");
  spec.sampling.temperature = Real(options, "temperature");
  spec.sampling.top_p = Real(options, "topP");
  spec.sampling.min_p = Real(options, "minP");
  spec.sampling.top_k = Whole(options, "topK");
  spec.sampling.repetition_penalty = Real(options, "repetitionPenalty");
  spec.sampling.presence_penalty = Real(options, "presencePenalty");
  spec.sampling.frequency_penalty = Real(options, "frequencyPenalty");
  spec.sampling.seed = Whole(options, "seed", -1);
  spec.sampling.grammar = Text(options, "grammar");
  return spec;
}

}  // namespace guard::binding
