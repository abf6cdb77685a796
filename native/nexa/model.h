// One loaded model and the calls on it, each of which blocks. Not for two threads at once: handles have no lock.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "library.h"
#include "spec.h"
#include "token_run.h"

namespace guard::nexa {

class Model {
 public:
  // Null if it failed; then nothing of it is left.
  static std::unique_ptr<Model> Load(std::shared_ptr<Library> library, const LoadSpec& spec, Failure& failure);

  // Waits for loads that are under way.
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  Abilities GetAbilities() const noexcept { return abilities_; }

  std::optional<Failure> Format(const Chat& chat, std::string& text);
  std::optional<Failure> Generate(const GenerateSpec& spec, const StopFlag& stop, OnBytes on_bytes, Generated& result);
  std::optional<Failure> Reset();
  std::optional<Failure> SaveKvCache(const std::string& path);
  std::optional<Failure> LoadKvCache(const std::string& path);

 private:
  Model(std::shared_ptr<Library> library, bool multimodal) noexcept;
  std::optional<Failure> AskAbilities();
  std::optional<Failure> Prepare(const GenerateSpec& spec, std::string& prompt);
  std::optional<Failure> Attempt(const GenerateSpec& spec, const std::string& prompt, TokenRun& run, Generated& result,
                                 std::string& text);
  bool CanAppend(const GenerateSpec& spec, const std::string& prompt) const;

  std::shared_ptr<Library> library_;
  // Whether it was loaded with a projector; its calls are the `vlm_*` ones then.
  bool multimodal_;
  void* handle_ = nullptr;
  Abilities abilities_;
  // What a multimodal model's context holds, which can only be appended to. After a text that was cut short, that is not
  // known.
  struct Held {
    bool known = true;
    std::string text;
    std::vector<std::string> images, audio;
  } held_;
};

}  // namespace guard::nexa
