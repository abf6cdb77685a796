// The layouts of the SDK's structs that are known, and which version has which. It knows no struct.
#pragma once

#include <optional>
#include <string_view>

namespace guard::nexa {

// Named for the first version that has it.
enum class Layout { kNexa10, kGeniex03, kGeniex05 };
// The names of the calls: `ml_...` and `geniex_...`.
enum class Generation { kNexa, kGeniex };

// Returns nothing for a version whose layout nobody has measured.
std::optional<Layout> FindLayout(Generation generation, std::string_view version) noexcept;
// Returns nothing for a name that no layout has.
std::optional<Layout> ParseLayoutName(std::string_view name) noexcept;
// For example "geniex-0.5", as in src/addon/nexa-binding.ts.
const char* GetLayoutName(Layout layout) noexcept;
Generation GetGeneration(Layout layout) noexcept;

}  // namespace guard::nexa
