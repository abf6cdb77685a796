#pragma once

// What a context holds, by itself: native/nexa/{context_lines,language_context,media_context,text_watch}.
void TestContexts();
