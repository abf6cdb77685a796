// Does with a library what lines of its input say and prints what came of each as a line of JSON: answers LIBRARY. It calls
// the library as it is, without what native/nexa does so that its wrong answers reach nobody. The words of a line are
// separated by spaces and written as in a URI:
//   load NAME CONTEXT MODEL [PROJECTOR]
//   text NAME MOST STOP SEED PROMPT [AUDIO...]   STOP is the number of tokens after which it is stopped, 0 for never;
//                                                SEED 0 takes the likeliest token
//   reset NAME | save NAME PATH | restore NAME PATH | destroy NAME
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "../../../../native/nexa/calls.h"
#include "../../../../native/nexa/invoke.h"
#include "../../../../native/nexa_os.h"

namespace {

using namespace guard::nexa;

[[noreturn]] void Give(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(2);
}

struct Handle {
  void* handle = nullptr;
  bool multimodal = false;
};

std::vector<std::pair<int, std::string>> logged;

std::string Decoded(const std::string& word) {
  std::string text;
  for (std::size_t at = 0; at < word.size(); at++) {
    const bool escaped = word[at] == '%' && at + 2 < word.size();
    text += escaped ? static_cast<char>(std::stoi(word.substr(at + 1, 2), nullptr, 16)) : word[at];
    if (escaped) at += 2;
  }
  return text;
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    char code[7];
    if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\') {
      std::snprintf(code, sizeof code, "\\u%04x", byte);
      out += code;
    } else {
      out += each;
    }
  }
  return out + "\"";
}

// A line of /proc/self/status, in bytes.
std::uint64_t Resident(const std::string& key) {
  std::ifstream file("/proc/self/status");
  std::uint64_t kib = 0;
  for (std::string word; file >> word;) {
    if (word == key + ":") file >> kib;
  }
  return kib * 1024;
}

void Print(const std::string& fields) {
  std::string log;
  for (const auto& [level, text] : logged)
    log += (log.empty() ? "[" : ",[") + std::to_string(level) + "," + Quoted(text) + "]";
  std::printf("{%s,\"anonymousBytes\":%s,\"mappedBytes\":%s,\"log\":[%s]}\n", fields.c_str(),
              std::to_string(Resident("RssAnon")).c_str(), std::to_string(Resident("RssFile")).c_str(), log.c_str());
  std::fflush(stdout);
}

class Answers {
 public:
  Answers(const Calls& calls, Layout layout) : calls_(calls), layout_(layout) {}

  void Do(const std::vector<std::string>& words) {
    const std::string& what = words.at(0);
    logged.clear();
    if (what == "load") return Load(words);
    const Handle& at = handles_.at(words.at(1));
    if (what == "text") return Text(at, words);
    Print("\"code\":" + std::to_string(Other(at, what, words)));
    if (what == "destroy") handles_.erase(words[1]);
  }

 private:
  void Load(const std::vector<std::string>& words) {
    LoadSpec spec;
    spec.context_size = std::stoi(words.at(2));
    spec.model_path = words.at(3);
    if (words.size() > 4) spec.projector_path = words[4];
    spec.plugin_id = layout_ == Layout::kNexa10 ? "cpu_gpu" : "llama_cpp";
    spec.threads = 1;
    spec.batch_size = spec.micro_batch_size = 64;
    Handle made{nullptr, words.size() > 4};
    const std::int32_t code = InvokeCreate(layout_, calls_, spec, &made.handle);
    if (code == 0) handles_[words[1]] = made;
    Print("\"code\":" + std::to_string(code));
  }

  void Text(const Handle& at, const std::vector<std::string>& words) {
    GenerateSpec spec;
    spec.max_tokens = std::stoi(words.at(2));
    const int most = std::stoi(words.at(3));
    spec.sampling.seed = std::stoi(words.at(4));
    if (spec.sampling.seed == 0) spec.sampling.top_k = 1;
    const GivenText given{words.at(5).c_str(), {}, {words.begin() + 6, words.end()}};
    Generated result;
    std::string text, heard;
    const StopFlag stop = std::make_shared<std::atomic<bool>>(most < 0);
    int tokens = 0;
    TokenRun run({}, stop, [&](std::string token) {
      heard += token;
      if (++tokens == most) *stop = true;
    });
    const std::int32_t code = InvokeGenerate(layout_, calls_, at.handle, at.multimodal, spec, given, run, result, text);
    Print("\"code\":" + std::to_string(code) + ",\"text\":" + Quoted(text) + ",\"heard\":" + Quoted(heard) +
          ",\"reason\":" + Quoted(result.stop_reason) +
          ",\"promptTokens\":" + std::to_string(result.profile.prompt_tokens) +
          ",\"generatedTokens\":" + std::to_string(result.profile.generated_tokens));
  }

  std::int32_t Other(const Handle& at, const std::string& what, const std::vector<std::string>& words) const {
    if (what == "reset") return at.multimodal ? calls_.vlm_reset(at.handle) : calls_.llm_reset(at.handle);
    if (what == "destroy") return at.multimodal ? calls_.vlm_destroy(at.handle) : calls_.llm_destroy(at.handle);
    const KvCacheInput input{words.at(2).c_str()};
    KvCacheOutput output{};
    if (what == "save") return calls_.llm_save_kv_cache(at.handle, &input, &output);
    if (what == "restore") return calls_.llm_load_kv_cache(at.handle, &input, &output);
    Give("no such thing to do: " + what);
  }

  const Calls& calls_;
  const Layout layout_;
  std::map<std::string, Handle> handles_;
};

}  // namespace

int main(int count, char** values) {
  if (count != 2) Give("answers LIBRARY");
  std::string problem;
  void* library = os::OpenLibrary(values[1], problem);
  if (library == nullptr) Give(problem);
  const auto calls = FindCalls(library, problem);
  if (!calls) Give(problem);
  const auto layout = FindLayout(calls->generation, calls->version());
  if (!layout) Give("unknown version");
  calls->set_log([](std::int32_t level, const char* text) { logged.emplace_back(level, text); });
  if (calls->init() != 0) Give("could not initialize");
  Answers answers(*calls, *layout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(Decoded(word));
    answers.Do(words);
  }
  // Handles that are left and the library end with the process.
  std::_Exit(0);
}
