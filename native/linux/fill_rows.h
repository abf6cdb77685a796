// Knows the lines of each kernel file and the cells they belong to; it opens nothing.
#pragma once

#include <optional>
#include <string_view>

#include "../memory_files.h"

namespace guard {

// Fills the cells of `file` from its text. Returns nothing, or the key whose number is missing or garbage ("" for a file of
// one number).
std::optional<std::string_view> FillRows(const PlannedFile& file, std::string_view text, double* rows, bool full,
                                         bool swap) noexcept;

}  // namespace guard
