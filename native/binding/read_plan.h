// Checks a plan that JavaScript hands in, so that no reading can write outside its rows.
#pragma once

#include <node_api.h>

#include "../memory_files.h"
#include "function.h"

namespace guard::binding {

// Reads the arguments `(paths, table, rows, swap, groupPath?, groupBytes?)`, see `NativePlan` in src/addon/addon.ts.
// `numbers` is how many `rows` has; every row and column of the plan lies inside it. Returns false as read_value.h says.
bool ReadPlanArguments(napi_env env, const Arguments& arguments, guard::ReadPlan& plan, std::size_t& numbers);

}  // namespace guard::binding
