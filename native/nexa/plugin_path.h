// The variables of the process by which a library finds its plugins, and a plugin what lies beside it: `init` sets one if
// nobody has, and a plugin reads it when it is first used. It calls no library. The life mutex is held around each call.
#pragma once

#include <map>
#include <string>

namespace guard::nexa {

// Values by the names of the variables.
using PluginPath = std::map<std::string, std::string>;

// Gives the variables the values that `init` of one library set, and clears those that another's did; an empty path clears
// all of them. What the program set stays.
void UsePluginPath(const PluginPath& path);

// The variables that are set now.
PluginPath ReadPluginPath();

// What `init` set, if the variables were `before` it.
PluginPath NotePluginPath(const PluginPath& before);

}  // namespace guard::nexa
