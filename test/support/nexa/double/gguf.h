// As much of a GGUF file as the double must know to take its memory, and the file itself: a model mapped, a projector read
// into memory, as the real library does.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fake {

class Gguf {
 public:
  enum class Memory { kMapped, kRead };
  Gguf(const std::string& path, Memory memory);
  ~Gguf();
  Gguf(const Gguf&) = delete;
  Gguf& operator=(const Gguf&) = delete;

  // Empty where the file was read.
  const std::string& Problem() const { return problem_; }
  std::int64_t Whole(const std::string& key, std::int64_t missing) const;
  std::string Text(const std::string& key) const;
  bool Flag(const std::string& key) const { return Whole(key, 0) != 0; }
  // How many a list has.
  std::int64_t Count(const std::string& key) const { return Whole("count of " + key, 0); }
  // The type of a tensor whose name contains this; -1 without one. 0 is F32, 1 is F16.
  std::int64_t TypeOf(const std::string& part) const;
  // Moves the matrices of the blocks that have a form for this processor from the file's pages into memory of its own.
  void Repack();
  // Reads every page, so that they are resident; a number that depends on all of them.
  std::uint64_t Touch() const;

 private:
  void Parse();
  std::string problem_;
  const unsigned char* base_ = nullptr;
  std::size_t size_ = 0;
  std::size_t at_ = 0;
  std::map<std::string, std::int64_t> numbers_;
  std::map<std::string, std::string> texts_;
  struct Tensor {
    std::string name;
    std::int64_t type;
    std::uint64_t values, offset;
  };
  std::vector<Tensor> tensors_;
  // Where the tensors begin.
  std::size_t data_ = 0;
  std::vector<std::pair<void*, std::size_t>> repacked_;

  std::uint64_t Take(std::size_t bytes);
  std::string TakeText();
  bool TakeValue(const std::string& key, std::uint64_t type);
};

}  // namespace fake
