// Lets JavaScript silence an engine and read what it would have printed.
#include "../engine_output.h"

#include <string>

#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_value.h"

namespace guard::binding {
namespace {

napi_value Silence(napi_env env, const Arguments& arguments) {
  std::string path;
  if (!ReadPath(env, arguments[0], "path", path)) return nullptr;
  const guard::engine_output::Report report = guard::engine_output::Silence(path.c_str());
  return ObjectMaker(env)
      .Set("loggers", static_cast<double>(report.loggers))
      .Set("calls", static_cast<double>(report.calls))
      .Set("catches", MakeFlag(env, report.catches))
      .Set("holds", MakeFlag(env, report.holds))
      .Value();
}

napi_value Keep(napi_env env, const Arguments& arguments) {
  std::int32_t level = 0;
  if (!ReadInteger(env, arguments[0], "level", level)) return nullptr;
  guard::engine_output::Keep(static_cast<guard::engine_output::Level>(level));
  return nullptr;
}

napi_value Drain(napi_env env, const Arguments&) {
  ListMaker lines(env);
  guard::engine_output::Level level{};
  char text[guard::engine_output::kMaxText];
  while (guard::engine_output::Take(level, text)) {
    lines.Add(MakeNumber(env, static_cast<int>(level))).Add(MakeText(env, text));
  }
  return lines.Value();
}

napi_value CatchNextThrow(napi_env env, const Arguments& arguments) {
  bool on = false;
  if (!ReadFlag(env, arguments[0], "on", on)) return nullptr;
  guard::engine_output::CatchNextThrow(on);
  return nullptr;
}

napi_value HoldNextWork(napi_env, const Arguments&) {
  guard::engine_output::HoldNextWork();
  return nullptr;
}

napi_value StartHeldWork(napi_env env, const Arguments&) { return MakeFlag(env, guard::engine_output::StartHeldWork()); }

}  // namespace

// `engineLog`; its type is `NativeEngineLog` in src/addon/addon.ts.
void DefineEngineOutput(napi_env env, napi_value exports) noexcept {
  const napi_value log = ObjectMaker(env).Value();
  DefineFunction(env, log, "silence", Enter<Silence>);
  DefineFunction(env, log, "keep", Enter<Keep>);
  DefineFunction(env, log, "drain", Enter<Drain>);
  DefineFunction(env, log, "catchNextThrow", Enter<CatchNextThrow>);
  DefineFunction(env, log, "holdNextWork", Enter<HoldNextWork>);
  DefineFunction(env, log, "startHeldWork", Enter<StartHeldWork>);
  (void)napi_set_named_property(env, exports, "engineLog", log);
}

}  // namespace guard::binding
