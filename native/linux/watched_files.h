// One watch as the watching thread has it: its files, what was judged of them, and when they are read next. It belongs to
// that thread alone and takes no lock.
#pragma once

#include <poll.h>

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "../memory_watch.h"
#include "kernel_notice.h"

namespace guard {

class WatchedFiles {
 public:
  WatchedFiles(std::unique_ptr<MemoryFiles> files, std::vector<Notice>&& notices, bool swap, std::function<void()> woken);
  // May take 10 to 20 ms for each notice that the kernel takes back.
  ~WatchedFiles() = default;
  WatchedFiles(const WatchedFiles&) = delete;
  WatchedFiles& operator=(const WatchedFiles&) = delete;

  // How long a reading may wait after this one, if nothing is known of what was before.
  static double ComputeWaitMs(const Judgement& judgement) noexcept;

  // Starts from what JavaScript judged at `at_ms`.
  void Begin(Judgement&& judgement, double at_ms) noexcept;

  // Returns the least that any scope has left. Nothing if the files cannot be read or a limit is another one: then
  // JavaScript was told, and no reading is due until it judges again.
  std::optional<double> Read() noexcept;

  // Takes the result of `Read`: tells JavaScript if the figure was crossed, and plans the next reading.
  void NoteLeft(double left, double now_ms) noexcept;

  // Infinite if no reading is due.
  double DueMs() const noexcept { return due_ms_; }

  // Appends one request for each notice.
  void AppendPollRequests(std::vector<pollfd>& polled, double now_ms) const;

  // Takes the answers to these requests, and makes a reading due now if one of them is worth it. Returns their number.
  std::size_t TakeEvents(const pollfd* polled, double now_ms) noexcept;

 private:
  std::optional<double> ReadLeft(bool full) noexcept;
  void Tell() noexcept;
  void PlanNext(double left, double below, double now_ms) noexcept;
  void ArmNotices() noexcept;

  std::unique_ptr<MemoryFiles> files_;
  std::vector<std::unique_ptr<KernelNotice>> notices_;
  const bool swap_;
  const std::function<void()> woken_;
  Judgement judgement_;
  std::vector<double> rows_;
  // The reading before: what was left, when, and how long the wait after it was.
  double last_left_ = 0;
  double last_ms_ = 0;
  double wait_ms_ = 0;
  double due_ms_ = std::numeric_limits<double>::infinity();
  // Whether JavaScript was told of this judgement's figure.
  bool told_ = false;
  // Whether every notice is registered for what is left now.
  bool armed_ = false;
};

}  // namespace guard
