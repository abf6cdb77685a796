// Makes the mistakes that nothing above the loader can make, one in each process, so that their tests are known to be able
// to fail: mistakes LIBRARY MODEL PROJECTOR WHICH. `none` makes all the same calls as they should be made and ends with 0.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "../../../../native/nexa/calls.h"
#include "../../../../native/nexa/invoke.h"
#include "../../../../native/nexa_os.h"

namespace {

using namespace guard::nexa;

[[noreturn]] void Give(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::exit(2);
}

void* Create(Layout layout, const Calls& calls, const std::string& model, const std::string& projector) {
  LoadSpec spec;
  spec.model_path = model;
  spec.projector_path = projector;
  spec.plugin_id = layout == Layout::kNexa10 ? "cpu_gpu" : "llama_cpp";
  spec.context_size = 512;
  void* handle = nullptr;
  if (InvokeCreate(layout, calls, spec, &handle) != 0) Give("could not create");
  return handle;
}

std::int32_t Text(Layout layout, const Calls& calls, void* handle, bool multimodal, const std::string& prompt) {
  GenerateSpec spec;
  spec.max_tokens = 3;
  Generated result;
  std::string text;
  TokenRun run({}, std::make_shared<std::atomic<bool>>(false), [](std::string) {});
  return InvokeGenerate(layout, calls, handle, multimodal, spec, {prompt.c_str(), {}, {}}, run, result, text);
}

std::int32_t Format(const Calls& calls, void* handle, const char* role, const char* content, char* before) {
  LlmChatMessage message{role, content};
  LlmApplyChatTemplateInput input;
  std::memset(&input, 0, sizeof input);
  input.messages = &message;
  input.message_count = 1;
  ApplyChatTemplateOutput output{before};
  const std::int32_t code = calls.llm_apply_chat_template(handle, &input, &output);
  if (code == 0) calls.free(output.formatted_text);
  return code;
}

}  // namespace

int main(int count, char** values) {
  if (count != 5) Give("mistakes LIBRARY MODEL PROJECTOR WHICH");
  const std::string model = values[2], projector = values[3], which = values[4];
  std::string problem;
  void* library = os::OpenLibrary(values[1], problem);
  if (library == nullptr) Give(problem.c_str());
  const auto calls = FindCalls(library, problem);
  if (!calls) Give(problem.c_str());
  const auto layout = FindLayout(calls->generation, calls->version());
  if (!layout) Give("unknown version");
  if (which == "uninitialized") Create(*layout, *calls, model, {});
  if (calls->init() != 0) Give("could not initialize");
  void* handle = Create(*layout, *calls, model, {});
  char junk[] = "junk";
  if (which == "dirty-output") Format(*calls, handle, "user", "x", junk);
  if (which == "empty-prompt") Text(*layout, *calls, handle, false, "");
  if (which == "null-role") Format(*calls, handle, nullptr, "x", nullptr);
  if (which == "null-content") Format(*calls, handle, "user", nullptr, nullptr);
  if (which == "no-projector") Text(*layout, *calls, Create(*layout, *calls, model, model), true, "x");
  if (which == "two-threads") {
    std::thread other([&] { Text(*layout, *calls, handle, false, "<<double pace=50000>>"); });
    Text(*layout, *calls, handle, false, "<<double pace=50000>>");
    other.join();
  }
  void* heard = Create(*layout, *calls, model, projector);
  if (Format(*calls, handle, "user", "x", nullptr) != 0) Give("could not format");
  if (Text(*layout, *calls, handle, false, "x") != 0) Give("no text");
  if (Text(*layout, *calls, heard, true, "x") != 0) Give("no text of the other");
  calls->vlm_destroy(heard);
  if (which == "deinit-first") calls->deinit();
  calls->llm_destroy(handle);
  if (which == "after-destroy") Text(*layout, *calls, handle, false, "x");
  if (which == "destroy-twice") calls->llm_destroy(handle);
  if (which == "free-foreign") calls->free(std::malloc(1));
  return calls->deinit() == 0 ? 0 : 2;
}
