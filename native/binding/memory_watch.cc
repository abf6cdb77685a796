// Watches memory for JavaScript.
#include "../memory_watch.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_plan.h"
#include "read_value.h"
#include "wake_call.h"

namespace guard::binding {
namespace {

constexpr std::int32_t kNoticeKinds = 3;

// Each notice is `[kind, path, row]`.
bool ReadNotices(napi_env env, napi_value value, std::size_t rows, std::vector<guard::Notice>& notices) {
  std::vector<napi_value> list;
  if (!ReadList(env, value, "notices", list)) return false;
  for (const napi_value each : list) {
    std::vector<napi_value> cells;
    std::int32_t kind = 0;
    std::string path;
    std::int32_t row = 0;
    if (!ReadList(env, each, "notices", cells)) return false;
    cells.resize(3);
    if (!ReadInteger(env, cells[0], "notices[0]", kind) || !ReadPath(env, cells[1], "notices[1]", path) ||
        !ReadInteger(env, cells[2], "notices[2]", row)) {
      return false;
    }
    if (kind < 0 || kind >= kNoticeKinds) return Refuse(env, cells[0], "notices[0]", "a kind that is known");
    if (row < 0 || static_cast<std::size_t>(row) >= rows) return Refuse(env, cells[2], "notices[2]", "a row of `rows`");
    notices.push_back({static_cast<guard::Notice::Kind>(kind), std::move(path), static_cast<std::size_t>(row)});
  }
  return true;
}

// `new MemoryWatch(paths, table, rows, swap, groupPath, groupBytes, notices, woken)`: calls `woken()` on the environment's
// thread until `close()`. It does not keep the process alive. When its environment ends, the channel closes first and the
// object goes later; no call comes in between.
class MemoryWatch {
 public:
  static std::unique_ptr<MemoryWatch> Make(napi_env env, const Arguments& arguments) {
    guard::ReadPlan plan;
    std::vector<guard::Notice> notices;
    auto made = std::make_unique<MemoryWatch>();
    if (!ReadPlanArguments(env, arguments, plan, made->numbers_)) return nullptr;
    if (!ReadNotices(env, arguments[6], made->numbers_ / guard::kStride, notices)) return nullptr;
    made->woken_ = WakeCall::Make(env, arguments[7], "woken");
    if (made->woken_ == nullptr) return nullptr;
    made->watch_ = guard::OpenMemoryWatch(std::move(plan), std::move(notices), [woken = made->woken_] { woken->Ask(); });
    if (made->watch_ == nullptr) {
      Throw(env, "MemoryWatch: no thread, memory or descriptors for it");
      return nullptr;
    }
    return made;
  }

  MemoryWatch() = default;
  ~MemoryWatch() { End(); }
  MemoryWatch(const MemoryWatch&) = delete;
  MemoryWatch& operator=(const MemoryWatch&) = delete;

  napi_value Watch(napi_env env, const Arguments& arguments) {
    if (watch_ == nullptr) return nullptr;
    guard::Judgement judgement;
    if (!ReadNumbers(env, arguments[0], "rows", judgement.rows) ||
        !ReadNumbers(env, arguments[1], "left", judgement.left) ||
        !ReadNumber(env, arguments[2], "belowBytes", judgement.below_bytes)) {
      return nullptr;
    }
    if (judgement.rows.size() != numbers_) {
      Refuse(env, arguments[0], "rows", "as long as the rows of the plan");
    } else if (judgement.left.size() != numbers_ / guard::kStride) {
      Refuse(env, arguments[1], "left", "a Float64Array with a number for each row");
    } else {
      watch_->Watch(std::move(judgement));
    }
    return nullptr;
  }

  napi_value Take(napi_env env, const Arguments&) {
    const std::optional<guard::LeastLeft> least = watch_ != nullptr ? watch_->Take() : std::nullopt;
    if (!least) return nullptr;
    return ObjectMaker(env).Set("leftBytes", least->left_bytes).Set("ageMs", least->age_ms).Value();
  }

  napi_value Close(napi_env, const Arguments&) {
    End();
    return nullptr;
  }

 private:
  void End() noexcept {
    watch_.reset();
    if (woken_ != nullptr) woken_->Forget();
  }

  std::shared_ptr<WakeCall> woken_;
  std::unique_ptr<guard::MemoryWatch> watch_;
  std::size_t numbers_ = 0;
};

}  // namespace

void DefineMemoryWatch(napi_env env, napi_value exports) noexcept {
  if (!guard::MemoryWatchSupported()) return;
  using Class = WrappedClass<MemoryWatch>;
  Class::Define<MemoryWatch::Make>(
      env, exports, "MemoryWatch",
      {Class::DescribeMethod<&MemoryWatch::Watch>("watch"), Class::DescribeMethod<&MemoryWatch::Take>("take"),
       Class::DescribeMethod<&MemoryWatch::Close>("close")});
}

}  // namespace guard::binding
