// Checks a plan that JavaScript hands in, so that no reading can write outside its rows.
#pragma once

#include <napi.h>

#include <optional>

#include "../memory_files.h"

namespace guard::binding {

// Parses the arguments `(paths, table, rows, swap, groupPath?, groupBytes?)`, see `NativePlan` in src/addon/addon.ts.
// Returns nothing unless every row and column lies inside `rows`.
std::optional<guard::ReadPlan> ParsePlan(const Napi::CallbackInfo& info);

}  // namespace guard::binding
