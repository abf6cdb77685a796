// What the context holds: a cell for each token that was decoded, at a position, with a content that depends on all the
// cells that were there when it was decoded; and the logits, which depend on all cells after the last decoded token. So a
// context that holds anything else than a fresh one babbles in another way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fake {

class KvCache {
 public:
  enum class Outcome { kDone, kFull, kOutOfOrder };

  explicit KvCache(std::int32_t cells) : most_(static_cast<std::size_t>(cells)) {}

  // Takes all of them or, if there are too few free cells, none. Each is the number of a token or of a part of a medium.
  // Without `at` they stand after the last position; with it they must stand there too.
  Outcome Decode(const std::vector<std::uint64_t>& batch, std::optional<std::int32_t> at = std::nullopt);
  // Positions from `from` on and before `to`; a negative `to` is the end.
  void Remove(std::int32_t from, std::int32_t to);
  void Move(std::int32_t from, std::int32_t to, std::int32_t by);
  // Keeps the logits.
  void Clear();

  // -1 if it is empty.
  std::int32_t Last() const { return last_; }
  // Those of the last token that was decoded, which need not be one that the cells still hold. Absent before the first.
  std::optional<std::uint64_t> Logits() const { return logits_; }

  bool Save(const std::string& path, bool with_logits) const;
  // A file that is none changes nothing.
  bool Load(const std::string& path);

 private:
  struct Cell {
    std::int32_t at;
    std::uint64_t content;
  };
  // After cells were changed in another way than by a token more.
  void Count();

  std::size_t most_;
  std::vector<Cell> cells_;
  std::int32_t last_ = -1;
  std::uint64_t sum_ = 0;
  std::optional<std::uint64_t> logits_;
};

// Spreads a number over all its bits.
std::uint64_t Mix(std::uint64_t number);
// Depends on every byte.
std::uint64_t Digest(std::uint64_t start, const std::string& bytes);

}  // namespace fake
