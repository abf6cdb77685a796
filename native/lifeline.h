// Ends this process with its parent, also while its JavaScript is blocked. It knows no JavaScript.
#pragma once

namespace guard {

// False if this system can't tell that a parent has ended.
bool LifelineSupported() noexcept;

// From now on this process ends, without running anything more, as soon as the other end of `descriptor` is closed or
// `pid` is not its parent any more. Returns whether it will. The first call that succeeds counts; later ones change
// nothing. A descriptor says nothing on Windows, where the parent itself is waited for.
bool EndWith(int descriptor, int pid) noexcept;

}  // namespace guard
