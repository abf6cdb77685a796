// What a lock must be to the ledger, asked of one implementation: `file-lock FILE`. It prints what is wrong.
#include "../../native/file_lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

namespace {

int wrong = 0;

void Expect(const char* what, guard::LockAnswer answer, guard::LockAnswer::State state) {
  if (answer.state == state) return;
  std::printf("%s: state %d, error %d\n", what, static_cast<int>(answer.state), answer.error);
  wrong = 1;
}

constexpr auto kOurs = guard::LockAnswer::State::kOurs;
constexpr auto kBusy = guard::LockAnswer::State::kBusy;
constexpr auto kFailed = guard::LockAnswer::State::kFailed;

}  // namespace

int main(int, char** arguments) {
  const int first = open(arguments[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int second = open(arguments[1], O_RDWR | O_CLOEXEC);
  if (first < 0 || second < 0) return 2;
  Expect("a free lock is asked for", guard::AskLock(second), kOurs);
  Expect("a free lock is taken", guard::TryLock(first), kOurs);
  Expect("a held lock is asked for", guard::AskLock(second), kBusy);
  Expect("a held lock is not taken by another description", guard::TryLock(second), kBusy);
  Expect("a held lock is taken again by its own", guard::TryLock(first), kOurs);
  Expect("it is given back", guard::Unlock(first), kOurs);
  Expect("who asked left nothing behind", guard::TryLock(second), kOurs);
  guard::Unlock(second);
  const int third = open(arguments[1], O_RDONLY | O_CLOEXEC);
  guard::TryLock(first);
  close(open(arguments[1], O_RDONLY | O_CLOEXEC));
  Expect("closing another description does not end it", guard::AskLock(second), kBusy);
  close(first);
  Expect("closing its own description ends it", guard::AskLock(second), kOurs);
  int ready[2];
  if (pipe(ready) != 0) return 2;
  const pid_t child = fork();
  if (child == 0) {
    const int own = open(arguments[1], O_RDWR | O_CLOEXEC);
    const char done = guard::TryLock(own).state == kOurs ? 'y' : 'n';
    if (write(ready[1], &done, 1) != 1) _exit(1);
    pause();
  }
  char done = 'n';
  if (read(ready[0], &done, 1) != 1 || done != 'y') std::printf("the child could not lock\n");
  Expect("another process holds it", guard::AskLock(second), kBusy);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  Expect("it ends with its process, even where that is killed", guard::AskLock(second), kOurs);
  close(third);
  Expect("a closed descriptor is an error", guard::TryLock(third), kFailed);
  return wrong;
}
