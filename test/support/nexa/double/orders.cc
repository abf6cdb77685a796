#include "orders.h"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace fake {
namespace {

std::map<std::string, std::string> Read(const std::string& list) {
  std::map<std::string, std::string> orders;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(';', at), list.size());
    const std::size_t equals = list.find('=', at);
    if (equals < end) orders[list.substr(at, equals - at)] = list.substr(equals + 1, end - equals - 1);
    at = end + 1;
  }
  return orders;
}

}  // namespace

Orders Orders::InPrompt(const std::string& prompt) {
  Orders orders;
  const std::string mark = "<<double ";
  const std::size_t start = prompt.rfind(mark);
  if (start == std::string::npos) return orders;
  const std::size_t end = prompt.find(">>", start);
  if (end != std::string::npos) orders.orders_ = Read(prompt.substr(start + mark.size(), end - start - mark.size()));
  return orders;
}

Orders Orders::InVariable(const char* name) {
  Orders orders;
  const char* list = std::getenv(name);
  if (list != nullptr) orders.orders_ = Read(list);
  return orders;
}

std::string Orders::Text(const char* key) const {
  const auto found = orders_.find(key);
  return found == orders_.end() ? std::string() : found->second;
}

int Orders::Whole(const char* key, int missing) const { return Has(key) ? std::atoi(Text(key).c_str()) : missing; }

void Orders::Obey() const {
  if (Has("hang")) {
    while (access(Text("hang").c_str(), F_OK) != 0) usleep(2000);
  }
  if (Has("throw")) throw std::runtime_error("thrown by order");
}

}  // namespace fake
