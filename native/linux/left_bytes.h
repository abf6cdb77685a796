// What scopes have left now, by the change of their rows since JavaScript judged them. Pure arithmetic: it reads nothing.
#pragma once

#include <optional>
#include <vector>

#include "../memory_watch.h"

namespace guard {

// The least that any scope has left; none where a limit is another one. `swap`: it counts, so what was taken of it is gone
// too.
std::optional<double> LeftSince(const Judged& judged, const std::vector<double>& rows, bool swap) noexcept;

}  // namespace guard
