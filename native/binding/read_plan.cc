#include "read_plan.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "read_value.h"

namespace guard::binding {
namespace {

constexpr std::int32_t kParses = 5;

// One path with its three numbers: how it is parsed, its row, and its column. Nothing if they do not fit.
std::optional<guard::PlannedFile> PlanFile(std::string path, const std::int32_t* cells, std::size_t rows) {
  if (cells[0] < 0 || cells[0] >= kParses || cells[1] < 0 || cells[2] < 0) return std::nullopt;
  const auto parse = static_cast<guard::Parse>(cells[0]);
  const auto row = static_cast<std::size_t>(cells[1]);
  const auto column = static_cast<std::size_t>(cells[2]);
  // For meminfo and status, the column is a second row.
  const bool two_rows = parse == guard::Parse::kMeminfo || parse == guard::Parse::kStatus;
  if (row >= rows || column >= (two_rows ? rows : std::size_t{guard::kStride})) return std::nullopt;
  return guard::PlannedFile{std::move(path), parse, row, column};
}

bool ReadGroup(napi_env env, const Arguments& arguments, guard::ReadPlan& plan) {
  if (IsMissing(env, arguments[4])) return true;
  guard::GroupFile group;
  if (!ReadPath(env, arguments[4], "groupPath", group.path)) return false;
  if (!ReadBytes(env, arguments[5], "groupBytes", group.bytes)) return false;
  plan.group = std::move(group);
  return true;
}

}  // namespace

bool ReadPlanArguments(napi_env env, const Arguments& arguments, guard::ReadPlan& plan, std::size_t& numbers) {
  std::vector<napi_value> paths;
  if (!ReadList(env, arguments[0], "paths", paths)) return false;
  // After the list, whose getters may change what else was handed in.
  std::vector<std::int32_t> table;
  NumbersInPlace figures;
  if (!ReadIntegers(env, arguments[1], "table", table)) return false;
  if (!FindNumbers(env, arguments[2], "rows", figures)) return false;
  if (!ReadFlag(env, arguments[3], "swap", plan.swap)) return false;
  const std::size_t rows = figures.length / guard::kStride;
  if (rows == 0) return Refuse(env, arguments[2], "rows", "a Float64Array with 10 numbers for each row");
  if (table.size() != std::size_t{3} * paths.size()) {
    return Refuse(env, arguments[1], "table", "an Int32Array with three numbers for each path");
  }
  for (std::size_t at = 0; at < paths.size(); at++) {
    std::string path;
    if (!ReadPath(env, paths[at], "paths", path)) return false;
    auto file = PlanFile(std::move(path), table.data() + 3 * at, rows);
    if (!file) return Refuse(env, arguments[1], "table", "formats that are known, and rows and columns inside `rows`");
    plan.files.push_back(std::move(*file));
  }
  numbers = figures.length;
  return ReadGroup(env, arguments, plan);
}

}  // namespace guard::binding
