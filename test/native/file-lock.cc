// What a lock must be to the ledger, asked of one implementation: `file-lock FILE`. It prints what is wrong.
#include "../../native/file_lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>

namespace {

int wrong = 0;

constexpr auto kOurs = guard::LockAnswer::State::kOurs;
constexpr auto kBusy = guard::LockAnswer::State::kBusy;
constexpr auto kFailed = guard::LockAnswer::State::kFailed;

// Two numbers of one file, and one far behind them.
constexpr std::uint32_t kSection = 0;
constexpr std::uint32_t kFirst = 1024;
constexpr std::uint32_t kLast = 0x7fffffff;

void Expect(const char* what, guard::LockAnswer answer, guard::LockAnswer::State state) {
  if (answer.state == state) return;
  std::printf("%s: state %d, error %d\n", what, static_cast<int>(answer.state), answer.error);
  wrong = 1;
}

void Expect(const char* what, bool holds) {
  if (holds) return;
  std::printf("%s: no\n", what);
  wrong = 1;
}

int Open(const char* path) { return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); }

void OneNumber(const char* path) {
  const int first = Open(path);
  const int second = Open(path);
  Expect("a free lock is asked for", guard::AskLocks(second, kSection, 1), kOurs);
  Expect("a free lock is taken", guard::TryLock(first, kSection), kOurs);
  Expect("a held lock is asked for", guard::AskLocks(second, kSection, 1), kBusy);
  Expect("a held lock is not taken by another description", guard::TryLock(second, kSection), kBusy);
  Expect("a held lock is taken again by its own", guard::TryLock(first, kSection), kOurs);
  Expect("what a description holds itself is free to it", guard::AskLocks(first, kSection, 1), kOurs);
  Expect("it is given back", guard::Unlock(first, kSection), kOurs);
  Expect("who asked left nothing behind", guard::TryLock(second, kSection), kOurs);
  guard::Unlock(second, kSection);
  guard::TryLock(first, kSection);
  close(open(path, O_RDONLY | O_CLOEXEC));
  Expect("closing another description does not end it", guard::AskLocks(second, kSection, 1), kBusy);
  close(first);
  Expect("closing its own description ends it", guard::AskLocks(second, kSection, 1), kOurs);
  close(second);
  Expect("a closed descriptor is an error", guard::TryLock(second, kSection), kFailed);
  Expect("it can't be asked either", guard::AskLocks(second, kSection, 1), kFailed);
  Expect("nor can one wait through it", guard::OpenWaitingFile(second) == nullptr);
}

void ManyNumbers(const char* path) {
  const int first = Open(path);
  const int second = Open(path);
  const char text[] = "what is told";
  Expect("a text is written", write(first, text, sizeof text) == sizeof text);
  Expect("one is taken", guard::TryLock(first, kFirst), kOurs);
  Expect("the one before it is free", guard::TryLock(second, kFirst - 1), kOurs);
  Expect("the one behind it is free", guard::TryLock(second, kFirst + 1), kOurs);
  Expect("the last one is free", guard::TryLock(second, kLast), kOurs);
  Expect("the last one is held", guard::AskLocks(first, kLast, 1), kBusy);
  Expect("one is seen at the end of a range", guard::AskLocks(second, kFirst - 9, 10), kBusy);
  Expect("one is seen at the beginning of a range", guard::AskLocks(second, kFirst, 10), kBusy);
  Expect("a range that ends before it is free", guard::AskLocks(second, kFirst - 10, 10), kOurs);
  Expect("a range that begins behind it is free", guard::AskLocks(second, kFirst + 1, 10), kOurs);
  Expect("giving one back", guard::Unlock(second, kFirst + 1), kOurs);
  Expect("leaves the others held", guard::AskLocks(first, kFirst - 1, 1), kBusy);
  Expect("and is seen", guard::AskLocks(first, kFirst + 1, 1), kOurs);
  char read[sizeof text] = "";
  Expect("what is locked is read", pread(second, read, sizeof read, 0) == sizeof read && std::strcmp(read, text) == 0);
  close(first);
  close(second);
}

// Another process that does what `act` says with a description of its own, tells by one letter, and stays.
template <typename Act>
pid_t Fork(const char* path, int told, Act act) {
  const pid_t child = fork();
  if (child != 0) return child;
  const int own = Open(path);
  act(own, told);
  for (;;) pause();
}

void Tell(int told, char letter) {
  if (write(told, &letter, 1) != 1) _exit(1);
}

char Hear(int heard) {
  char letter = '?';
  return read(heard, &letter, 1) == 1 ? letter : '!';
}

void End(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

void OtherProcesses(const char* path) {
  int ends[2];
  if (pipe(ends) != 0) return;
  const int own = Open(path);
  const pid_t child = Fork(
      path, ends[1], [](int file, int told) { Tell(told, guard::TryLock(file, kSection).state == kOurs ? 'y' : 'n'); });
  Expect("another process locks", Hear(ends[0]) == 'y');
  Expect("another process holds it", guard::AskLocks(own, kSection, 1), kBusy);
  End(child);
  Expect("it ends with its process, even where that is killed", guard::AskLocks(own, kSection, 1), kOurs);
  close(own);
  close(ends[0]);
  close(ends[1]);
}

// 'S' is asleep, 'T' is stopped. Without /proc some time must do.
void AwaitState(pid_t process, char state) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/stat", process);
  for (int tries = 0; tries < 10'000; tries++) {
    FILE* file = std::fopen(path, "r");
    char found = state;
    if (file == nullptr) {
      usleep(200'000);
      return;
    }
    if (std::fscanf(file, "%*d (%*[^)]) %c", &found) != 1) found = '?';
    std::fclose(file);
    if (found == state) return;
    usleep(1000);
  }
  Expect("a process comes to a state in ten seconds", false);
}

// A process that waits for the section in a line, tells its letter once it has it, and keeps it until it is killed.
pid_t Wait(const char* path, int told, char letter) {
  const pid_t child = Fork(path, told, [letter](int file, int out) {
    const auto waiting = guard::OpenWaitingFile(file);
    close(file);  // the lock belongs to the description, which lives on in the copy
    const bool got = waiting != nullptr && waiting->Wait(kSection).state == kOurs;
    Tell(out, got ? letter : 'n');
    for (;;) pause();
  });
  AwaitState(child, 'S');
  return child;
}

void Waiting(const char* path) {
  int ends[2];
  if (pipe(ends) != 0) return;
  const int own = Open(path);
  Expect("the section is taken", guard::TryLock(own, kSection), kOurs);
  // A process that has not come to its call is asleep nowhere else: it was made by this one, and runs.
  const pid_t first = Wait(path, ends[1], '1');
  const pid_t second = Wait(path, ends[1], '2');
  const pid_t third = Wait(path, ends[1], '3');
  guard::Unlock(own, kSection);
  Expect("the first one gets it first", Hear(ends[0]) == '1');
  Expect("who waits has it", guard::AskLocks(own, kSection, 1), kBusy);
  End(first);
  Expect("the second one gets it second", Hear(ends[0]) == '2');
  End(second);
  Expect("the third one gets it third", Hear(ends[0]) == '3');
  End(third);

  Expect("the section is taken again", guard::TryLock(own, kSection), kOurs);
  const pid_t stopped = Wait(path, ends[1], '4');
  const pid_t behind = Wait(path, ends[1], '5');
  kill(stopped, SIGSTOP);
  AwaitState(stopped, 'T');
  guard::Unlock(own, kSection);
  Expect("who stands behind one that was stopped gets it", Hear(ends[0]) == '5');
  kill(stopped, SIGCONT);
  End(behind);
  Expect("who goes on gets it afterwards", Hear(ends[0]) == '4');
  End(stopped);
  close(own);
  close(ends[0]);
  close(ends[1]);
}

void WaitingFiles(const char* path) {
  const int own = Open(path);
  const int other = Open(path);
  auto waiting = guard::OpenWaitingFile(own);
  Expect("a free lock is got at once", waiting->Wait(kSection), kOurs);
  close(own);
  Expect("it outlives the descriptor that it was made from", guard::AskLocks(other, kSection, 1), kBusy);
  const double note[] = {5, 7};
  waiting->Write(32, note, sizeof note);
  double read[2] = {};
  Expect("what it writes is read", pread(other, read, sizeof read, 32) == sizeof read && read[0] == 5 && read[1] == 7);
  Expect("it gives back", waiting->Unlock(kSection), kOurs);
  Expect("what it gave back is free", guard::AskLocks(other, kSection, 1), kOurs);
  Expect("it gets another", waiting->Wait(kFirst), kOurs);
  waiting.reset();
  Expect("with it ends what it holds", guard::AskLocks(other, kFirst, 1), kOurs);
  close(other);
}

}  // namespace

int main(int, char** arguments) {
  const char* path = arguments[1];
  OneNumber(path);
  ManyNumbers(path);
  OtherProcesses(path);
  WaitingFiles(path);
  Waiting(path);
  return wrong;
}
