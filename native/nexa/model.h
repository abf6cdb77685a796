// One loaded model and the calls on it, each of which blocks. Not for two threads at once: handles have no lock.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "context_lines.h"
#include "invoke.h"
#include "language_context.h"
#include "library.h"
#include "media_context.h"
#include "spec.h"
#include "token_run.h"

namespace guard::nexa {

class Model {
 public:
  using OnRefused = std::function<void(Failure)>;

  // Null if it failed; then nothing of it is left.
  static std::unique_ptr<Model> Load(std::shared_ptr<Library> library, const LoadSpec& spec, Failure& failure);

  // Waits for loads that are under way.
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  Abilities GetAbilities() const noexcept { return abilities_; }

  std::optional<Failure> Format(const Chat& chat, std::string& text);
  // `on_refused` is called if it becomes clear that the text fails long before the library returns; then the result is
  // void.
  std::optional<Failure> Generate(const GenerateSpec& spec, const StopFlag& stop, const OnBytes& on_bytes,
                                  const OnRefused& on_refused, Generated& result);
  std::optional<Failure> Reset();
  // What the file holds goes to `saved`; `LoadKvCache` needs it.
  std::optional<Failure> SaveKvCache(const std::string& path, HeldText& saved);
  std::optional<Failure> LoadKvCache(const std::string& path, const HeldText& saved);

 private:
  Model(std::shared_ptr<Library> library, const LoadSpec& spec);
  std::optional<Failure> AskAbilities();
  std::optional<Failure> Prepare(const GenerateSpec& spec, std::string& prompt);
  std::optional<Failure> GenerateLanguage(const GenerateSpec& spec, const std::string& prompt, const StopFlag& stop,
                                          const OnBytes& on_bytes, const OnRefused& on_refused, Generated& result);
  std::optional<Failure> GenerateMedia(const GenerateSpec& spec, const std::string& prompt, const StopFlag& stop,
                                       const OnBytes& on_bytes, Generated& result);
  // See to it that the library answers the prompt on top of what its context holds as an empty context would.
  std::optional<Failure> BeginLanguage(const GenerateSpec& spec, const std::string& prompt);
  std::optional<Failure> BeginMedia(const GenerateSpec& spec, const std::string& prompt);
  // Whether a prompt's tokens are the restored ones followed by those of the rest.
  bool CanJoinRestored(const std::string& prompt) const;
  // Gives the library a prompt of which no token is taken.
  void GiveUnheard(const std::string& prompt);

  std::shared_ptr<Library> library_;
  // Whether it was loaded with a projector; its calls are the `vlm_*` ones then.
  bool multimodal_;
  void* handle_ = nullptr;
  Abilities abilities_;
  // More tokens than these the context surely doesn't hold.
  const std::int64_t most_tokens_;
  const std::optional<bool> adds_bos_;
  const std::vector<std::string> special_tokens_;
  LanguageContext language_;
  MediaContext media_;
};

}  // namespace guard::nexa
