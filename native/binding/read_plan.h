#pragma once

#include <napi.h>

#include <optional>

#include "../memory_files.h"

namespace guard::binding {

// `(paths, table, rows, swap, groupPath?, groupBytes?)`, see src/addon/load-addon.ts. None unless every row and column lies
// inside `rows`.
std::optional<guard::Plan> PlanOf(const Napi::CallbackInfo& info);

}  // namespace guard::binding
