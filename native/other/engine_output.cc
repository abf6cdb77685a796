// Systems on which an engine's loggers cannot be reached: nothing is silenced, and the report says so.
#include "../engine_output.h"

namespace guard::engine_output {

Report Silence(const char* /*path*/) noexcept { return {}; }

void Keep(Level /*lowest*/) noexcept {}

bool Take(Level& /*level*/, char (&/*text*/)[kMaxText]) noexcept { return false; }

void CatchNextThrow(bool /*on*/) noexcept {}

void HoldNextWork() noexcept {}

bool StartHeldWork() noexcept { return true; }

}  // namespace guard::engine_output
