// What a load takes of memory that its allocator had free, asked of the meter itself. It prints what is wrong.
#include "../../native/load_meter.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace {

int wrong = 0;

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::size_t kPieces = 512;
constexpr double kBytes = static_cast<double>(kPiece * kPieces);
constexpr double kNoise = 4.0 * 1024 * 1024;
constexpr std::size_t kHeapBytes = 1024 * 1024;

void Expect(const char* what, double found, double expected) {
  if (std::abs(found - expected) < kNoise) return;
  std::printf("%s: %.1f MiB, not %.1f\n", what, found / 1048576, expected / 1048576);
  wrong = 1;
}

using Pieces = std::vector<void*>;

Pieces Take(std::size_t count) {
  Pieces pieces(count);
  for (void*& piece : pieces) {
    piece = std::malloc(kPiece);
    std::memset(piece, 1, kPiece);
  }
  return pieces;
}

// The allocator keeps the addresses and gives the pages back.
void Free(Pieces& pieces) {
  for (void* piece : pieces) std::free(piece);
  pieces.clear();
  malloc_trim(0);
}

double Look(guard::LoadMeter& meter) {
  std::promise<void> looked;
  meter.Look([&looked] { looked.set_value(); });
  looked.get_future().wait();
  return meter.Figures().native_bytes;
}

std::unique_ptr<guard::LoadMeter> Open(bool javascript) { return guard::OpenLoadMeter(kHeapBytes, javascript); }

}  // namespace

int main() {
  // As V8's heap lies: it shows that addresses tell here whose memory it is.
  void* heap = mmap(reinterpret_cast<void*>(std::uintptr_t{1} << 37), kHeapBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memset(heap, 1, kHeapBytes);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);

  Pieces first = Take(kPieces);
  // It lies behind them, so that the heap can't shrink.
  const Pieces last = Take(1);
  Free(first);
  {
    const auto meter = Open(false);
    meter->Blocked(false);
    Pieces others = Take(kPieces);
    Expect("free memory that anybody may have taken", Look(*meter), 0);
    Free(others);
    meter->Blocked(true);
    Pieces mine = Take(kPieces / 2);
    Expect("free memory that is taken while JavaScript is blocked", Look(*meter), kBytes / 2);
    meter->Blocked(false);
    Pieces behind = Take(kPieces / 4);
    Expect("what anybody takes afterwards", Look(*meter), kBytes / 2);
    Free(behind);
    meter->Blocked(true);
    Pieces more = Take(kPieces / 4);
    meter->Blocked(false);
    Expect("a second stretch", Look(*meter), kBytes * 3 / 4);
    Free(mine);
    Expect("what was given back", Look(*meter), kBytes / 4);
    Free(more);
  }
  {
    const auto meter = Open(false);
    std::thread([&meter] {
      meter->Blocked(true);
      meter->Blocked(false);
    }).join();
    Pieces others = Take(kPieces);
    Expect("another thread, which has its memory elsewhere, was blocked", Look(*meter), 0);
    const auto beside = Open(false);
    meter->Blocked(true);
    Pieces more = Take(1);
    Expect("a load beside another one", Look(*meter), 0);
    Free(more);
    Free(others);
  }
  {
    const auto meter = Open(false);
    meter->Blocked(true);
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit none{3, limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    meter->Blocked(false);
    setrlimit(RLIMIT_NOFILE, &limit);
    Pieces others = Take(kPieces);
    Expect("what is taken after a stretch whose end could not be looked at", Look(*meter), 0);
    Free(others);
  }
  {
    const auto meter = Open(true);
    meter->Blocked(false);
    Pieces mine = Take(kPieces);
    Expect("free memory, where models live in JavaScript", Look(*meter), kBytes);
    const auto beside = Open(true);
    Pieces others = Take(kPieces / 2);
    Expect("what is taken beside another one", Look(*meter), kBytes);
    Free(others);
    Free(mine);
  }
  return wrong;
}
