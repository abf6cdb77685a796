// Looks at a text of a model without a projector while it is generated: whether the library began it on the prompt, and
// whether it dropped tokens to make room. It calls nothing.
#pragma once

#include "language_context.h"
#include "library_log.h"

namespace guard::nexa {

class TextWatch {
 public:
  // `truncate`: whether the start of the prompt may be dropped.
  TextWatch(const LanguageContext& context, const CallLog& log, bool truncate) noexcept
      : context_(context), log_(log), truncate_(truncate) {}

  // To be asked before each token, and once after the last one. False if the token must not be taken.
  bool Admits() noexcept;

  // Whether the answer is not one to this prompt: the context must be cleared, and the prompt given again.
  bool IsSpoiled() const noexcept { return spoiled_; }
  // Whether the prompt is longer than the context, and was to be whole.
  bool IsTooLong() const noexcept { return too_long_; }
  bool IsTruncated() const noexcept { return truncated_; }
  // Whether the context became full in the answer.
  bool IsFull() const noexcept { return full_; }

 private:
  void LookAtPrompt() noexcept;

  const LanguageContext& context_;
  const CallLog& log_;
  const bool truncate_;
  bool began_ = false, spoiled_ = false, too_long_ = false, truncated_ = false, full_ = false;
  int prompt_shifts_ = 0;
};

}  // namespace guard::nexa
