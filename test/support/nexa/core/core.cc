// native/nexa without JavaScript, by as many threads as it can bear: core MODEL PROJECTOR TONE LIBRARY... For sanitizers,
// which see neither V8 nor Node here. Ends with 0 where every answer was right.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "../../../../native/nexa/library.h"
#include "../../../../native/nexa/library_log.h"
#include "../../../../native/nexa/session.h"
#include "../../../../native/nexa/shutdown.h"
#include "../../../../native/nexa/stop_text.h"
#include "../../../../native/nexa/threads.h"
#include "contexts.h"
#include "expect.h"

namespace {

using namespace guard::nexa;

struct Files {
  std::string model, projector, tone;
};

LoadSpec SpecOf(const Library& library, const Files& files, bool hears) {
  LoadSpec spec;
  spec.model_path = files.model;
  if (hears) spec.projector_path = files.projector;
  spec.plugin_id = library.UsedLayout() == Layout::kNexa10 ? "cpu_gpu" : "llama_cpp";
  spec.context_size = 4096;
  // As the template of the doubles begins. Without these an older library with a projector answers the first prompt only.
  spec.adds_bos = false;
  spec.special_tokens = {"<|im_start|>"};
  spec.batch_size = spec.micro_batch_size = 64;
  return spec;
}

std::shared_ptr<Session> Load(const std::shared_ptr<Library>& library, const LoadSpec& spec, Failure* why = nullptr) {
  std::promise<std::shared_ptr<Session>> loaded;
  Session::Start(library, spec, [&](std::shared_ptr<Session> session, Abilities, Failure failure) {
    if (why != nullptr) *why = std::move(failure);
    loaded.set_value(std::move(session));
  });
  return loaded.get_future().get();
}

struct Answer {
  std::optional<Failure> failure;
  Generated result;
  std::string text;
};

std::future<Answer> Ask(const std::shared_ptr<Session>& session, GenerateSpec spec, std::atomic<int>* bytes = nullptr) {
  auto answer = std::make_shared<std::promise<Answer>>();
  auto text = std::make_shared<std::string>();
  auto future = answer->get_future();
  session->Generate(
      std::move(spec),
      [text, bytes](std::string piece) {
        if (bytes != nullptr) *bytes += static_cast<int>(piece.size());
        *text += piece;
      },
      [answer, text](std::optional<Failure> failure, Generated result) {
        answer->set_value({std::move(failure), std::move(result), *text});
      });
  return future;
}

GenerateSpec Say(const std::string& text, std::int32_t most = 100) {
  GenerateSpec spec;
  spec.chat.messages = {{"user", {{"text", text}}}};
  spec.max_tokens = most;
  spec.sampling.seed = 1;
  return spec;
}

void CloseAndWait(const std::shared_ptr<Session>& session) {
  std::promise<void> closed;
  session->Close([&closed](std::optional<Failure>) { closed.set_value(); });
  closed.get_future().get();
}

void TestStopText() {
  StopText stops({"aab", "", "xyz"});
  std::string out;
  Expect(!stops.Feed("aa", out) && out.empty(), "held back", out);
  Expect(!stops.Feed("a", out) && out == "a", "given up", out);
  Expect(stops.Feed("bq", out) && out == "a", "found", out);
  StopText never({"zz"});
  Expect(!never.Feed("az", out) && never.TakeRest() == "z", "the rest");
}

void TestVersions() {
  const auto known = [](Generation generation, const char* version) {
    const auto layout = FindLayout(generation, version);
    return layout ? std::string(GetLayoutName(*layout)) : std::string();
  };
  Expect(known(Generation::kNexa, "v1.0.45-rc1") == "nexa-1.0", "a release of the older generation");
  Expect(known(Generation::kGeniex, "0.4.0") == "geniex-0.3", "a release");
  Expect(known(Generation::kGeniex, "v0.5.3").compare("geniex-0.5") == 0, "a release");
  Expect(known(Generation::kGeniex, "v0.5.0-rc1").empty(), "a pre-release");
  Expect(!ParseLayoutName("geniex"), "no layout");
}

// Many models, each asked by several threads, one stopped, one closed in the middle.
void TestSessions(const std::string& path, const Files& files) {
  Library::Opened opened = Library::Open(path, std::nullopt);
  Expect(opened.library != nullptr, "open", opened.failure.text + " " + opened.failure.detail);
  const auto library = opened.library;
  std::vector<std::string> plugins;
  Expect(!library->ListPlugins(plugins) && plugins.size() == 2, "plugins");
  std::vector<Device> devices;
  Expect(!library->ListDevices(plugins[0], devices) && devices.size() == 2, "devices");
  Expect(library->ListDevices("none", devices)->code == -100302, "devices of an unknown plugin");
  std::atomic<int> lines{0};
  const int sink = AddLogSink([&lines](int, std::string) { lines++; });
  std::vector<std::thread> threads;
  for (int each = 0; each < 4; each++) {
    threads.emplace_back([&, each] {
      const bool hears = each % 2 == 1;
      const auto session = Load(library, SpecOf(*library, files, hears));
      Expect(session != nullptr, "load");
      GenerateSpec heard = Say("What is said?", 20);
      if (hears) {
        heard.chat.messages[0].parts.insert(heard.chat.messages[0].parts.begin(), {"audio", files.tone});
        heard.audio = {files.tone};
      }
      auto one = Ask(session, heard);
      auto two = Ask(session, Say("<<double say=e282,ac,41;logs=20>>"));
      auto three = Ask(session, Say("<<double odd=thread;say=61,62>>"));
      auto four = Ask(session, Say("<<double odd=late;pace=0>>", 3));
      auto five = Ask(session, Say("<<double odd=beside;pace=500>>", 30));
      auto fails = Ask(session, Say("<<double fail=-201201;pace=0>>", 3));
      auto throws = Ask(session, Say("<<double throw=1>>"));
      Expect(one.get().text.size() == 20, "a text");
      const Answer second = two.get();
      Expect(second.text == "\xe2\x82\xac\x41", "bytes", second.failure ? second.failure->text : second.text);
      Expect(three.get().text == "ab", "tokens from another thread");
      Expect(four.get().text.size() == 3, "a text before a late token");
      Expect(five.get().text.size() == 30, "a text with calls beside it");
      Expect(fails.get().failure->code == -201201, "a failure");
      Expect(throws.get().failure->code == kThrew, "an exception");
      std::promise<std::string> formatted;
      session->Format({{{"user", {{"text", "x"}}}}, {}, true},
                      [&](std::optional<Failure>, std::string text) { formatted.set_value(std::move(text)); });
      Expect(formatted.get_future().get().find("x") != std::string::npos, "a template");
      // Stopped from here while it runs there.
      std::atomic<int> bytes{0};
      auto stopped = Ask(session, Say("Go on.", 3000), &bytes);
      while (bytes < 3) std::this_thread::yield();
      auto waiting = Ask(session, Say("Never.", 3000));
      session->Stop();
      Expect(stopped.get().result.stopped, "stopped");
      Expect(waiting.get().text.empty(), "stopped before it began");
      // Closed with work left: that is done first.
      auto last = Ask(session, Say("Last.", 5));
      std::thread other([&session] { session->Stop(); });
      CloseAndWait(session);
      other.join();
      Expect(!last.get().failure, "the last one");
      Expect(Ask(session, Say("late")).get().failure->text == "disposed", "after the end");
      CloseAndWait(session);
    });
  }
  for (int each = 0; each < 2; each++) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; round++) {
        Library::Opened again = Library::Open(path, std::nullopt);
        Expect(again.library == library, "the same library");
        const int id = AddLogSink([&lines](int, std::string) { lines++; });
        Failure why;
        LoadSpec wrong = SpecOf(*library, files, false);
        wrong.plugin_id = "none";
        Expect(Load(library, wrong, &why) == nullptr && why.code == -100302, "an unknown plugin");
        wrong.model_path = "/nowhere";
        Expect(Load(library, wrong, &why) == nullptr && why.text == "unreadable", "a file that is not there");
        RemoveLogSink(id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  RemoveLogSink(sink);
  Expect(lines > 0, "log lines");
}

}  // namespace

int main(int count, char** values) {
  if (count < 5) {
    std::fprintf(stderr, "core MODEL PROJECTOR TONE LIBRARY...\n");
    return 2;
  }
  const Files files{values[1], values[2], values[3]};
  TestStopText();
  TestVersions();
  TestContexts();
  for (int at = 4; at < count; at++) {
    TestSessions(values[at], files);
    // Opened again after its last user went.
    TestSessions(values[at], files);
  }
  // Two libraries at the same time, and a session that nobody closes: the end of the process sees to it.
  Library::Opened last = Library::Open(values[count - 1], std::nullopt);
  static const auto left = Load(last.library, SpecOf(*last.library, files, false));
  static auto text = Ask(left, Say("Go on.", 3000));
  std::puts("all answers were right");
  return 0;
}
