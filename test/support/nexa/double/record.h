// What the double was called with, one line of JSON each, in the file that NEXA_DOUBLE_CALLS names; and its complaint where
// it was called as the real library must never be called: then the process dies of it here too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fake {

[[noreturn]] void Complain(const char* call, const std::string& about);

class Line {
 public:
  explicit Line(const char* call);
  // Writes itself.
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  void Text(const char* name, const char* text);
  void Whole(const char* name, std::int64_t number);
  void Real(const char* name, double number);
  void Flag(const char* name, bool flag);

 private:
  void Key(const char* name);
  std::string json_;
};

std::string Escaped(const std::string& text);

// One struct that was handed over: every byte is a field or zero, every pointer leads somewhere, every flag is 0 or 1.
class Bytes {
 public:
  Bytes(const char* call, const char* what, const void* base, std::size_t size, Line& line);
  // Checks the bytes that were not asked for.
  ~Bytes();
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  const char* Text(const char* name, std::size_t at);
  const void* Pointer(const char* name, std::size_t at);
  std::int32_t Whole(const char* name, std::size_t at, std::int32_t least, std::int32_t most);
  float Real(const char* name, std::size_t at);
  bool Flag(const char* name, std::size_t at);
  // A struct inside this one, whose bytes are checked on their own.
  const void* Inner(std::size_t at, std::size_t size);
  // Must be zero, though other versions have something there.
  void Zero(const char* name, std::size_t at, std::size_t size);

 private:
  template <class T>
  T Take(const char* name, std::size_t at);
  void Wrong(const char* name, const std::string& found) const;

  const char* call_;
  const char* what_;
  const unsigned char* base_;
  std::size_t size_;
  Line& line_;
  std::vector<bool> taken_;
};

// An output struct must be zeroed before every call: the real library logs it before it fills it.
void MustBeZero(const char* call, const void* output, std::size_t size);

}  // namespace fake
