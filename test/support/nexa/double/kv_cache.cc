#include "kv_cache.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include "log.h"

namespace fake {
namespace {

constexpr char kMagic[] = "KVCACHE";

std::uint64_t At(std::int32_t position, std::uint64_t content) {
  return Mix(content ^ (static_cast<std::uint64_t>(position) * 0x9e3779b97f4a7c15));
}

template <class T>
void Write(std::ofstream& file, const T& value) {
  file.write(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
bool Read(std::ifstream& file, T& value) {
  return static_cast<bool>(file.read(reinterpret_cast<char*>(&value), sizeof value));
}

}  // namespace

std::uint64_t Mix(std::uint64_t number) {
  number += 0x9e3779b97f4a7c15;
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
  number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
  return number ^ (number >> 31);
}

std::uint64_t Digest(std::uint64_t start, const std::string& bytes) {
  for (const char each : bytes) start = (start ^ static_cast<unsigned char>(each)) * 0x100000001b3;
  return start;
}

KvCache::Outcome KvCache::Decode(const std::vector<std::uint64_t>& batch, std::optional<std::int32_t> at) {
  if (at && last_ >= 0 && *at != last_ + 1) {
    LogLlama(3,
             "init: the tokens of sequence 0 in the input batch have inconsistent sequence positions:\n"
             " - the last position stored in the memory module of the context (i.e. the KV cache) for sequence 0 is X = " +
                 std::to_string(last_) +
                 "\n - the tokens for sequence 0 in the input batch have a starting position of Y = " +
                 std::to_string(*at) + "\n it is required that the sequence positions remain consecutive: Y = X + 1");
    LogLlama(3, "decode: failed to initialize batch");
    LogLlama(3, "llama_decode: failed to decode, ret = -1");
    return Outcome::kOutOfOrder;
  }
  if (cells_.size() + batch.size() > most_) {
    LogLlama(2, "decode: failed to find a memory slot for batch of size " + std::to_string(batch.size()));
    return Outcome::kFull;
  }
  if (at) last_ = *at - 1;
  for (const std::uint64_t each : batch) {
    cells_.push_back({++last_, Mix(sum_ ^ Mix(each))});
    sum_ += At(last_, cells_.back().content);
  }
  logits_ = Mix(sum_);
  return Outcome::kDone;
}

void KvCache::Remove(std::int32_t from, std::int32_t to) {
  if (to < 0) to = std::numeric_limits<std::int32_t>::max();
  const auto gone = [&](const Cell& cell) { return cell.at >= from && cell.at < to; };
  cells_.erase(std::remove_if(cells_.begin(), cells_.end(), gone), cells_.end());
  Count();
}

void KvCache::Move(std::int32_t from, std::int32_t to, std::int32_t by) {
  for (Cell& cell : cells_) {
    if (cell.at >= from && cell.at < to) cell.at += by;
  }
  const auto gone = [](const Cell& cell) { return cell.at < 0; };
  cells_.erase(std::remove_if(cells_.begin(), cells_.end(), gone), cells_.end());
  Count();
}

void KvCache::Clear() {
  cells_.clear();
  Count();
}

void KvCache::Count() {
  last_ = -1;
  sum_ = 0;
  for (const Cell& cell : cells_) {
    last_ = std::max(last_, cell.at);
    sum_ += At(cell.at, cell.content);
  }
}

bool KvCache::Save(const std::string& path, bool with_logits) const {
  std::ofstream file(path, std::ios::binary);
  file.write(kMagic, sizeof kMagic);
  Write(file, with_logits ? logits_.value_or(0) : 0);
  Write(file, cells_.size());
  for (const Cell& cell : cells_) Write(file, cell);
  return file.good();
}

bool KvCache::Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[sizeof kMagic] = {};
  std::uint64_t logits = 0;
  std::size_t count = 0;
  if (!Read(file, magic) || std::string(magic, sizeof magic) != std::string(kMagic, sizeof kMagic)) return false;
  if (!Read(file, logits) || !Read(file, count) || count > most_) return false;
  std::vector<Cell> cells(count);
  for (Cell& cell : cells) {
    if (!Read(file, cell)) return false;
  }
  cells_ = std::move(cells);
  Count();
  if (logits != 0) logits_ = logits;
  return true;
}

}  // namespace fake
