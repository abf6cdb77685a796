#include "layout.h"

#include <charconv>
#include <system_error>

namespace guard::nexa {
namespace {

struct Version {
  int parts[3];
  // Whether it is a pre-release or somebody's own build, for example with "-rc1".
  bool suffixed;
};

std::optional<Version> ParseVersion(std::string_view text) noexcept {
  if (!text.empty() && text.front() == 'v') text.remove_prefix(1);
  Version version{};
  for (int at = 0; at < 3; at++) {
    if (at > 0) {
      if (text.empty() || text.front() != '.') return std::nullopt;
      text.remove_prefix(1);
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version.parts[at]);
    if (error != std::errc{} || version.parts[at] < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  version.suffixed = !text.empty();
  if (version.suffixed && text.front() != '-' && text.front() != '+') return std::nullopt;
  return version;
}

}  // namespace

std::optional<Layout> FindLayout(Generation generation, std::string_view version) noexcept {
  const std::optional<Version> parsed = ParseVersion(version);
  if (!parsed) return std::nullopt;
  const auto [major, minor, patch] = parsed->parts;
  // Releases of the older generation have suffixes: version 0.2.73 of its command line ships bridge "v1.0.45-rc1".
  if (generation == Generation::kNexa) {
    return major == 1 && minor == 0 ? std::optional(Layout::kNexa10) : std::nullopt;
  }
  // A pre-release may still have the layout of the version before.
  if (major != 0 || parsed->suffixed) return std::nullopt;
  if ((minor == 3 && patch >= 20) || (minor == 4 && patch == 0)) return Layout::kGeniex03;
  return minor == 5 ? std::optional(Layout::kGeniex05) : std::nullopt;
}

std::optional<Layout> ParseLayoutName(std::string_view name) noexcept {
  for (const Layout layout : {Layout::kNexa10, Layout::kGeniex03, Layout::kGeniex05}) {
    if (name == GetLayoutName(layout)) return layout;
  }
  return std::nullopt;
}

const char* GetLayoutName(Layout layout) noexcept {
  switch (layout) {
    case Layout::kNexa10: return "nexa-1.0";
    case Layout::kGeniex03: return "geniex-0.3";
    case Layout::kGeniex05: return "geniex-0.5";
  }
  return "";
}

Generation GetGeneration(Layout layout) noexcept {
  return layout == Layout::kNexa10 ? Generation::kNexa : Generation::kGeniex;
}

}  // namespace guard::nexa
