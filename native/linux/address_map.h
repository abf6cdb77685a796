// Reads where this process has anonymous memory, and who maps there: native code or JavaScript's engine.
//
// For its heaps, V8 asks the kernel for addresses of its own choice: random ones below 2^46 on x64 and below 2^38 on arm64
// (`OS::GetRandomMmapAddr` in its sources). The kernel gives everybody else addresses near the stack, and `malloc` also has
// the range that it calls `[heap]`. So the address says whether a page is of a heap, of whatever isolate. A memory of
// WebAssembly lies near the stack, in front of at least 4 GiB that nobody may access.
#pragma once

#include <optional>

#include "address_ranges.h"

namespace guard {

// Private anonymous memory that may be accessed. Reserved address space is not in it.
struct AddressMap {
  AddressRanges native;
  AddressRanges wasm;
  // V8's zone.
  AddressRanges heap;
  // The part of `native` that `malloc` gives to the main thread first: the kernel calls it `[heap]`.
  AddressRanges main_heap;
};

bool AddressZonesKnown() noexcept;

// Empty if it can't be read.
std::optional<AddressMap> ReadAddressMap();

// The process's size in pages, which costs 1 µs: all of its address space, and what is resident without shared pages.
struct ProcessPages {
  long virtual_pages;
  long private_pages;
};
std::optional<ProcessPages> ReadProcessPages() noexcept;

}  // namespace guard
