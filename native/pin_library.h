// Keeps this library in memory until the process ends: a worker that ends must not unload code that another thread runs.
#pragma once

namespace guard {

void PinLibrary() noexcept;

}  // namespace guard
