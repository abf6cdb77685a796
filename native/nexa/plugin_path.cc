#include "plugin_path.h"

#include "../nexa_os.h"
#include "process_state.h"

namespace guard::nexa {
namespace {

// Both generations may read either: sources of the older one that are public read the name of its successor.
constexpr const char* kVariables[] = {"NEXA_PLUGIN_PATH", "GENIEX_PLUGIN_PATH"};

std::string Find(const PluginPath& path, const char* name) {
  const auto found = path.find(name);
  return found == path.end() ? std::string() : found->second;
}

}  // namespace

void UsePluginPath(const PluginPath& path) {
  PluginPath& left = GetProcessState().left_variables.all;
  for (const char* name : kVariables) {
    const std::string current = os::ReadVariable(name);
    const std::string wanted = Find(path, name);
    if (current == wanted || (!current.empty() && current != Find(left, name))) continue;
    os::WriteVariable(name, wanted);
    left[name] = wanted;
  }
}

PluginPath ReadPluginPath() {
  PluginPath path;
  for (const char* name : kVariables) {
    if (std::string value = os::ReadVariable(name); !value.empty()) path[name] = std::move(value);
  }
  return path;
}

PluginPath NotePluginPath(const PluginPath& before) {
  PluginPath noted;
  for (auto& [name, value] : ReadPluginPath()) {
    if (value != Find(before, name.c_str())) noted[name] = GetProcessState().left_variables.all[name] = value;
  }
  return noted;
}

}  // namespace guard::nexa
