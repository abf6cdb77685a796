// What a test tells the double to do: `<<double key=value;key=value>>` in a prompt, or the same list in NEXA_DOUBLE_INIT
// and NEXA_DOUBLE_CREATE.
//   hang=FILE      waits until FILE is there, as an encoder that can't be interrupted
//   fail=CODE      returns it; in a prompt after the tokens of `say`
//   throw=1        throws an exception out of the call
//   say=HEX,HEX    the tokens as bytes; one of several bytes is cut in another way when it comes back in a prompt
//   pace=US        µs for each token
//   reason=TEXT    the stop reason; `none` is NULL
//   notext=1       no full text
//   changed=1      where the model has a projector, the prompt is no continuation, whatever it says
//   nohandle=1     create returns 0 and no handle
//   memory=WHAT    in create: read: the model is read into memory, not mapped · repack: matrices in Q4_0 and Q4_K are moved
//                  from the file's pages into memory of their own
//   pairs=1        in create: the tokenizer makes one token of two bytes, the model says one-byte tokens
//   debug=1        in create: the older generation logs what its debug builds log
//   odd=WHAT       null: a NULL token first · again: one more token after a false · thread: tokens from another thread ·
//                  late: a token from another thread after the call has returned · beside: NULL tokens from another
//                  thread all the while and longer
//   logs=N         N lines of every level from another thread meanwhile
#pragma once

#include <map>
#include <string>

namespace fake {

class Orders {
 public:
  static Orders InPrompt(const std::string& prompt);
  static Orders InVariable(const char* name);

  bool Has(const char* key) const { return orders_.count(key) > 0; }
  std::string Text(const char* key) const;
  int Whole(const char* key, int missing) const;
  // `hang` and `throw`.
  void Obey() const;

 private:
  std::map<std::string, std::string> orders_;
};

}  // namespace fake
