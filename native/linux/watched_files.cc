// When the files of a watch are read, and when JavaScript is told.
#include "watched_files.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "left_bytes.h"
#include "monotonic_clock.h"

namespace guard {
namespace {

// The fastest that a machine fills memory, and how long a reading may wait, as in src/monitor/reading-interval.ts.
constexpr double kFillBytesPerMs = 6000.0 * 1024 * 1024 / 1000;
constexpr double kShortestMs = 10;
constexpr double kLongestMs = 1000;
// If memory falls fast enough to cross the figure before that, the wait is half of what is left, and at least this.
constexpr double kHurriedMs = 1;
// While memory stands still close above the figure, waits grow up to this: ten readings a second instead of a hundred. On a
// virtual machine a wake-up and the files, which are out of the processor's caches by then, take some 140 us
// (docs/watching.md has the cost).
constexpr double kStillMs = 100;
constexpr double kStillBytes = 1024.0 * 1024;
// The kernel takes 10 to 20 ms to register a notice (an RCU grace period), in which this thread looks at nothing.
constexpr double kRegisterMs = 25;

double FindLeast(const Judgement& judgement) noexcept {
  return *std::min_element(judgement.left.begin(), judgement.left.end());
}

// How long filling so much takes at the least, within bounds.
double ComputeFillMs(double bytes) noexcept {
  return std::fmin(kLongestMs, std::fmax(kShortestMs, bytes / kFillBytesPerMs));
}

}  // namespace

WatchedFiles::WatchedFiles(std::unique_ptr<MemoryFiles> files, std::vector<Notice>&& notices, bool swap,
                           std::function<void()> woken)
    : files_(std::move(files)), swap_(swap), woken_(std::move(woken)) {
  for (Notice& notice : notices) notices_.push_back(std::make_unique<KernelNotice>(std::move(notice)));
}

double WatchedFiles::ComputeWaitMs(const Judgement& judgement) noexcept {
  return ComputeFillMs(FindLeast(judgement) - judgement.below_bytes);
}

void WatchedFiles::Begin(Judgement&& judgement, double at_ms) noexcept {
  judgement_ = std::move(judgement);
  rows_ = judgement_.rows;
  told_ = false;
  armed_ = false;
  PlanNext(FindLeast(judgement_), judgement_.below_bytes, at_ms);
  ArmNotices();
}

std::optional<double> WatchedFiles::Read() noexcept {
  // Reading an ancestor's memory.stat makes the kernel sum up its whole tree, so it is read only if usage has risen.
  // Without it, page cache counts as taken, which can only look worse than it is.
  std::optional<double> left = ReadLeft(false);
  if (left && *left < std::fmax(judgement_.below_bytes, last_left_ - kStillBytes)) left = ReadLeft(true);
  if (!left) {
    // Only JavaScript finds out which group this process is in now and what a limit leaves.
    due_ms_ = std::numeric_limits<double>::infinity();
    Tell();
  }
  return left;
}

std::optional<double> WatchedFiles::ReadLeft(bool full) noexcept {
  if (files_->Read(rows_.data(), full) != Outcome::kDone) return std::nullopt;
  return ComputeLeftBytes(judgement_, rows_, swap_);
}

void WatchedFiles::NoteLeft(double left, double now_ms) noexcept {
  if (left < judgement_.below_bytes) Tell();
  // Once it is told, the next thing to learn is the least that is left, so readings follow how far it falls to nothing.
  const double below = told_ ? std::fmin(judgement_.below_bytes, 0) : judgement_.below_bytes;
  PlanNext(left, below, now_ms);
  ArmNotices();
}

void WatchedFiles::Tell() noexcept {
  if (told_) return;
  told_ = true;
  woken_();
}

void WatchedFiles::PlanNext(double left, double below, double now_ms) noexcept {
  const double distance = std::fmax(0, left - below);
  const double fall = last_left_ - left;
  const double fall_per_ms = now_ms > last_ms_ ? fall / (now_ms - last_ms_) : 0;
  double wait = ComputeFillMs(distance);
  if (fall_per_ms > 0) wait = std::fmin(wait, std::fmax(kHurriedMs, distance / fall_per_ms / 2));
  if (std::fabs(fall) < kStillBytes) wait = std::fmax(wait, std::fmin(kStillMs, 2 * wait_ms_));
  last_left_ = left;
  last_ms_ = now_ms;
  wait_ms_ = wait;
  due_ms_ = now_ms + wait;
}

// Registers the notices for which there is time before the next reading. The others are left for a later reading.
void WatchedFiles::ArmNotices() noexcept {
  for (const auto& notice : notices_) {
    if (armed_ || due_ms_ - ReadMonotonicMs() < kRegisterMs) return;
    notice->Arm(rows_, last_left_ - judgement_.below_bytes);
  }
  armed_ = true;
}

void WatchedFiles::AppendPollRequests(std::vector<pollfd>& polled, double now_ms) const {
  for (const auto& notice : notices_) polled.push_back(notice->PollRequest(now_ms));
}

std::size_t WatchedFiles::TakeEvents(const pollfd* polled, double now_ms) noexcept {
  for (const auto& notice : notices_) {
    const short events = (polled++)->revents;
    if (events == 0 || !notice->TakeEvents(events, now_ms) || std::isinf(due_ms_)) continue;
    due_ms_ = now_ms;
    // Page cache may have crossed a threshold, which must be set anew then.
    armed_ = false;
  }
  return notices_.size();
}

}  // namespace guard
