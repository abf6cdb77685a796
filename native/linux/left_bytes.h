// What scopes have left now, by how their rows changed since JavaScript judged them. It reads nothing.
#pragma once

#include <optional>
#include <vector>

#include "../memory_watch.h"

namespace guard {

// Returns the least that any scope has left; nothing if a limit is another one now. `swap` says whether swap counts, so
// that what was taken of it is gone too.
std::optional<double> ComputeLeftBytes(const Judgement& judgement, const std::vector<double>& rows, bool swap) noexcept;

}  // namespace guard
