// A model with a thread of its own: what is asked of it is done in order, and no method waits for it. Answers come on that
// thread. It knows no JavaScript.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "model.h"
#include "spec.h"

namespace guard::nexa {

class Session : public std::enable_shared_from_this<Session> {
 public:
  // Without a failure, it is done.
  using Answer = std::function<void(std::optional<Failure>)>;
  using Loaded = std::function<void(std::shared_ptr<Session>, Abilities, Failure)>;
  using Finished = std::function<void(std::optional<Failure>, Generated)>;
  using Saved = std::function<void(std::optional<Failure>, HeldText)>;
  using Formatted = std::function<void(std::optional<Failure>, std::string)>;

  // `loaded` gets the session, or null and the failure.
  static void Start(std::shared_ptr<Library> library, LoadSpec spec, Loaded loaded);

  // After `Close`, each of these is answered with "disposed" at once, on the calling thread.
  void Generate(GenerateSpec spec, OnBytes on_bytes, Finished finished);
  void Format(Chat chat, Formatted formatted);
  void Reset(Answer answer);
  void SaveKvCache(std::string path, Saved saved);
  void LoadKvCache(std::string path, HeldText held, Answer answer);

  // Ends the text that is generated now at its next token, and those that wait before they begin.
  void Stop() noexcept;

  // Destroys the model after what was asked of it so far. Every call is answered once that is done.
  void Close(Answer answer);

 private:
  // `stop` is null for a job that cannot be stopped.
  struct Job {
    std::function<void(Model&)> run;
    StopFlag stop;
  };

  void Work(std::shared_ptr<Library> library, const LoadSpec& spec, const Loaded& loaded) noexcept;
  void WorkThrough(std::unique_ptr<Model> model) noexcept;
  // False if the session is closed; then the job was not taken.
  bool Add(Job job);
  template <class Call>
  void AddCall(Answer answer, Call call);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> waiting_;
  StopFlag running_;
  bool closing_ = false;
  bool gone_ = false;
  std::vector<Answer> close_answers_;
};

}  // namespace guard::nexa
