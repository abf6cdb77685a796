#include "contexts.h"

#include "../../../../native/nexa/context_lines.h"
#include "../../../../native/nexa/language_context.h"
#include "../../../../native/nexa/media_context.h"
#include "../../../../native/nexa/text_watch.h"
#include "expect.h"

namespace {

using namespace guard::nexa;

ContextLines Say(std::initializer_list<const char*> lines) {
  ContextLines said;
  for (const char* line : lines) said.Take(line);
  return said;
}

ContextLines Match(std::int64_t listed, std::int64_t prompt, std::int64_t matched) {
  ContextLines said;
  said.match = {listed, prompt, matched};
  if (matched < listed) said.rolled_back_to = matched;
  return said;
}

void TestLines() {
  const ContextLines said = Say({
      "[plugins/llama_cpp/src/llm.cpp:274:generate] prefix match: past_prompt_tokens size: 19, prompt_len: 11, match_len: "
      "7",
      "prefix match: n_past_global rollback to: 7",
      "[plugins/llama_cpp/src/llm.cpp:320:operator()] Context shifting - discarding 124 tokens, n_keep: 4",
      "failed to decode text\n",
  });
  Expect(said.match && said.match->listed == 19 && said.match->prompt == 11 && said.match->matched == 7, "a match");
  Expect(said.rolled_back_to == 7 && said.shifts == 1 && said.found_no_room, "the other lines");
  const ContextLines none = Say({
      "[src/llm.cpp:120:geniex_llm_generate] LlmGenerateInput(prompt_utf8: prefix match: n_past_global rollback to: 7",
      "LlmGenerateInput(prompt_utf8: x] prefix match: past_prompt_tokens size: 1, prompt_len: 1, match_len: 1",
      "prefix match: past_prompt_tokens size: many",
      "[",
      "",
  });
  Expect(!none.match && !none.rolled_back_to && none.shifts == 0 && !none.found_no_room, "lines that say nothing");
}

// A library whose rollback is exact, and that says how much it matched.
void TestExactContext() {
  LanguageContext context(true);
  Expect(context.IsEmpty() && context.Continues("ab") && !context.IsSpoiled(Match(0, 2, 0)), "an empty context");
  Expect(context.Add(Match(0, 2, 0), "ab", "cd", 2, 2, false) == 0 && context.Tokens() == 4, "a first text");
  Expect(context.Continues("ab") && context.Continues("anything"), "it says itself how much of it fits");
  Expect(context.IsSpoiled(Match(4, 2, 2)) && context.IsSpoiled(Match(4, 4, 4)), "nothing is left to compute");
  Expect(context.IsSpoiled(ContextLines{}), "it didn't say");
  Expect(!context.IsSpoiled(Match(4, 6, 4)) && !context.IsSpoiled(Match(4, 6, 3)), "the rest is computed");
  // The list keeps what the context lost: a b c d, and e g behind it, while the context has a b c e g.
  Expect(context.Add(Match(4, 4, 3), "abce", "g", 1, 1, false) == 3 && context.Tokens() == 5, "a rollback");
  Expect(context.Continues("abc") && context.IsSpoiled(Match(6, 9, 4)), "more matches than is there");
  Expect(!context.IsSpoiled(Match(6, 9, 3)), "what surely is there");
  ContextLines odd = Match(6, 9, 3);
  odd.rolled_back_to = 5;
  Expect(context.IsSpoiled(odd), "it went back to another place");
  Expect(context.Add(Match(6, 9, 3), "abcxyzuvw", "", 6, 0, false) == 3 && !context.Continues("abc"), "too little is left");
  context.Clear();
  // Stopped at a token, which the list has and the context has not.
  context.Add(Match(0, 2, 0), "ab", "c", 2, 2, true);
  Expect(context.Tokens() == 3 && !context.IsSpoiled(Match(4, 6, 3)) && context.IsSpoiled(Match(4, 6, 4)), "stopped");
  ContextLines shifted = Match(4, 6, 3);
  shifted.shifts = 1;
  context.Add(shifted, "abcdef", "g", 3, 1, false);
  Expect(!context.IsKnown() && !context.Continues("abcdefgh"), "a start that was dropped");
}

// A library whose rollback is not exact, and that says only that there was one.
void TestInexactContext() {
  LanguageContext context(false);
  context.Add({}, "ab", "cd", 2, 2, false);
  Expect(!context.Continues("ab") && !context.Continues("abcd") && !context.Continues("abx"), "other prompts");
  Expect(context.Continues("abcde") && context.NeedsProof(), "a prompt that goes on");
  ContextLines rollback;
  rollback.rolled_back_to = 0;
  context.NoteProof(rollback);
  context.Clear();
  Expect(!context.NeedsProof(), "an empty context");
  context.Add({}, "ab", "cd", 2, 2, false);
  Expect(!context.NeedsProof() && !context.IsSpoiled({}) && context.IsSpoiled(rollback), "it says so by now");
  Expect(context.Add({}, "abcdef", "g", 2, 1, false) == 4 && context.Tokens() == 7, "a text behind the first");
  context.Add({}, "abcdefgh", "i", 1, 1, true);
  Expect(!context.Continues("abcdefghij"), "stopped at a token");
}

void TestRestoredContext() {
  LanguageContext context(true);
  context.Restore("abcd", 4);
  Expect(!context.Continues("abcd") && !context.Continues("x") && context.Continues("abcde"), "after a file");
  Expect(std::string(context.NewPart("abcde")) == "e" && !context.IsSpoiled(Match(0, 1, 0)), "the rest of a prompt");
  Expect(context.Add(Match(0, 1, 0), "abcde", "f", 1, 1, false) == 4 && context.Tokens() == 6, "a text behind it");
  Expect(std::string(context.NewPart("abcdefg")) == "efg" && !context.IsSpoiled(Match(2, 3, 2)), "the next one");
  // It would remove tokens by their place in the list, which is not that in the context.
  Expect(context.IsSpoiled(Match(2, 3, 1)), "a rollback");
}

void TestWatch() {
  LanguageContext context(true);
  const auto look = [&context](const char* line, bool truncate) {
    const CallLog log;
    TextWatch watch(context, log, truncate);
    if (line != nullptr) TakeLogLine(2, line);
    const bool first = watch.Admits();
    TakeLogLine(2, "Context shifting - discarding 2 tokens");
    Expect(!watch.Admits(), "a token behind a shift");
    Expect(watch.IsFull(), "full");
    return std::make_tuple(first, watch.IsTooLong(), watch.IsTruncated(), watch.IsSpoiled());
  };
  constexpr char kShift[] = "Context shifting - discarding 9 tokens";
  Expect(look(nullptr, false) == std::make_tuple(true, false, false, false), "a prompt that fits");
  Expect(look(kShift, false) == std::make_tuple(false, true, false, false), "a prompt that does not");
  Expect(look(kShift, true) == std::make_tuple(true, false, true, false), "a prompt that may be shortened");
  context.Add(Match(0, 2, 0), "ab", "cd", 2, 2, false);
  Expect(look(nullptr, false) == std::make_tuple(false, false, false, true), "an answer to something else");
}

void TestMedia() {
  MediaContext context(false, false, {});
  GenerateSpec spec;
  spec.audio = {"1.wav"};
  Expect(context.Continues("p", spec) && context.NewAudio(spec).size() == 1, "an empty context");
  context.Add(spec, "p", "a", 9);
  Expect(context.Tokens() == 9 && !context.Continues("p", spec) && context.Continues("paq", spec), "what was said");
  Expect(context.NewAudio(spec).empty(), "what was heard");
  spec.audio = {"2.wav"};
  Expect(!context.Continues("paq", spec), "another file");
  context.Lose();
  Expect(!context.Continues("paq", {}), "it is not known");
  Expect(!context.FindFirst("<s>x") && context.CanBegin("x"), "a library that forgets all");
}

// A library that keeps the first token of its first prompt.
void TestKeptToken() {
  const auto given = [](const MediaContext& context, const char* prompt) { return std::string(context.Given(prompt)); };
  MediaContext special(true, false, {"<s>", "<s>>"});
  Expect(special.FindFirst("<s>>x") == "<s>>" && !special.FindFirst("x"), "the longest special token");
  special.SetFirst("<s>");
  Expect(special.CanBegin("<s>x") && !special.CanBegin("x") && given(special, "<s>x") == "x", "the same token");
  MediaContext bos(true, true, {});
  Expect(bos.FindFirst("x").has_value(), "a token that the model puts there");
  bos.SetFirst(".");
  Expect(bos.CanBegin("x") && given(bos, "x") == "x", "any prompt");
  for (const std::optional<bool> adds : {std::optional<bool>(), std::optional(false)}) {
    MediaContext other(true, adds, {"<s>"});
    Expect(!other.FindFirst("x") && other.CanBegin("x") && given(other, "x") == "x", "a first prompt");
    other.Add({}, "x", "y", 2);
    other.Clear();
    Expect(!other.CanBegin("x") && !other.CanBegin("<s>"), "it is not known which token was kept");
  }
}

}  // namespace

void TestContexts() {
  TestLines();
  TestExactContext();
  TestInexactContext();
  TestRestoredContext();
  TestWatch();
  TestMedia();
  TestKeptToken();
}
