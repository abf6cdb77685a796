// How long threads of OpenMP in the library spin before they sleep. It knows no library.
#pragma once

namespace guard::nexa {

// Lets them sleep soon, unless the program has said how they wait. GNU's OpenMP reads it when it is loaded, so this must
// run before a library is opened.
void LimitThreadSpinning();

}  // namespace guard::nexa
