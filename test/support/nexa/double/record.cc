#include "record.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace fake {
namespace {

// Whether the bytes can be read, asked of the kernel.
bool Readable(const void* from, std::size_t bytes) {
  std::vector<char> into(bytes);
  iovec local{into.data(), bytes};
  iovec remote{const_cast<void*>(from), bytes};
  return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(bytes);
}

std::string Hex(const void* bytes, std::size_t size) {
  std::string hex;
  for (std::size_t at = 0; at < size; at++) {
    char pair[3];
    std::snprintf(pair, sizeof pair, "%02x", static_cast<const unsigned char*>(bytes)[at]);
    hex += pair;
  }
  return hex;
}

}  // namespace

void Complain(const char* call, const std::string& about) {
  std::fprintf(stderr, "nexa double: %s: %s\n", call, about.c_str());
  std::abort();
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (each == '"' || each == '\\') {
      out += '\\';
      out += each;
    } else if (byte < 0x20 || byte >= 0x7f) {
      char code[7];
      std::snprintf(code, sizeof code, "\\u%04x", byte);
      out += code;
    } else {
      out += each;
    }
  }
  return out;
}

Line::Line(const char* call) : json_("{\"call\":\"" + std::string(call) + "\"") {}

Line::~Line() {
  const char* path = std::getenv("NEXA_DOUBLE_CALLS");
  if (path == nullptr) return;
  json_ += "}\n";
  // One write of a file opened for appending is whole, whatever other threads write.
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  if (write(file, json_.data(), json_.size()) < 0) std::perror("nexa double");
  close(file);
}

void Line::Key(const char* name) { json_ += ",\"" + std::string(name) + "\":"; }

void Line::Text(const char* name, const char* text) {
  Key(name);
  json_ += text == nullptr ? "null" : "\"" + Escaped(text) + "\"";
}

void Line::Whole(const char* name, std::int64_t number) {
  Key(name);
  json_ += std::to_string(number);
}

void Line::Real(const char* name, double number) {
  Key(name);
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", number);
  json_ += text;
}

void Line::Flag(const char* name, bool flag) {
  Key(name);
  json_ += flag ? "true" : "false";
}

Bytes::Bytes(const char* call, const char* what, const void* base, std::size_t size, Line& line)
    : call_(call), what_(what), base_(static_cast<const unsigned char*>(base)), size_(size), line_(line), taken_(size) {
  if (base == nullptr) Complain(call, std::string(what) + " is NULL");
  if (!Readable(base, size)) Complain(call, std::string(what) + " is no memory");
}

Bytes::~Bytes() {
  for (std::size_t at = 0; at < size_; at++) {
    if (!taken_[at] && base_[at] != 0) Wrong(("the byte at " + std::to_string(at)).c_str(), Hex(base_ + at, 1));
  }
}

void Bytes::Wrong(const char* name, const std::string& found) const {
  Complain(call_, std::string(what_) + ": " + name + " is " + found);
}

template <class T>
T Bytes::Take(const char* name, std::size_t at) {
  if (at + sizeof(T) > size_ || at % alignof(T) != 0) Wrong(name, "outside the struct");
  for (std::size_t byte = at; byte < at + sizeof(T); byte++) {
    if (taken_[byte]) Wrong(name, "where another field is");
    taken_[byte] = true;
  }
  T value;
  std::memcpy(&value, base_ + at, sizeof value);
  return value;
}

const void* Bytes::Pointer(const char* name, std::size_t at) {
  const auto* pointer = Take<const void*>(name, at);
  if (pointer != nullptr && !Readable(pointer, 1)) Wrong(name, "a pointer to nowhere");
  return pointer;
}

const char* Bytes::Text(const char* name, std::size_t at) {
  const auto* text = static_cast<const char*>(Pointer(name, at));
  line_.Text(name, text);
  return text;
}

std::int32_t Bytes::Whole(const char* name, std::size_t at, std::int32_t least, std::int32_t most) {
  const auto value = Take<std::int32_t>(name, at);
  if (value < least || value > most) Wrong(name, std::to_string(value));
  line_.Whole(name, value);
  return value;
}

float Bytes::Real(const char* name, std::size_t at) {
  const auto value = Take<float>(name, at);
  if (!std::isfinite(value) || std::fabs(value) > 1e6F) Wrong(name, std::to_string(value));
  line_.Real(name, value);
  return value;
}

bool Bytes::Flag(const char* name, std::size_t at) {
  const auto value = Take<unsigned char>(name, at);
  if (value > 1) Wrong(name, std::to_string(value));
  line_.Flag(name, value != 0);
  return value != 0;
}

const void* Bytes::Inner(std::size_t at, std::size_t size) {
  if (at + size > size_) Wrong("a struct inside it", "outside of it");
  for (std::size_t byte = at; byte < at + size; byte++) taken_[byte] = true;
  return base_ + at;
}

void Bytes::Zero(const char* name, std::size_t at, std::size_t size) {
  for (std::size_t byte = at; byte < at + size; byte++) {
    if (base_[byte] != 0) Wrong(name, Hex(base_ + at, size));
    taken_[byte] = true;
  }
}

void MustBeZero(const char* call, const void* output, std::size_t size) {
  if (output == nullptr) Complain(call, "the output is NULL");
  if (!Readable(output, size)) Complain(call, "the output is no memory");
  const auto* bytes = static_cast<const unsigned char*>(output);
  for (std::size_t at = 0; at < size; at++) {
    if (bytes[at] != 0) Complain(call, "the output was not zeroed: " + Hex(output, size));
  }
}

}  // namespace fake
