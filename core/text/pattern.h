// The `pattern` of Split and Replace in a tokenizer.json: a regular expression or a literal string.
#pragma once

#include "core/base/outcome.h"
#include "core/text/regex.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qroar {

class Pattern {
  public:
    /// {"Regex": "..."} or {"String": "..."}.
    static Outcome<Pattern> parse(const nlohmann::json& description, const std::string& where);
    static Pattern literal(std::string text);
    static Pattern regex(Regex regex);

    /// As Regex::findAll.
    void findAll(std::string_view subject, std::vector<Stretch>& stretches) const;

  private:
    std::optional<Regex> regex_; ///< else literal_, which is not empty
    std::string literal_;
};

} // namespace qroar
