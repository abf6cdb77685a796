// Knows the lines of each kernel file and the cells they belong to; it opens nothing.
#ifndef NEXA_MEMORY_GUARD_LINUX_FILL_H
#define NEXA_MEMORY_GUARD_LINUX_FILL_H

#include <optional>
#include <string_view>

#include "../memory_files.h"

namespace guard {

// What is in use, unlike a limit, is always a number of bytes.
constexpr bool IsUsage(std::size_t column) noexcept { return column == kUsed || column == kSwapUsed; }

// None where all is well, else the key whose number is missing or garbage ("" for a file of one number).
std::optional<std::string_view> Fill(const File& file, std::string_view text, double* rows, bool full, bool swap) noexcept;

}  // namespace guard

#endif
