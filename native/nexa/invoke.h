// Calls whose structs depend on the layout. Every struct is zeroed before it is handed over, outputs and padding as well.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "calls.h"
#include "spec.h"
#include "token_run.h"

namespace guard::nexa {

std::int32_t InvokeCreate(Layout layout, const Calls& calls, const LoadSpec& spec, void** handle) noexcept;

// What the library is given of a text: what its context doesn't hold yet.
struct GivenText {
  const char* prompt;
  std::vector<std::string> images, audio;
};

// What it leaves in `result` and `text` is valid, whatever it returns.
std::int32_t InvokeGenerate(Layout layout, const Calls& calls, void* handle, bool multimodal, const GenerateSpec& spec,
                            const GivenText& given, TokenRun& run, Generated& result, std::string& text);

}  // namespace guard::nexa
