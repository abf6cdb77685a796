#include "read_plan.h"

#include <string>

namespace guard::binding {

std::optional<guard::ReadPlan> ParsePlan(const Napi::CallbackInfo& info) {
  if (info.Length() < 4 || !info[0].IsArray() || !info[1].IsTypedArray() || !info[2].IsTypedArray()) return std::nullopt;
  if (info[1].As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) return std::nullopt;
  if (info[2].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) return std::nullopt;
  const Napi::Array paths = info[0].As<Napi::Array>();
  const Napi::Int32Array table = info[1].As<Napi::Int32Array>();
  const std::size_t rows = info[2].As<Napi::Float64Array>().ElementLength() / guard::kStride;
  if (rows == 0 || table.ElementLength() != std::size_t{3} * paths.Length()) return std::nullopt;
  guard::ReadPlan plan;
  plan.swap = info[3].ToBoolean().Value();
  for (std::uint32_t at = 0; at < paths.Length(); at++) {
    const Napi::Value path = paths[at];
    const std::int32_t* cells = table.Data() + std::size_t{3} * at;
    if (!path.IsString() || cells[0] < 0 || cells[0] > 4 || cells[1] < 0 || cells[2] < 0) return std::nullopt;
    const auto parse = static_cast<guard::Parse>(cells[0]);
    const auto row = static_cast<std::size_t>(cells[1]);
    const auto column = static_cast<std::size_t>(cells[2]);
    // For meminfo and status, the column is a second row.
    const bool two_rows = parse == guard::Parse::kMeminfo || parse == guard::Parse::kStatus;
    if (row >= rows || column >= (two_rows ? rows : std::size_t{guard::kStride})) return std::nullopt;
    plan.files.push_back({path.As<Napi::String>().Utf8Value(), parse, row, column});
  }
  if (info.Length() >= 6 && info[4].IsString() && info[5].IsTypedArray()) {
    const Napi::Uint8Array bytes = info[5].As<Napi::Uint8Array>();
    plan.group = guard::GroupFile{info[4].As<Napi::String>().Utf8Value(),
                                  std::string(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength())};
  }
  return plan;
}

}  // namespace guard::binding
