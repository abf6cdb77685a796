// Counts the anonymous memory that lies in ranges of addresses: pages of this process alone, resident or swapped out. The
// page of zeros that the kernel shows for what was only read is not counted.
#pragma once

#include <optional>

#include "address_ranges.h"

namespace guard {

// Empty if the kernel doesn't tell. 400 MiB take 0.6 ms since Linux 6.7, and about 6 ms before.
std::optional<double> CountResidentBytes(const AddressRanges& ranges) noexcept;

}  // namespace guard
