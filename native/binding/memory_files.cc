// Reads memory files for JavaScript.
#include "../memory_files.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "exports.h"
#include "function.h"
#include "make_value.h"
#include "read_plan.h"
#include "read_value.h"

namespace guard::binding {
namespace {

// `new MemoryFiles(paths, table, rows, swap, groupPath?, groupBytes?)`.
class MemoryFiles {
 public:
  static std::unique_ptr<MemoryFiles> Make(napi_env env, const Arguments& arguments) {
    guard::ReadPlan plan;
    std::size_t numbers = 0;
    if (!ReadPlanArguments(env, arguments, plan, numbers)) return nullptr;
    auto made = std::make_unique<MemoryFiles>(env, numbers);
    made->files_ = guard::OpenMemoryFiles(std::move(plan));
    if (made->files_ == nullptr) {
      Throw(env, "MemoryFiles: not supported on this system, or no memory");
      return nullptr;
    }
    return napi_create_reference(env, arguments[2], 1, &made->rows_) == napi_ok ? std::move(made) : nullptr;
  }

  MemoryFiles(napi_env env, std::size_t numbers) : env_(env), numbers_(numbers) {}
  ~MemoryFiles() { End(); }
  MemoryFiles(const MemoryFiles&) = delete;
  MemoryFiles& operator=(const MemoryFiles&) = delete;

  napi_value Read(napi_env env, const Arguments& arguments) {
    bool full = false;
    if (!IsMissing(env, arguments[0]) && !ReadFlag(env, arguments[0], "full", full)) return nullptr;
    if (files_ == nullptr) return Throw(env, "MemoryFiles: closed");
    // They are looked up for each reading: what JavaScript does in between may move their memory, or hand it away.
    napi_value rows = nullptr;
    NumbersInPlace target;
    if (napi_get_reference_value(env, rows_, &rows) != napi_ok || !FindNumbers(env, rows, "rows", target)) return nullptr;
    if (target.length != numbers_) {
      Refuse(env, rows, "rows", "as long as it was");
      return nullptr;
    }
    return MakeNumber(env, static_cast<double>(files_->Read(target.data, full)));
  }

  napi_value LastProblem(napi_env env, const Arguments&) {
    if (files_ == nullptr || !files_->LastProblem()) return nullptr;
    const guard::FileProblem& problem = *files_->LastProblem();
    ObjectMaker made(env);
    made.Set("file", MakeText(env, problem.file));
    if (problem.error == 0) {
      return made.Set("expected", MakeText(env, problem.expected)).Set("found", MakeText(env, problem.found)).Value();
    }
    const char* name = guard::ErrnoName(problem.error);
    return made.Set("errno", name != nullptr ? std::string(name) : "errno " + std::to_string(problem.error)).Value();
  }

  napi_value Close(napi_env, const Arguments&) {
    End();
    return nullptr;
  }

 private:
  void End() noexcept {
    files_.reset();
    if (rows_ != nullptr) (void)napi_delete_reference(env_, std::exchange(rows_, nullptr));
  }

  napi_env env_;
  std::size_t numbers_;
  napi_ref rows_ = nullptr;
  std::unique_ptr<guard::MemoryFiles> files_;
};

}  // namespace

void DefineMemoryFiles(napi_env env, napi_value exports) noexcept {
  using Class = WrappedClass<MemoryFiles>;
  Class::Define<MemoryFiles::Make>(
      env, exports, "MemoryFiles",
      {Class::DescribeMethod<&MemoryFiles::Read>("read"), Class::DescribeMethod<&MemoryFiles::LastProblem>("problem"),
       Class::DescribeMethod<&MemoryFiles::Close>("close")});
  const napi_value supported = MakeFlag(env, guard::MemoryFilesSupported());
  if (supported != nullptr) (void)napi_set_named_property(env, exports, "memoryFilesSupported", supported);
}

}  // namespace guard::binding
