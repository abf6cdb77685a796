#include "text_watch.h"

namespace guard::nexa {

bool TextWatch::Admits() noexcept {
  if (!began_) LookAtPrompt();
  // What comes after a shift is computed without the start of the conversation.
  full_ = log_.Lines().shifts > prompt_shifts_;
  return !spoiled_ && !too_long_ && !full_;
}

void TextWatch::LookAtPrompt() noexcept {
  began_ = true;
  prompt_shifts_ = log_.Lines().shifts;
  spoiled_ = context_.IsSpoiled(log_.Lines());
  if (spoiled_ || prompt_shifts_ == 0) return;
  too_long_ = !truncate_;
  // What is dropped is to depend on the prompt alone.
  spoiled_ = truncate_ && !context_.IsEmpty();
  truncated_ = truncate_ && context_.IsEmpty();
}

}  // namespace guard::nexa
