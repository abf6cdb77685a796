// The thread and its queue. The mutex is not held while the model or an answer runs.
#include "session.h"

#include <utility>

#include "shutdown.h"
#include "threads.h"

namespace guard::nexa {

void Session::Start(std::shared_ptr<Library> library, LoadSpec spec, Loaded loaded) {
  auto session = std::make_shared<Session>();
  const auto answer = std::make_shared<Loaded>(std::move(loaded));
  const bool started = StartThread([session, library = std::move(library), spec = std::move(spec), answer]() mutable {
    session->Work(std::move(library), spec, *answer);
    session.reset();
  });
  if (!started) (*answer)(nullptr, {}, MakeRefusal("no-thread"));
}

void Session::Work(std::shared_ptr<Library> library, const LoadSpec& spec, const Loaded& loaded) noexcept {
  try {
    if (IsShuttingDown()) return loaded(nullptr, {}, MakeRefusal("ending"));
    Failure failure;
    std::unique_ptr<Model> model = Model::Load(std::move(library), spec, failure);
    if (model == nullptr) return loaded(nullptr, {}, failure);
    const SessionAtShutdown noted(shared_from_this());
    loaded(shared_from_this(), model->GetAbilities(), {});
    WorkThrough(std::move(model));
  } catch (...) {
    // Memory ran out before anybody had the session.
    loaded(nullptr, {}, MakeRefusal("no-memory"));
  }
}

void Session::WorkThrough(std::unique_ptr<Model> model) noexcept {
  for (;;) {
    Job job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      running_ = nullptr;
      changed_.wait(lock, [this] { return !waiting_.empty() || closing_; });
      if (waiting_.empty()) break;
      job = std::move(waiting_.front());
      waiting_.pop_front();
      running_ = job.stop;
    }
    try {
      job.run(*model);
    } catch (...) {
      // There was no memory even for its answer.
    }
  }
  model.reset();
  std::vector<Answer> answers;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    gone_ = true;
    answers.swap(close_answers_);
  }
  for (const Answer& closed : answers) closed(std::nullopt);
}

bool Session::Add(Job job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (closing_) return false;
  waiting_.push_back(std::move(job));
  changed_.notify_one();
  return true;
}

template <class Call>
void Session::AddCall(Answer answer, Call call) {
  const auto shared = std::make_shared<Answer>(std::move(answer));
  const bool added = Add({[shared, call = std::move(call)](Model& model) {
                            std::optional<Failure> failure;
                            try {
                              failure = call(model);
                            } catch (...) {
                              failure = MakeRefusal("no-memory");
                            }
                            (*shared)(std::move(failure));
                          },
                          nullptr});
  if (!added) (*shared)(MakeRefusal("disposed"));
}

void Session::Generate(GenerateSpec spec, OnBytes on_bytes, Finished finished) {
  const auto stop = std::make_shared<std::atomic<bool>>(false);
  const auto answer = std::make_shared<Finished>(std::move(finished));
  const bool added = Add({[spec = std::move(spec), on_bytes = std::move(on_bytes), stop, answer](Model& model) {
                            Generated result;
                            std::optional<Failure> failure;
                            const auto refuse = [answer](Failure why) {
                              if (auto once = std::exchange(*answer, nullptr)) once(std::move(why), {});
                            };
                            try {
                              failure = model.Generate(spec, stop, on_bytes, refuse, result);
                            } catch (...) {
                              failure = MakeRefusal("no-memory");
                            }
                            if (*answer) (*answer)(std::move(failure), std::move(result));
                          },
                          stop});
  if (!added) (*answer)(MakeRefusal("disposed"), {});
}

void Session::Format(Chat chat, Formatted formatted) {
  const auto text = std::make_shared<std::string>();
  AddCall([text, formatted = std::move(formatted)](
              std::optional<Failure> failure) { formatted(std::move(failure), std::move(*text)); },
          [text, chat = std::move(chat)](Model& model) { return model.Format(chat, *text); });
}

void Session::Reset(Answer answer) {
  AddCall(std::move(answer), [](Model& model) { return model.Reset(); });
}

void Session::SaveKvCache(std::string path, Saved saved) {
  const auto held = std::make_shared<HeldText>();
  AddCall([held, saved = std::move(saved)](std::optional<Failure> failure) { saved(std::move(failure), std::move(*held)); },
          [held, path = std::move(path)](Model& model) { return model.SaveKvCache(path, *held); });
}

void Session::LoadKvCache(std::string path, HeldText held, Answer answer) {
  AddCall(std::move(answer),
          [path = std::move(path), held = std::move(held)](Model& model) { return model.LoadKvCache(path, held); });
}

void Session::Stop() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (running_ != nullptr) *running_ = true;
  for (const Job& job : waiting_) {
    if (job.stop != nullptr) *job.stop = true;
  }
}

void Session::Close(Answer answer) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    changed_.notify_one();
    if (!gone_) {
      close_answers_.push_back(std::move(answer));
      return;
    }
  }
  answer(std::nullopt);
}

}  // namespace guard::nexa
