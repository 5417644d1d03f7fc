// A compiled regular expression of a tokenizer file. Those files are written for the Oniguruma engine (Ruby
// syntax); here PCRE2 runs them, and what the two engines read differently is translated or refused by name.
// Not a general regular-expression wrapper: it only finds all matches.
#pragma once

#include "core/base/outcome.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace qroar {

/// A stretch of a text, [begin, end) in bytes.
struct Stretch {
    std::size_t begin = 0, end = 0;
    bool isMatch = false;
};

/// The same expression in PCRE2's syntax (UTF, UCP, MULTILINE): \s, \d, \w and \h by their Unicode
/// properties, scripts without script extensions, Ruby's reading of {n,m}+ and {n}?. An error names the
/// construct that has no counterpart here (class intersections, nested classes, back references, unusual
/// groups).
Outcome<std::string> onigurumaToPcre(std::string_view pattern);

class Regex {
  public:
    /// An error names `where` and says what is wrong with the pattern.
    static Outcome<Regex> compile(std::string_view pattern, const std::string& where);

    /// All matches in well-formed UTF-8, leftmost first, and the stretches between them: together they cover
    /// `subject`. Throws std::runtime_error when the pattern needs too much time or memory on this text.
    void findAll(std::string_view subject, std::vector<Stretch>& stretches) const;

  private:
    struct Code;
    std::shared_ptr<const Code> code_;
};

} // namespace qroar
