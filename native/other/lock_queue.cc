// One file for all systems.
#include "../lock_queue.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <utility>

#include "../nexa_os.h"

namespace guard {
namespace {

// A lock that is offered keeps all others out. A busy thread does not hold it for longer, and a machine with more to do
// than processors gets more time at each try.
constexpr std::chrono::milliseconds kShortestOffer{2};
constexpr std::chrono::milliseconds kLongestOffer{64};

}  // namespace

struct LockQueue::Shared {
  enum class State { kIdle, kWaiting, kFree, kOffered, kTaken, kMissed, kFailed };

  std::uint32_t number = 0;
  HolderNote note{};
  std::function<void()> told;
  std::unique_ptr<WaitingFile> file;

  // Guards the rest.
  std::mutex mutex;
  std::condition_variable changed;
  State state = State::kIdle;
  bool closed = false;
  bool holds = false;
  int error = 0;
  std::chrono::milliseconds offer = kShortestOffer;
};

LockQueue::LockQueue(std::shared_ptr<Shared> shared) noexcept : shared_(std::move(shared)) {}

std::unique_ptr<LockQueue> LockQueue::Open(int descriptor, std::uint32_t number, HolderNote note,
                                           std::function<void()> told) noexcept {
  try {
    auto shared = std::make_shared<Shared>();
    shared->number = number;
    shared->note = note;
    shared->told = std::move(told);
    shared->file = OpenWaitingFile(descriptor);
    if (shared->file == nullptr) return nullptr;
    auto queue = std::unique_ptr<LockQueue>(new LockQueue(shared));
    auto owned = std::make_unique<std::shared_ptr<Shared>>(std::move(shared));
    const auto work = [](void* data) {
      const std::unique_ptr<std::shared_ptr<Shared>> own(static_cast<std::shared_ptr<Shared>*>(data));
      Run(**own);
    };
    if (!nexa::os::StartDetached(work, owned.get())) return nullptr;
    (void)owned.release();
    return queue;
  } catch (...) {
    return nullptr;
  }
}

LockQueue::~LockQueue() {
  Leave();
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  shared_->closed = true;
  shared_->changed.notify_all();
}

void LockQueue::Join(bool holds) noexcept {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  using State = Shared::State;
  if (shared_->state != State::kIdle && shared_->state != State::kFree && shared_->state != State::kFailed) return;
  shared_->state = State::kWaiting;
  shared_->holds = holds;
  shared_->changed.notify_all();
}

LockQueue::Turn LockQueue::Take() noexcept {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  using State = Shared::State;
  switch (shared_->state) {
    case State::kOffered:
      shared_->state = State::kTaken;
      shared_->offer = kShortestOffer;
      shared_->changed.notify_all();
      return {Turn::State::kOurs, 0};
    case State::kMissed:
      shared_->state = State::kWaiting;
      if (shared_->offer < kLongestOffer) shared_->offer *= 2;
      shared_->changed.notify_all();
      return {Turn::State::kWaiting, 0};
    case State::kFree: shared_->state = State::kIdle; return {Turn::State::kFree, 0};
    case State::kFailed: return {Turn::State::kFailed, shared_->error};
    default: return {Turn::State::kWaiting, 0};
  }
}

void LockQueue::Release() noexcept {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  if (shared_->state != Shared::State::kTaken) return;
  shared_->file->Unlock(shared_->number);
  shared_->state = Shared::State::kIdle;
}

// The thread gives back what it gets.
void LockQueue::Leave() noexcept {
  Release();
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  shared_->state = Shared::State::kIdle;
  shared_->changed.notify_all();
}

void LockQueue::Run(Shared& shared) noexcept {
  using State = Shared::State;
  std::unique_lock<std::mutex> lock(shared.mutex);
  for (;;) {
    shared.changed.wait(lock, [&shared] { return shared.closed || shared.state == State::kWaiting; });
    if (shared.closed) return;
    lock.unlock();
    const LockAnswer answer = shared.file->Wait(shared.number);
    lock.lock();
    if (answer.state == LockAnswer::State::kFailed) {
      if (shared.state == State::kWaiting) shared.state = State::kFailed;
      shared.error = answer.error;
    } else if (shared.closed || shared.state != State::kWaiting) {
      shared.file->Unlock(shared.number);
      continue;
    } else if (!shared.holds) {
      shared.file->Unlock(shared.number);
      shared.state = State::kFree;
    } else {
      shared.state = State::kOffered;
      using std::chrono::steady_clock;
      const std::chrono::duration<double, std::micro> at = steady_clock::now().time_since_epoch();
      const double note[] = {shared.note.holder, at.count()};
      shared.file->Write(shared.note.offset, note, sizeof note);
    }
    const bool offered = shared.state == State::kOffered;
    lock.unlock();
    shared.told();
    lock.lock();
    if (!offered) continue;
    shared.changed.wait_for(lock, shared.offer, [&shared] { return shared.closed || shared.state != State::kOffered; });
    // Whoever took it gives it back.
    if (shared.state == State::kTaken) continue;
    shared.file->Unlock(shared.number);
    if (shared.state == State::kOffered) shared.state = State::kMissed;
  }
}

}  // namespace guard
